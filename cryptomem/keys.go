package cryptomem

import (
	"context"
	"fmt"
	"iter"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// Keys returns the keys of the client's namespace that begin with prefix, in no
// order, for a range loop:
//
//	for key, err := range client.Keys(ctx, "session:") {
//
// A key that exists during the whole iteration comes at least once, possibly
// twice; one that is added or removed meanwhile may come or not. The keys are
// fetched a hundred at a time, so that the store is never blocked for long. An
// error ends the iteration. Blind names cannot be listed: ErrNotSupported. A client
// without a namespace lists the keys of all clients.
func (c *Client) Keys(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for cursor := uint64(0); ; {
			keys, next, err := c.ScanKeys(ctx, prefix, cursor, 0)
			for _, key := range keys {
				if !yield(key, nil) {
					return
				}
			}
			if err != nil {
				yield("", err)
				return
			}
			if cursor = next; cursor == 0 {
				return
			}
		}
	}
}

// ScanKeys is one step of Keys. It returns about as many keys as most says, or as
// many as the store likes if that is 0, and the cursor of the next step. The first
// step takes the cursor 0, and the last one returns it. A step before the last may
// return no key.
func (c *Client) ScanKeys(ctx context.Context, prefix string, cursor uint64, most int) (keys []string, next uint64, err error) {
	if c.opts.blindNames {
		return nil, 0, fmt.Errorf("%w: blind names cannot be listed", ErrNotSupported)
	}
	name, err := c.namesWith(prefix)
	if err != nil {
		return nil, 0, err
	}
	op, err := c.beginBare(CommandScan, name, nil)
	if err != nil {
		return nil, 0, err
	}
	defer op.end()
	op.Cursor, op.Count = cursor, uint64(max(most, 0))
	if err := c.do(ctx, op); err != nil {
		return nil, 0, err
	}
	// what belongs to the namespace
	own := len(name) - len(prefix)
	for names := op.Answer; len(names) > 0; {
		var found []byte
		if found, names, err = wire.CutName(names); err != nil {
			return nil, 0, err
		}
		if len(found) < len(name) || string(found[:len(name)]) != string(name) {
			return nil, 0, fmt.Errorf("answer to SCAN has a name that does not begin with the prefix")
		}
		keys = append(keys, string(found[own:]))
	}
	return keys, op.Cursor, nil
}
