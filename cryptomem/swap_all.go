package cryptomem

import (
	"context"
	"fmt"
)

// Together reports whether SwapAll may take these keys: false if it surely does
// not, which depends on the store. It waits for nothing.
func (c *Client) Together(keys ...[]byte) bool {
	s, ok := c.below.(Swapper)
	if !ok || c.err != nil {
		return false
	}
	names := make([][]byte, len(keys))
	for i, key := range keys {
		names[i] = c.sealer.AppendWireName(nil, key)
	}
	return s.Together(names)
}

// SwapAll carries out all of the accesses or none of them, and no client sees a part
// of it. Each has a key of its own and is CommandSet, CommandAdd, CommandSwap, or a
// CommandGetItem: that one answers nothing, but the key must still have the Version
// that another CommandGetItem told, or hold nothing if it is 0.
//
// The error, which each access has too, is ErrChanged if a key was not as its
// access wants it. ErrNotSupported is that of stores that change one key at a time,
// as cryptomem servers do, and of keys that a store cannot change together: on
// Valkey and Redis, those of several hash slots of a cluster.
func (c *Client) SwapAll(ctx context.Context, all []*Access) error {
	err := c.swapAll(ctx, all)
	for _, a := range all {
		a.Err = err
	}
	return err
}

func (c *Client) swapAll(ctx context.Context, all []*Access) error {
	s, ok := c.below.(Swapper)
	switch {
	case c.err != nil:
		return c.err
	case !ok:
		return fmt.Errorf("%w: the store changes one key at a time", ErrNotSupported)
	}
	ops := make([]*operation, 0, len(all))
	defer func() {
		for _, op := range ops {
			op.end()
		}
	}()
	for _, a := range all {
		switch a.Command {
		case CommandSet, CommandAdd, CommandSwap, CommandGetItem:
		default:
			return fmt.Errorf("%w: %v in a SwapAll", ErrNotSupported, a.Command)
		}
		e := c.beginAccess(a)
		if e.op != nil {
			e.op.Version = a.Version
			ops = append(ops, e.op)
		}
		if e.err != nil {
			return e.err
		}
	}
	if err := c.attemptAll(ctx, s, ops); err != nil {
		return err
	}
	for i, a := range all {
		a.Version = ops[i].Version
	}
	return nil
}

// attemptAll sends the operations in one step, again where the rules of
// repetition allow.
func (c *Client) attemptAll(ctx context.Context, s Swapper, ops []*operation) error {
	if len(ops) == 0 {
		return nil
	}
	if c.opts.observer != nil {
		entries := make([]*entry, len(ops))
		for i, op := range ops {
			entries[i] = &entry{op: op}
		}
		end := c.observeAll(ctx, entries)
		defer func() {
			for i := range entries {
				entries[i].err = ops[i].Err
			}
			end()
		}()
	}
	requests := make([]*Request, len(ops))
	// stands for all: one that writes, if any does
	last := ops[0]
	for i, op := range ops {
		requests[i] = &op.Request
		if op.Sealer != nil {
			last = op
		}
	}
	for attempt := 1; ; attempt++ {
		for _, op := range ops {
			op.recall()
		}
		err := s.SwapAll(ctx, requests)
		if c.again(ctx, last, err, attempt) {
			continue
		}
		err = c.outcome(ctx, last, err)
		for _, op := range ops {
			if op.Err = err; op.Sealer != nil {
				op.learn(err)
			}
		}
		return err
	}
}
