package cryptomem

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// An Item is a value with what the server tells about it.
type Item struct {
	Value []byte

	// Version changes with every change of the item and is never reused for
	// its key as long as the server runs.
	Version uint64

	// TTL is the time left, as the server says; 0 means no expiry. What the
	// seal says is checked, whatever the server tells here.
	TTL time.Duration
}

// updateAttempts is how often a read and a swap are tried while somebody else
// keeps changing the item in between.
const updateAttempts = 16

// Add stores the value under a key that holds none; ErrExists if it does.
func (c *Client) Add(ctx context.Context, key string, value []byte, opts ...StoreOption) error {
	err := c.store(ctx, CommandAdd, key, value, opts)
	if !errors.Is(err, ErrExists) {
		return err
	}
	// A store whose clock is behind may still hold what its seal says is over.
	version, over := c.expired(ctx, key)
	if !over {
		return err
	}
	_, err = c.CompareAndSwap(ctx, key, value, version, opts...)
	if errors.Is(err, ErrChanged) || errors.Is(err, ErrNotFound) {
		return ErrExists
	}
	return err
}

// expired reports whether the store holds a value past its sealed expiry, and
// which version.
func (c *Client) expired(ctx context.Context, key string) (version uint64, over bool) {
	op, err := c.begin(CommandGetItem, key)
	if err != nil {
		return 0, false
	}
	defer op.end()
	if err := c.do(ctx, op); err != nil {
		return 0, false
	}
	_, err = op.open(nil)
	return op.Version, errors.Is(err, ErrExpired)
}

// Replace stores the value under a key that holds one; ErrNotFound if not.
func (c *Client) Replace(ctx context.Context, key string, value []byte, opts ...StoreOption) error {
	return c.store(ctx, CommandReplace, key, value, opts)
}

// GetItem returns the value under the key with its version, for
// CompareAndSwap; ErrNotFound if there is none.
func (c *Client) GetItem(ctx context.Context, key string) (Item, error) {
	op, err := c.begin(CommandGetItem, key)
	if err != nil {
		return Item{}, err
	}
	defer op.end()
	if err := c.do(ctx, op); err != nil {
		return Item{}, err
	}
	value, err := op.open(nil)
	if err != nil {
		return Item{}, err
	}
	return Item{Value: value, Version: op.Version, TTL: op.Remaining}, nil
}

// CompareAndSwap stores the value if the item still has the version that
// GetItem told, and returns the new version. ErrChanged if the version is
// another one, ErrNotFound if the item is gone.
func (c *Client) CompareAndSwap(ctx context.Context, key string, value []byte, version uint64, opts ...StoreOption) (uint64, error) {
	op, err := c.begin(CommandSwap, key)
	if err != nil {
		return 0, err
	}
	defer op.end()
	op.Version = version
	if err := op.store(value, opts); err != nil {
		return 0, err
	}
	if err := c.do(ctx, op); err != nil {
		return 0, err
	}
	return op.Version, nil
}

// Touch gives the item a new TTL, 0 meaning none; ErrNotFound if there is none.
// The expiry is part of the seal, so the value is fetched, sealed anew and
// swapped in; if others keep changing it meanwhile, Touch gives up with
// ErrChanged.
func (c *Client) Touch(ctx context.Context, key string, ttl time.Duration) error {
	return c.update(ctx, key, func(value []byte, found bool) ([]byte, error) {
		if !found {
			return nil, ErrNotFound
		}
		return value, nil
	}, []StoreOption{TTL(ttl)})
}

// update stores what change makes of the value under the key, and starts over
// if somebody else changed it meanwhile.
func (c *Client) update(ctx context.Context, key string, change func(value []byte, found bool) ([]byte, error), opts []StoreOption) error {
	for attempt := 1; ; attempt++ {
		item, err := c.GetItem(ctx, key)
		found := err == nil
		if !found && !errors.Is(err, ErrNotFound) {
			return err
		}
		value, err := change(item.Value, found)
		if err != nil {
			return err
		}
		if found {
			_, err = c.CompareAndSwap(ctx, key, value, item.Version, opts...)
		} else {
			err = c.Add(ctx, key, value, opts...)
		}
		lost := errors.Is(err, ErrChanged) || errors.Is(err, ErrExists) || found && errors.Is(err, ErrNotFound)
		switch {
		case !lost:
			return err
		case attempt == updateAttempts:
			return ErrChanged
		}
	}
}

// GetDelete removes the item and returns the value it had; ErrNotFound if there
// is none. An answer that gets lost loses the value: ErrMaybeApplied.
func (c *Client) GetDelete(ctx context.Context, key string) ([]byte, error) {
	op, err := c.begin(CommandGetDel, key)
	if err != nil {
		return nil, err
	}
	defer op.end()
	if err := c.do(ctx, op); err != nil {
		return nil, err
	}
	return op.open(nil)
}

// Ping asks the server for a sign of life.
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

// Stats returns the server's statistics as JSON: one section, or all of them
// by name if section is empty.
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
// prefix, and returns how many there were. Without a namespace that is
// everybody's. A server has to be configured to allow it; blind names leave no
// prefix to go by, so with them only an empty one works.
func (c *Client) Flush(ctx context.Context, prefix string) (removed uint64, err error) {
	var name []byte
	if n := c.opts.namespace; n != "" {
		name = append(append(name, byte(len(n))), n...)
	}
	if c.opts.blindNames && len(prefix) > 0 {
		return 0, errors.New("blind names have no prefix to flush by")
	}
	name = append(name, prefix...)
	if len(name) > wire.MaxKeySize {
		return 0, fmt.Errorf("%w: prefix is %d bytes with its namespace, limit %d", ErrTooLarge, len(name), wire.MaxKeySize)
	}
	op, err := c.beginBare(CommandFlush, name, nil)
	if err != nil {
		return 0, err
	}
	defer op.end()
	if err := c.do(ctx, op); err != nil {
		return 0, err
	}
	return op.Count, nil
}
