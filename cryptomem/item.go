package cryptomem

import (
	"context"
	"errors"
	"time"

	"github.com/Zezezknight/cryptomem/sealing"
)

// An Item is a value with its version and its end.
type Item = ItemOf[[]byte]

// An ItemOf is a value of a type with its version and its end.
type ItemOf[T any] struct {
	Value T

	// Version changes with every change of the item and is never reused for
	// its key as long as the server runs.
	Version uint64

	// Expires is when the value ends, as its seal says: no server can tell
	// otherwise. The zero Time means never.
	Expires time.Time
}

// GetItem returns the value under the key with its version, for
// CompareAndSwap; ErrNotFound if there is none. A version that comes with
// ErrNotFound is that of something which must not be used, such as a value that
// has expired by this client's clock and not by the server's, or that is ErrStale:
// it can be swapped.
func (c *Client) GetItem(ctx context.Context, key string) (Item, error) {
	item, _, err := c.getItem(ctx, key)
	return item, err
}

// getItem is GetItem and tells when the value was sealed as well.
func (c *Client) getItem(ctx context.Context, key string) (Item, sealing.Stamp, error) {
	op, err := c.begin(CommandGetItem, key)
	if err != nil {
		return Item{}, 0, err
	}
	defer op.end()
	if err := c.do(ctx, op); err != nil {
		return Item{}, 0, err
	}
	item := Item{Version: op.Version}
	if item.Value, err = op.open(nil); err != nil {
		return item, 0, err
	}
	h, err := sealing.ParseHeader(op.Answer)
	item.Expires = h.Expiry()
	return item, h.Stamp, err
}

// Add stores the value under a key that holds none; ErrExists if it does. What is
// there and ErrStale counts as none.
func (c *Client) Add(ctx context.Context, key string, value []byte, opts ...StoreOption) error {
	life, err := c.lifetime(opts)
	if err != nil {
		return err
	}
	// there is nothing to keep
	life.keep = false
	err = c.storeFor(ctx, CommandAdd, key, value, life)
	if !errors.Is(err, ErrExists) {
		return err
	}
	// A store may still hold what its seal says is over, or what is stale.
	item, missing := c.GetItem(ctx, key)
	if !errors.Is(missing, ErrNotFound) || item.Version == 0 {
		return err
	}
	_, swapped := c.swap(ctx, key, value, item.Version, life)
	if errors.Is(swapped, ErrChanged) || errors.Is(swapped, ErrNotFound) {
		// another client was faster
		return err
	}
	return swapped
}

// Replace stores the value under a key that holds one; ErrNotFound if not.
func (c *Client) Replace(ctx context.Context, key string, value []byte, opts ...StoreOption) error {
	return c.store(ctx, CommandReplace, key, value, opts)
}

// CompareAndSwap stores the value if the item still has the version that
// GetItem told, and returns the new version. ErrChanged if the version is
// another one, ErrNotFound if the item is gone.
func (c *Client) CompareAndSwap(ctx context.Context, key string, value []byte, version uint64, opts ...StoreOption) (uint64, error) {
	life, err := c.lifetime(opts)
	if err != nil {
		return 0, err
	}
	if life.keep {
		item, err := c.GetItem(ctx, key)
		if err == nil && item.Version != version {
			err = ErrChanged
		}
		if err != nil {
			return 0, err
		}
		life = life.kept(item.Expires)
	}
	return c.swap(ctx, key, value, version, life)
}

func (c *Client) swap(ctx context.Context, key string, value []byte, version uint64, life lifetime) (uint64, error) {
	op, err := c.begin(CommandSwap, key)
	if err != nil {
		return 0, err
	}
	defer op.end()
	op.Version = version
	if err := op.storeFor(value, life); err != nil {
		return 0, err
	}
	if err := c.do(ctx, op); err != nil {
		return 0, err
	}
	return op.Version, nil
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
