package valkeystore

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A frame has the bytes of one command, all of them in buf. valkey-go reads them
// from goroutines of its own, possibly long after the caller has left, so a frame
// is used again only once its command was answered.
type frame struct {
	buf []byte
	// Parts of buf.
	key, value, ttl string
	version         string
	// Room for the words of a command.
	said []string
}

// keepFrame is how large a frame may be and be kept for reuse.
const keepFrame = 64 << 10

var frames = sync.Pool{New: func() any { return new(frame) }}

// release gives an answered frame back.
func (f *frame) release() {
	if cap(f.buf) <= keepFrame {
		frames.Put(f)
	}
}

// newFrame copies what r says: whatever the caller does with it afterwards, what
// is sent stays the same.
func newFrame(prefix string, r *cryptomem.Request) *frame {
	f := frames.Get().(*frame)
	b := append(append(f.buf[:0], prefix...), r.Name...)
	key := len(b)
	b = append(b, r.Value...)
	value := len(b)
	px := milliseconds(r.TTL)
	if r.Command == wire.CAS && r.TTL == over {
		// on which the swap script deletes
		px = 1
	}
	b = strconv.AppendUint(b, px, 10)
	ttl := len(b)
	switch {
	case r.Command == wire.CAS && r.Fenced:
		b = strconv.AppendUint(b, r.Version, 10)
	case r.Command == wire.CAS:
		b = appendVersion(b, r.Version)
	}
	f.buf = b
	f.key, f.value = valkey.BinaryString(b[:key]), valkey.BinaryString(b[key:value])
	f.ttl, f.version = valkey.BinaryString(b[value:ttl]), valkey.BinaryString(b[ttl:])
	return f
}

// over is the TTL of what a client stores although it has ended: a swap for nothing.
const over = time.Nanosecond

// milliseconds returns what PX must say so that an item lives at least for ttl: the
// server cuts its own clock to milliseconds, hence one more. 0 means no expiry.
func milliseconds(ttl time.Duration) uint64 {
	if ttl <= 0 {
		return 0
	}
	return uint64((ttl-1)/time.Millisecond) + 2
}

// command returns what is to be sent for r. Scripts are named by their digest, or
// sent whole.
func (b *backend) command(r *cryptomem.Request, f *frame, whole bool) (valkey.Completed, error) {
	build := b.client.B()
	switch r.Command {
	case wire.Get, wire.GetV:
		return build.Get().Key(f.key).Build(), nil
	case wire.Set:
		return store(build, f, ""), nil
	case wire.Add:
		if r.Fenced {
			return b.script(&fence, f, whole, "", f.value, f.ttl, lockMargin), nil
		}
		return store(build, f, "NX"), nil
	case wire.Replace:
		return store(build, f, "XX"), nil
	case wire.Delete:
		return build.Del().Key(f.key).Build(), nil
	case wire.GetDel:
		return build.Getdel().Key(f.key).Build(), nil
	case wire.CAS:
		if r.Fenced {
			return b.script(&fence, f, whole, f.version, f.value, f.ttl, lockMargin), nil
		}
		return b.script(&swap, f, whole, f.version, f.value, f.ttl, versionPlaces), nil
	case wire.Ping:
		return build.Ping().Message(f.value).Build(), nil
	}
	return valkey.Completed{}, fmt.Errorf("%w: %v", cryptomem.ErrNotSupported, r.Command)
}

// words is the request's command as it is sent, of those that a lone caller may send by
// itself; nil of others.
func (f *frame) words(r *cryptomem.Request) []string {
	w := append(f.said[:0], "", f.key)
	switch {
	case len(f.buf) > largestDirect:
		return nil
	case r.Command == wire.Get, r.Command == wire.GetV:
		w[0] = "GET"
	case r.Command == wire.Delete:
		w[0] = "DEL"
	case r.Command == wire.GetDel:
		w[0] = "GETDEL"
	case r.Fenced:
		return nil
	case r.Command == wire.Set:
		w = f.stored(w, "")
	case r.Command == wire.Add:
		w = f.stored(w, "NX")
	case r.Command == wire.Replace:
		w = f.stored(w, "XX")
	default:
		return nil
	}
	f.said = w
	return w
}

func (f *frame) stored(w []string, condition string) []string {
	w[0] = "SET"
	w = append(w, f.value)
	if condition != "" {
		w = append(w, condition)
	}
	if f.ttl != "0" {
		w = append(w, "PX", f.ttl)
	}
	return w
}

func store(build valkey.Builder, f *frame, condition string) valkey.Completed {
	if f.ttl == "0" && condition == "" {
		return build.Set().Key(f.key).Value(f.value).Build()
	}
	c := build.Arbitrary("SET").Keys(f.key).Args(f.value) // whose digits are the frame's
	if condition != "" {
		c = c.Args(condition)
	}
	if f.ttl != "0" {
		c = c.Args("PX", f.ttl)
	}
	return c.Build()
}

