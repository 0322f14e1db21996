package cryptomem

import (
	"context"
	"errors"
	"time"

	"github.com/Zezezknight/cryptomem/sealing"
)

// An Item is a value with its version and expiry.
type Item = ItemOf[[]byte]

// An ItemOf is a value of type T with its version and expiry.
type ItemOf[T any] struct {
	Value T

	// Version changes with every change of the item. While the server runs, no
	// version of a key is used twice.
	Version uint64

	// Expires is when the value expires. It is part of the seal, so a server
	// cannot change it. The zero Time means never.
	Expires time.Time
}

// GetItem returns the value under the key with its version, for
// CompareAndSwap; ErrNotFound if there is none. ErrNotFound may come with a
// version: the key then holds a value that must not be used, because it is
// ErrStale or has expired by this client's clock. CompareAndSwap can replace it.
func (c *Client) GetItem(ctx context.Context, key string) (Item, error) {
	item, _, err := c.getItem(ctx, key)
	return item, err
}

// getItem is GetItem and also returns when the value was sealed.
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

// Add stores the value if there is none under the key, else it fails with
// ErrExists. A value that is ErrStale counts as none.
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
	// A store may still hold a value that has expired by its seal, or is stale.
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

// Replace stores the value if there is one under the key, else it fails with
// ErrNotFound.
func (c *Client) Replace(ctx context.Context, key string, value []byte, opts ...StoreOption) error {
	return c.store(ctx, CommandReplace, key, value, opts)
}

// CompareAndSwap stores the value if the item still has the version that GetItem
// returned, and returns the new version. It fails with ErrChanged if the version
// is another one and with ErrNotFound if the item is gone.
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

// GetDelete removes the item and returns its value; ErrNotFound if there is none.
// If the answer is lost, so is the value, and the error is ErrMaybeApplied.
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
