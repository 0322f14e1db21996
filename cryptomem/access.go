package cryptomem

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/Zezezknight/cryptomem/sealing"
)

// An Access describes one read or write of a key in full. It is for programs
// built on a client, such as the proxy, that run many at once and reuse them.
// Most programs want [Client.Get], [Client.Set] and the like instead.
type Access struct {
	// CommandGet, CommandGetItem, CommandSet, CommandAdd, CommandReplace, CommandSwap or CommandDelete.
	Command Command
	// Key belongs to the caller; it may be empty in a namespace.
	Key []byte

	// Value is what to store; it is not modified. A read appends what it found
	// to Value[:0], which is empty after an error.
	Value []byte

	// Expires is when the value expires: for a write, the instant to seal it
	// with, and after a read, the instant it was sealed with. The zero Time means
	// never. A value stored with an instant in the past is gone at once, for
	// every client.
	Expires time.Time

	// Version is what CommandSwap expects and what CommandGetItem and CommandSwap
	// set. CommandGetItem sets it also with ErrNotFound if a value is there that
	// must not be used, so that a swap can replace it.
	Version uint64

	// Err is the error that the client's method for the command would return.
	Err error
}

// accesses are the operations of an AccessAll under construction.
type accesses struct{ entries []entry }

var accessPool = sync.Pool{New: func() any { return new(accesses) }}

// AccessAll carries out the accesses together, those of one key in order, and
// sets the Err of each. It retries and refuses as the client's other methods do.
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

// endAccess copies the answer into a and releases the operation.
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
