package cryptomem

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/Zezezknight/cryptomem/sealing"
)

// An Access is one read or write of a key with all that can be said of it: what
// stands on a client, as the proxy does, makes many of them at once and keeps
// them for the next time. Most programs want the methods named after what they
// do instead.
type Access struct {
	// CommandGet, CommandGetItem, CommandSet, CommandAdd, CommandReplace, CommandSwap or CommandDelete.
	Command Command
	// The caller's; may be empty in a namespace.
	Key []byte

	// Value is what to store, which stays as it is. For a read, what was found
	// is appended to Value[:0]; it is empty after an error.
	Value []byte

	// Expires is the instant that the seal says the value ends with, and that a
	// value read was sealed with. The zero Time is for good. What is stored with
	// an instant in the past is gone at once, to everybody.
	Expires time.Time

	// Version is what CommandSwap expects, and then what CommandGetItem and
	// CommandSwap tell. CommandGetItem tells it also with ErrNotFound for what is
	// there but must not be used: such a value is replaced by a swap.
	Version uint64

	// As that of the method.
	Err error
}

// accesses are the operations of an AccessAll in the making.
type accesses struct{ entries []entry }

var accessPool = sync.Pool{New: func() any { return new(accesses) }}

// AccessAll carries the accesses out in one go, those of one key in their order,
// and sets the Err of each. Retries and what is refused are as everywhere in the
// client.
func (c *Client) AccessAll(ctx context.Context, all []*Access) {
	p := accessPool.Get().(*accesses)
	for _, a := range all {
		p.entries = append(p.entries, c.beginAccess(a))
	}
	if len(all) == 1 {
		if e := &p.entries[0]; e.err == nil {
			e.err = c.do(ctx, e.op)
		}
	} else {
		c.doAll(ctx, p.entries)
	}
	for i, a := range all {
		e := &p.entries[i]
		if a.Err = e.err; e.op != nil {
			e.op.endAccess(ctx, a)
		}
	}
	clear(p.entries)
	p.entries = p.entries[:0]
	accessPool.Put(p)
}

func (c *Client) beginAccess(a *Access) entry {
	op, err := beginKey(c, a.Command, a.Key)
	if err != nil {
		return entry{err: err}
	}
	switch a.Command {
	case CommandGet, CommandGetItem, CommandDelete:
		return entry{op: op}
	case CommandSet, CommandAdd, CommandReplace, CommandSwap:
	default:
		op.end()
		return entry{err: errors.New("an Access is none of reading, storing or deleting")}
	}
	op.Version = a.Version
	return entry{op: op, err: op.storeFor(a.Value, lifetime{until: a.Expires, fixed: true})}
}

// endAccess puts the answer into a and gives the operation back.
func (op *operation) endAccess(ctx context.Context, a *Access) {
	switch a.Command {
	case CommandGet, CommandGetItem:
		a.Value, a.Expires, a.Version = a.Value[:0], time.Time{}, op.Version
		if a.Err != nil {
			break
		}
		if a.Value, a.Err = op.client.read(ctx, op, a.Value); a.Err == nil {
			a.Expires, a.Err = sealing.Expiry(op.Answer)
		}
	case CommandSwap:
		a.Version = op.Version
	}
	op.end()
}
