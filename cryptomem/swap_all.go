package cryptomem

import (
	"context"
	"fmt"
)

// Together reports whether the store's SwapAll can take these keys together. It may
// report true wrongly, but never false. It does not block.
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

// SwapAll carries out all of the accesses or none of them, and no client sees only
// some of them done. Each has a different key and is a CommandSet, CommandAdd,
// CommandSwap or CommandGetItem. A CommandGetItem returns no value but is a
// condition: the key must still have the Version that an earlier CommandGetItem
// returned, or hold nothing if that is 0.
//
// The error, also in the Err of each access, is ErrChanged if a condition did not
// hold. It is ErrNotSupported on stores that change one key at a time, such as
// cryptomem servers, and for keys that a store cannot change together: on Valkey and
// Redis, keys in different hash slots of a cluster.
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

// attemptAll sends the operations in one step and retries if that is allowed.
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
