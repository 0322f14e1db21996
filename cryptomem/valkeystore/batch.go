package valkeystore

import (
	"context"
	"hash/maphash"

	"github.com/valkey-io/valkey-go"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

var nameSeed = maphash.MakeSeed()

// distinct returns how many requests from the first on have names of their own.
// In a cluster, two on one name could change places when they are redirected.
func distinct(rs []*cryptomem.Request) int {
	seen := make(map[uint64]struct{}, len(rs)) // two of one hash pass for one name, which costs a trip
	for i, r := range rs {
		seen[maphash.Bytes(nameSeed, r.Name)] = struct{}{}
		if len(seen) <= i {
			return i
		}
	}
	return len(rs)
}

// A batch is a set of requests that valkey-go sends together.
type batch struct {
	rs     []*cryptomem.Request
	frames []*frame
	cmds   valkey.Commands
	marks  []mark // with a near cache only
}

func (s *Store) doAll(ctx context.Context, rs []*cryptomem.Request) {
	b, err := s.connected(ctx)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil && s.closed.Load() {
		err = cryptomem.ErrClosed
	}
	var slots []uint16
	if err == nil {
		slots = b.slotsOf(rs)
		err = b.enterAll(ctx, slots)
	}
	for _, r := range rs {
		r.Err = err
	}
	if err != nil {
		return
	}
	s.reachAll(ctx, b, rs)
	alone := false
	if b.network != nil && b.network.asides {
		alone = b.network.begin()
		defer b.network.end()
	}
	var lost error
	alone, past := alone && sayableAll(rs), false
	if alone {
		past, rs, lost = s.goAllPast(ctx, b, rs)
	}
	if len(rs) > 0 {
		lost = s.hand(ctx, b, rs)
	}
	b.leaveAll(slots, lost)
	if alone && !past {
		b.learnConnections(ctx)
	}
}

// hand has valkey-go carry out the requests without an error. It returns the end of the
// caller's time, if that came first.
func (s *Store) hand(ctx context.Context, b *backend, rs []*cryptomem.Request) error {
	t := batch{rs: make([]*cryptomem.Request, 0, len(rs)), frames: make([]*frame, 0, len(rs)), cmds: make(valkey.Commands, 0, len(rs))}
	for _, r := range rs {
		if r.Err == nil {
			s.add(ctx, b, &t, r)
		}
	}
	return s.sendAll(ctx, b, &t)
}

// add puts the request into the batch, or carries it out where it is none for a
// batch.
func (s *Store) add(ctx context.Context, b *backend, t *batch, r *cryptomem.Request) {
	switch r.Command {
	case wire.Flush:
		r.Err = s.flush(ctx, b, r)
		s.settle(r, mark{}, r.Err)
		return
	case wire.Scan:
		r.Err = s.scan(ctx, b, r)
		return
	case wire.Stats:
		r.Err = s.stats(r)
		return
	}
	if r.Sealer != nil {
		if r.Err = r.Sealer.SealRequest(r); r.Err != nil {
			return
		}
	}
	f := newFrame(b.prefix, r)
	// whole scripts: sent once more, one would change places
	cmd, err := b.command(r, f, true)
	if err != nil {
		f.release()
		r.Err = err
		return
	}
	t.rs, t.frames, t.cmds = append(t.rs, r), append(t.frames, f), append(t.cmds, cmd)
	if s.near != nil {
		t.marks = append(t.marks, s.mark(r))
	}
}

// settle is Store.settle for the request in that place.
func (t *batch) settle(s *Store, i int) {
	if s.near != nil {
		s.settle(t.rs[i], t.marks[i], t.rs[i].Err)
	}
}

func (s *Store) sendAll(ctx context.Context, b *backend, t *batch) (givenUp error) {
	for i, result := range b.client.DoMulti(ctx, t.cmds...) {
		r := t.rs[i]
		if lost := result.NonValkeyError(); lost != nil {
			if isContext(lost) {
				givenUp = lost
			}
			r.Err = s.lost(ctx, r.Command, lost)
			t.settle(s, i)
			continue
		}
		r.Err = s.answered(r, result)
		t.settle(s, i)
		t.frames[i].release()
	}
	return givenUp
}

// slotsOf returns one slot for each limit that the requests need, in the order in
// which all callers acquire them.
func (b *backend) slotsOf(rs []*cryptomem.Request) []uint16 {
	if !b.cluster {
		return []uint16{0}
	}
	var slots [clusterLimits]uint16
	var used [clusterLimits]bool
	for _, r := range rs {
		slot := b.slot(r.Name)
		i := int(slot) * clusterLimits / hashSlots
		slots[i], used[i] = slot, true
	}
	out := make([]uint16, 0, clusterLimits)
	for i, slot := range slots {
		if used[i] {
			out = append(out, slot)
		}
	}
	return out
}

// enterAll counts a batch against the limit of each slot.
func (b *backend) enterAll(ctx context.Context, slots []uint16) error {
	for i, slot := range slots {
		if err := b.limit(slot).inFlight.Acquire(ctx, 1); err != nil {
			for _, slot := range slots[:i] {
				b.limit(slot).release()
			}
			return err
		}
	}
	return nil
}

// leaveAll ends a batch that counted against the limit of each slot.
func (b *backend) leaveAll(slots []uint16, lost error) {
	for _, slot := range slots {
		b.leave(slot, lost)
	}
}

// reachAll waits for the connections to all the requests' nodes. A node that cannot
// be reached fails its own requests.
func (s *Store) reachAll(ctx context.Context, b *backend, rs []*cryptomem.Request) {
	probes := make(map[uint16]*probe)
	for _, r := range rs {
		if slot := b.slot(r.Name); !b.isReached(slot) && probes[slot] == nil {
			probes[slot] = b.probe(slot)
		}
	}
	if len(probes) == 0 {
		return
	}
	for _, r := range rs {
		if p := probes[b.slot(r.Name)]; p != nil {
			if err := p.wait(ctx); err != nil {
				r.Err = s.notEntered(ctx, err)
			}
		}
	}
}
