package valkeystore

import (
	"context"
	"strings"
)

// acquaintEvery is how many batches of a lone caller go through valkey-go, for want of
// connections that are known, before one of them costs more trips to get to know them.
const acquaintEvery = 16

// sayable reports whether a lone caller may send the batch itself.
func (t *batch) sayable() bool {
	size := 0
	for i, r := range t.rs {
		words := t.frames[i].words(r)
		if words == nil {
			return false
		}
		size += commandSize(words)
	}
	return size > 0 && size <= largestBatch
}

// A share is what goes over one connection of a lone caller's batch.
type share struct {
	era *era
	// Places in the batch.
	places []int
}

// goAllPast carries out a lone caller's batch without valkey-go, if all its connections
// are known and free, and reports whether it did. What is left in the batch is for
// valkey-go: all of it, or what a node of a cluster refused, perhaps because it does not
// serve the slot any more.
func (s *Store) goAllPast(ctx context.Context, b *backend, t *batch) (did bool, givenUp error) {
	shares, ok := b.takeAll(t)
	if !ok {
		return false, nil
	}
	for i := range shares {
		a := shares[i].era.aside
		a.out = a.out[:0]
		for _, place := range shares[i].places {
			a.out = appendCommand(a.out, t.frames[place].said)
		}
	}
	var refused batch
	errs := make([]error, len(shares))
	for i := range shares {
		errs[i] = shares[i].era.aside.send()
	}
	for i := range shares {
		err := s.hearShare(ctx, b, t, &shares[i], errs[i], &refused)
		if isContext(err) {
			givenUp = err
		}
	}
	t.rs, t.frames = refused.rs, refused.frames
	return true, givenUp
}

// takeAll takes all connections that the batch needs, or none.
func (b *backend) takeAll(t *batch) (shares []share, ok bool) {
	for place, r := range t.rs {
		e := b.serving[b.slot(r.Name)].Load()
		i := 0
		for i < len(shares) && shares[i].era != e {
			i++
		}
		if i == len(shares) {
			if e == nil || !e.aside.take(e) {
				for _, taken := range shares {
					taken.era.aside.putBack()
				}
				return nil, false
			}
			shares = append(shares, share{era: e, places: make([]int, 0, len(t.rs)-place)})
		}
		shares[i].places = append(shares[i].places, place)
	}
	return shares, true
}

// putBack ends the turn of a caller who has sent nothing.
func (a *aside) putBack() {
	a.finish(nil)
	a.writing.Unlock()
}

// hearShare reads the answers to what was sent with err, and adds to refused what
// valkey-go is to send again.
func (s *Store) hearShare(ctx context.Context, b *backend, t *batch, part *share, err error, refused *batch) error {
	all := part.era.aside.answers(len(part.places), s.opts.timeout)
	for _, place := range part.places {
		r, f := t.rs[place], t.frames[place]
		var answer []byte
		var head int
		if err == nil {
			answer, head, err = all.next(ctx)
		}
		if err != nil {
			r.Err = s.lost(ctx, r.Command, err)
			f.release()
			continue
		}
		a := parseAnswer(r.Answer[:0], answer, head)
		if a.refused && b.cluster {
			b.serving[b.slot(r.Name)].Store(nil)
			refused.rs, refused.frames = append(refused.rs, r), append(refused.frames, f)
			continue
		}
		if r.Err = nil; a.refused {
			r.Err = s.refusal(strings.TrimPrefix(string(a.text), "ERR "))
		} else {
			r.Err = s.answer(r, a)
		}
		f.release()
	}
	if err == nil {
		all.end()
	}
	return err
}