// scripted reports whether the request is a script there.
func scripted(r *cryptomem.Request) bool {
	return r.Command == wire.CAS || r.Command == wire.Add && r.Fenced
}

func (s *Store) do(ctx context.Context, r *cryptomem.Request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m := s.mark(r)
	err := s.ask(ctx, r)
	s.settle(r, m, err)
	return err
}

// ask carries out one request, whatever is kept near.
func (s *Store) ask(ctx context.Context, r *cryptomem.Request) error {
	b, err := s.connected(ctx)
	if err != nil {
		return err
	}
	switch r.Command {
	case wire.Flush:
		return s.flush(ctx, b, r)
	case wire.Scan:
		return s.scan(ctx, b, r)
	case wire.Stats:
		return s.stats(r)
	}
	if s.closed.Load() {
		return cryptomem.ErrClosed
	}
	alone := false
	if b.network != nil && b.network.asides {
		alone = b.network.begin()
		defer b.network.end()
	}
	slot := b.slot(r.Name)
	if err := b.enter(ctx, slot); err != nil {
		return s.notEntered(ctx, err)
	}
	if r.Sealer != nil {
		if err := r.Sealer.SealRequest(r); err != nil {
			b.limit(slot).release()
			return err
		}
	}
	f := newFrame(b.prefix, r)
	var words []string
	if alone {
		words = f.words(r)
	}
	if a, ok, lost := b.goPast(ctx, slot, words, r.Answer, s.opts.timeout); ok {
		return s.wentPast(ctx, b, slot, r, f, a, lost)
	}
	t := b.trace(words)
	result, err := s.send(ctx, b, r, f)
	if err != nil {
		b.limit(slot).release()
		f.release()
		return err
	}
	lost := result.NonValkeyError()
	b.leave(slot, lost)
	if lost != nil {
		return s.lost(ctx, r.Command, lost) // and the frame may still be read
	}
	b.learn(slot, t)
	err = s.answered(r, result)
	f.release()
	return err
}

// wentPast ends a request that went past valkey-go.
func (s *Store) wentPast(ctx context.Context, b *backend, slot uint16, r *cryptomem.Request, f *frame, a reply, lost error) error {
	defer f.release()
	b.leave(slot, lost)
	if lost != nil {
		return s.lost(ctx, r.Command, lost)
	}
	return s.answer(r, a)
}

// notEntered returns the error of a request that got neither capacity nor connection.
func (s *Store) notEntered(ctx context.Context, err error) error {
	if isContext(err) && ctx.Err() != nil {
		return err
	}
	return s.unsent(err)
}

// send sends the command. A script that the server does not know is sent once
// more, whole: replicas that became primaries know none.
func (s *Store) send(ctx context.Context, b *backend, r *cryptomem.Request, f *frame) (valkey.ValkeyResult, error) {
	cmd, err := b.command(r, f, false)
	if err != nil {
		return valkey.ValkeyResult{}, err
	}
	result := b.client.Do(ctx, cmd)
	for times := 0; scripted(r) && b.again(result, times); times++ {
		if cmd, err = b.command(r, f, true); err != nil {
			return result, err
		}
		result = b.client.Do(ctx, cmd)
	}
	return result, nil
}

// answered puts what valkey-go brings into r.
func (s *Store) answered(r *cryptomem.Request, result valkey.ValkeyResult) error {
	a, err := replyTo(result)
	if refusal, ok := valkey.IsValkeyErr(err); ok {
		return s.refusedRequest(r, refusal)
	}
	if err != nil {
		return fmt.Errorf("answer to %v: %w", r.Command, err)
	}
	return s.answer(r, a)
}

// answer puts what the server said into r.
func (s *Store) answer(r *cryptomem.Request, a reply) error {
	if a.null {
		return nothing(r.Command)
	}
	if a.err != nil {
		return fmt.Errorf("answer to %v: %w", r.Command, a.err)
	}
	switch r.Command {
	case wire.Get, wire.GetDel, wire.GetV, wire.Ping:
		found(r, a.text)
	case wire.Delete:
		if a.number == 0 {
			return cryptomem.ErrNotFound
		}
	case wire.Add:
		if r.Fenced {
			return fenced(r, a.number, cryptomem.ErrExists)
		}
	case wire.CAS:
		if r.Fenced {
			return fenced(r, a.number, cryptomem.ErrChanged)
		}
		return swapped(r, a.number)
	}
	return nil
}

// nothing returns the error of a null answer.
func nothing(c cryptomem.Command) error {
	if c == wire.Add {
		return cryptomem.ErrExists
	}
	return cryptomem.ErrNotFound
}

// found puts the bytes of an answer, which no other code uses, into r.
func found(r *cryptomem.Request, b []byte) {
	r.Answer = b
	switch {
	case r.Command != wire.GetV:
	case r.Fenced:
		r.Version, r.Answer = unlock(b)
	default:
		r.Version = versionOf(b)
	}
}
