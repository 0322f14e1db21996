package valkeystore

import (
	"context"
	"fmt"

	"github.com/valkey-io/valkey-go"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

var _ cryptomem.Swapper = (*Store)(nil)

// maxTogether is how many names are changed in one step: meanwhile the server
// does nothing else.
const maxTogether = 1024

// Together reports whether SwapAll may take these names: any on one node, those of
// one hash slot in a cluster. See cryptomem.Swapper.
func (s *Store) Together(names [][]byte) bool {
	b := s.backend.Load()
	if len(names) > maxTogether {
		return false
	}
	return b == nil || b.together(len(names), func(i int) []byte { return names[i] })
}

func (b *backend) together(n int, name func(int) []byte) bool {
	if n == 0 || n > maxTogether {
		return false
	}
	if b.cluster {
		slot := b.slot(name(0))
		for i := 1; i < n; i++ {
			if b.slot(name(i)) != slot {
				return false
			}
		}
	}
	return true
}

// SwapAll changes several names in one script. If that was surely not applied, it tries
// again until the time is over. See cryptomem.Swapper.
func (s *Store) SwapAll(ctx context.Context, rs []*cryptomem.Request) error {
	p := s.newRetrier(ctx)
	err := s.swapAll(ctx, rs)
	for passes(err) && p.wait(ctx) {
		err = s.swapAll(ctx, rs)
	}
	for _, r := range rs {
		s.settle(r, mark{}, err)
		if r.Err = err; err == nil && r.Command != wire.GetV {
			r.Version = versionOf(r.Value)
		}
	}
	return err
}

func (s *Store) swapAll(ctx context.Context, rs []*cryptomem.Request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b, err := s.connected(ctx)
	if err != nil {
		return err
	}
	if s.closed.Load() {
		return cryptomem.ErrClosed
	}
	if !b.together(len(rs), func(i int) []byte { return rs[i].Name }) {
		return fmt.Errorf("%w: %d names in one step, which have to be in one slot and at most %d", cryptomem.ErrNotSupported, len(rs), maxTogether)
	}
	slot := b.slot(rs[0].Name)
	if err := b.enter(ctx, slot); err != nil {
		return s.notEntered(ctx, err)
	}
	result, err := s.sendTogether(ctx, b, rs)
	if err != nil {
		b.limit(slot).release()
		return err
	}
	lost := result.NonValkeyError()
	b.leave(slot, lost)
	if lost != nil {
		return s.lost(ctx, wire.CAS, lost)
	}
	if refusal, ok := valkey.IsValkeyErr(result.Error()); ok {
		return s.refusedRequest(&cryptomem.Request{Command: wire.CAS}, refusal)
	}
	switch n, err := result.AsInt64(); {
	case err != nil:
		return fmt.Errorf("answer to a change of %d names: %w", len(rs), err)
	case n == changed:
		return cryptomem.ErrChanged
	}
	return nil
}

// sendTogether seals and sends the requests as one script. An error is that of
// what was not sent.
func (s *Store) sendTogether(ctx context.Context, b *backend, rs []*cryptomem.Request) (valkey.ValkeyResult, error) {
	keys, args := make([]string, 0, len(rs)), make([]string, 1, 1+3*len(rs))
	args[0] = versionPlaces
	for _, r := range rs {
		if r.Sealer != nil {
			if err := r.Sealer.SealRequest(r); err != nil {
				return valkey.ValkeyResult{}, err
			}
		}
		f := newFrame(b.prefix, r) // which is never used again: there is no telling when it was read
		wanted, px := string(appendVersion(nil, r.Version)), f.ttl
		switch {
		case r.Command == wire.Set:
			wanted = "any"
		case r.Command == wire.Add, r.Command == wire.GetV && r.Version == 0:
			wanted = "absent"
		}
		switch {
		case r.Command == wire.GetV:
			px = "keep"
		case r.TTL == over:
			// on which the script deletes
			px = "1"
		}
		keys, args = append(keys, f.key), append(args, wanted, f.value, px)
	}
	result := b.client.Do(ctx, b.scriptOf(&swapAll, keys, false, args...))
	for times := 0; b.again(result, times); times++ {
		result = b.client.Do(ctx, b.scriptOf(&swapAll, keys, true, args...))
	}
	return result, nil
}
