package cryptomem

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// Ping checks that the server answers.
func (c *Client) Ping(ctx context.Context) error {
	sign := []byte("ping")
	op, err := c.beginBare(CommandPing, nil, sign)
	if err != nil {
		return err
	}
	defer op.end()
	if err := c.do(ctx, op); err != nil {
		return err
	}
	if !bytes.Equal(op.Answer, sign) {
		return errors.New("answer to PING is not what was sent")
	}
	return nil
}

// Stats returns a section of the server's statistics, such as "cache", as JSON. If
// section is empty, it returns an object of all sections by name. Where clients
// authenticate, the server refuses an identity without the right to statistics with
// ErrDenied.
func (c *Client) Stats(ctx context.Context, section string) ([]byte, error) {
	op, err := c.beginBare(CommandStats, []byte(section), nil)
	if err != nil {
		return nil, err
	}
	defer op.end()
	if err := c.do(ctx, op); err != nil {
		return nil, err
	}
	return bytes.Clone(op.Answer), nil
}

// Flush removes every item of the client's namespace whose key begins with
// prefix, and returns how many there were. A client without a namespace removes
// the items of all clients.
//
// A server that is not configured to allow it answers ErrFlushDisabled. With blind
// names only an empty prefix works, since a hash keeps no prefix.
func (c *Client) Flush(ctx context.Context, prefix string) (removed uint64, err error) {
	if c.opts.blindNames && len(prefix) > 0 {
		return 0, errors.New("blind names have no prefix to flush by")
	}
	name, err := c.namesWith(prefix)
	if err != nil {
		return 0, err
	}
	op, err := c.beginBare(CommandFlush, name, nil)
	if err != nil {
		return 0, err
	}
	defer op.end()
	op.everything = prefix == ""
	if err := c.do(ctx, op); err != nil {
		return 0, err
	}
	return op.Count, nil
}

// namesWith returns the prefix of the wire names of the namespace's keys that begin
// with prefix. Names must not be blind.
func (c *Client) namesWith(prefix string) ([]byte, error) {
	name := []byte(sealing.NamespacePrefix(c.Namespace()))
	name = append(name, prefix...)
	if len(name) > wire.MaxKeySize {
		return nil, fmt.Errorf("%w: prefix is %d bytes with its namespace, limit %d", ErrTooLarge, len(name), wire.MaxKeySize)
	}
	return name, nil
}
