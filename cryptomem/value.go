package cryptomem

import (
	"context"
	"errors"
)

// Get returns the value under the key; ErrNotFound if there is none.
func (c *Client) Get(ctx context.Context, key string) ([]byte, error) {
	return c.GetAppend(ctx, nil, key)
}

// GetAppend appends the value under the key to dst and returns the extended
// slice, without allocating if dst has room. On an error it returns dst as it
// was.
func (c *Client) GetAppend(ctx context.Context, dst []byte, key string) ([]byte, error) {
	op, err := c.begin(CommandGet, key)
	if err != nil {
		return dst, err
	}
	defer op.end()
	if err := c.do(ctx, op); err != nil {
		return dst, err
	}
	return c.read(ctx, op, dst)
}

// read opens the answer to op, a GET. A near copy that does not open or is stale is
// dropped, and the server asked.
func (c *Client) read(ctx context.Context, op *operation, dst []byte) ([]byte, error) {
	value, err := op.open(dst)
	if err == nil || !op.Near {
		return value, err
	}
	op.Fresh = true
	if err := c.do(ctx, op); err != nil {
		return dst, err
	}
	return op.open(dst)
}

// Exists reports whether there is a value under the key that Get would return.
// It costs what Get costs: only opening the value tells that it is genuine.
func (c *Client) Exists(ctx context.Context, key string) (bool, error) {
	_, err := c.Get(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Set stores the value under the key, replacing any value there.
func (c *Client) Set(ctx context.Context, key string, value []byte, opts ...StoreOption) error {
	return c.store(ctx, CommandSet, key, value, opts)
}

// Delete removes the value under the key; ErrNotFound if there is none. If the
// connection broke during a first attempt and the retry finds no value, Delete
// returns nil. See Remove if a missing value is fine.
func (c *Client) Delete(ctx context.Context, key string) error {
	op, err := c.begin(CommandDelete, key)
	if err != nil {
		return err
	}
	defer op.end()
	return c.do(ctx, op)
}

// Remove is like Delete, but returns nil if there is no value.
func (c *Client) Remove(ctx context.Context, key string) error {
	if err := c.Delete(ctx, key); !errors.Is(err, ErrNotFound) {
		return err
	}
	return nil
}

// store stores the value under the key. For KeepTTL it reads the old value first.
func (c *Client) store(ctx context.Context, command Command, key string, value []byte, opts []StoreOption) error {
	life, err := c.lifetime(opts)
	if err != nil {
		return err
	}
	if !life.keep {
		return c.storeFor(ctx, command, key, value, life)
	}
	_, err = c.update(ctx, key, life, func(_ []byte, found bool) ([]byte, error) {
		if !found && command == CommandReplace {
			return nil, ErrNotFound
		}
		return value, nil
	})
	return err
}

func (c *Client) storeFor(ctx context.Context, command Command, key string, value []byte, life lifetime) error {
	op, err := c.begin(command, key)
	if err != nil {
		return err
	}
	defer op.end()
	if err := op.storeFor(value, life); err != nil {
		return err
	}
	return c.do(ctx, op)
}
