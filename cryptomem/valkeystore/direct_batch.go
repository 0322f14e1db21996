package valkeystore

import (
	"context"
	"strings"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// sayableAll reports whether a lone caller may send the requests itself.
func sayableAll(rs []*cryptomem.Request) bool {
	for _, r := range rs {
		switch r.Command {
		case wire.Get, wire.GetV, wire.Delete, wire.GetDel, wire.Set, wire.Add, wire.Replace:
			if r.Fenced && r.Command == wire.Add || r.Err != nil {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// A share is what goes over one connection of a lone caller's batch.
type share struct {
	era *era
	// At first all its requests, then those that were sent.
	rs []*cryptomem.Request
	// Why they could not be sent.
	err error
}

// goAllPast carries out a lone caller's batch without valkey-go, if all its connections
// are known and free, and reports whether it did. The rest is for valkey-go: all of it, or
// what is too large, or what a node of a cluster refused, perhaps because it does not
// serve the slot any more.
func (s *Store) goAllPast(ctx context.Context, b *backend, rs []*cryptomem.Request) (did bool, rest []*cryptomem.Request, givenUp error) {
	shares, ok := b.takeAll(rs)
	if !ok {
		return false, rs, nil
	}
	// One node works on its share while that of the next is sealed.
	for i := range shares {
		rest = append(rest, s.say(b, &shares[i])...)
	}
	for i := range shares {
		refused, err := s.hear(ctx, b, &shares[i])
		rest = append(rest, refused...)
		if isContext(err) {
			givenUp = err
		}
	}
	return true, rest, givenUp
}

// takeAll takes all connections that the requests need, or none.
func (b *backend) takeAll(rs []*cryptomem.Request) (shares []share, ok bool) {
	for n, r := range rs {
		e := b.serving[b.slot(r.Name)].Load()
		i := 0
		for i < len(shares) && shares[i].era != e {
			i++
		}
		if i == len(shares) {
			if e == nil || !e.direct.take(e) {
				for _, taken := range shares {
					taken.era.direct.putBack()
				}
				return nil, false
			}
			shares = append(shares, share{era: e, rs: make([]*cryptomem.Request, 0, len(rs)-n)})
		}
		shares[i].rs = append(shares[i].rs, r)
	}
	return shares, true
}

// say seals and sends a share, from the first request on that is too large, or makes the
// whole too large, nothing. It returns what was not sent.
func (s *Store) say(b *backend, part *share) (rest []*cryptomem.Request) {
	a, said := part.era.direct, part.rs[:0]
	a.out = a.out[:0]
	for i, r := range part.rs {
		if r.Sealer != nil {
			if r.Err = r.Sealer.SealRequest(r); r.Err != nil {
				continue
			}
		}
		f := newFrame(b.prefix, r)
		words := f.words(r)
		if words == nil || len(a.out)+commandSize(words) > largestBatch {
			f.release()
			rest = append(rest, part.rs[i:]...)
			break
		}
		a.out = appendCommand(a.out, words)
		f.release()
		said = append(said, r)
	}
	if part.rs = said; len(said) == 0 {
		a.putBack()
	} else {
		part.err = a.send()
	}
	return rest
}

// hear reads the answers to a share. It returns what a node of a cluster refused, and why
// there are no more answers.
func (s *Store) hear(ctx context.Context, b *backend, part *share) (refused []*cryptomem.Request, err error) {
	if len(part.rs) == 0 {
		return nil, nil
	}
	all := part.era.direct.answers(len(part.rs), s.opts.timeout)
	err = part.err
	for _, r := range part.rs {
		var answer []byte
		var head int
		if err == nil {
			answer, head, err = all.next(ctx)
		}
		if err != nil {
			r.Err = s.lost(ctx, r.Command, err)
			continue
		}
		a := parseAnswer(r.Answer[:0], answer, head)
		switch {
		case a.refused && b.cluster:
			b.serving[b.slot(r.Name)].Store(nil)
			refused = append(refused, r)
		case a.refused:
			r.Err = s.refusal(strings.TrimPrefix(string(a.text), "ERR "))
		default:
			r.Err = s.answer(r, a)
		}
	}
	if err == nil {
		all.end()
	}
	return refused, err
}

// putBack ends the turn of a caller that has sent nothing.
func (a *directPath) putBack() {
	a.finish(nil)
	a.writing.Unlock()
}
