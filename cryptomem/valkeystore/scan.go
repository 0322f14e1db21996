package valkeystore

import (
	"context"
	"errors"
	"fmt"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// In a cluster, a cursor has the node's place among the primaries above the node's
// own cursor, which is as large as its table has slots, with the hash slot below
// in newer servers.
const nodeShift = 52

// maxScans is how many SCANs run at once.
const maxScans = 16

// A step is what one SCAN of one node has found.
type step struct {
	// names are encoded by wire.AppendName.
	names []byte
	next  uint64
	err   error
}

// scan returns the names that one SCAN of one node finds. If primaries come or go
// between the steps, names may be missing: scan a cluster again after resharding. It
// runs in its own goroutine, as flush does.
func (s *Store) scan(ctx context.Context, b *backend, r *cryptomem.Request) error {
	if err := b.scans.Acquire(ctx, 1); err != nil {
		return err
	}
	prefix, cursor, most := string(r.Name), r.Cursor, r.Count
	done := make(chan step, 1)
	go func() {
		defer b.scans.Release(1)
		done <- b.scan(ctx, prefix, cursor, most)
	}()
	select {
	case found := <-done:
		r.Answer, r.Cursor = append(r.Answer[:0], found.names...), found.next
		if errors.Is(found.err, cryptomem.ErrNotSupported) {
			return found.err
		}
		return s.flushError(ctx, r, found.err)
	case <-ctx.Done():
		return s.lost(ctx, r.Command, ctx.Err())
	}
}

func (b *backend) scan(ctx context.Context, prefix string, cursor, most uint64) (found step) {
	nodes, err := b.primaries(ctx)
	if err != nil {
		return step{err: err}
	}
	at := 0
	if b.cluster {
		at, cursor = int(cursor>>nodeShift), cursor&(1<<nodeShift-1)
	}
	if at >= len(nodes) {
		return step{}
	}
	if most == 0 || most > scanCount {
		most = scanCount
	}
	node := nodes[at]
	e, err := node.Do(ctx, node.B().Scan().Cursor(cursor).Match(escape(b.prefix+prefix)+"*").Count(int64(most)).Build()).AsScanEntry()
	if err != nil {
		return step{err: err}
	}
	for _, key := range e.Elements {
		// a longer one is not this client's
		if name := key[len(b.prefix):]; len(name) <= wire.MaxKeySize {
			found.names = wire.AppendName(found.names, []byte(name))
		}
	}
	found.next = e.Cursor
	switch {
	case !b.cluster:
	case e.Cursor>>nodeShift != 0:
		found.err = fmt.Errorf("%w: cursor of a node is too large for a cluster", cryptomem.ErrNotSupported)
	case e.Cursor != 0:
		found.next |= uint64(at) << nodeShift
	case at+1 < len(nodes):
		found.next = uint64(at+1) << nodeShift
	}
	return found
}
