package proxy

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/command"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/keyspace"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/value"
)

// A batch is commands on names that stand next to each other in a pipeline,
// collected to be carried out together: what they ask of the upstream is one
// request for all.
//
// If all of them read, or store whatever was there, their requests go in their
// order. If some change what is there, each name's commands are carried out on
// its value, so that changes of different names may take effect in another order.
type batch struct {
	steps []step
	// args of all steps.
	args [][]byte
	// readers of these, those of steps that read.
	readers  int
	requests []keyspace.Request
	asked    []*keyspace.Request
	entries  []value.Entry
	pointers []*value.Entry
	// answers of steps whose requests are on their way.
	answers []byte
}

var batches = sync.Pool{New: func() any { return new(batch) }}

// A step is one command and which part of a batch's requests are its own.
type step struct {
	command     *command.Command
	args        [][]byte
	access      access
	first, last int // requests
	from, to    int // answers
}

// An access is how a command touches its names.
type access int

const (
	reads   access = iota
	stores         // whatever was there is replaced, and the answer tells nothing of it
	removes        // the answer tells how many there were
	changes
	changesSeveral // several names that belong together
)

func accessOf(c *command.Command, args [][]byte) access {
	switch {
	case c.Flags&command.Write == 0:
		return reads
	case c.Name == "set" && command.IsPlain(args), c.Name == "setex", c.Name == "psetex",
		c.Name == "mset" && len(args)%2 == 1:
		return stores
	case c.Name == "del", c.Name == "unlink":
		return removes
	case c.OneKey():
		return changes
	}
	return changesSeveral
}

// accessOf is how the command touches its names, given the upstream: MSET sets
// all of them at once where that can.
func (s *Session) accessOf(c *command.Command, args [][]byte) access {
	a := accessOf(c, args)
	const one = 3 // arguments of an MSET of one name
	if c.Name != "mset" || a != stores || len(args) <= one || !s.space.Upstream().Together(keysOf(c, args)) {
		return a
	}
	return changesSeveral
}

func keysOf(c *command.Command, args [][]byte) (names [][]byte) {
	for _, i := range c.AppendKeys(nil, len(args)) {
		names = append(names, args[i])
	}
	return names
}

// Bounds of how many requests go at once.
const (
	narrowest = 16
	widest    = 1024
	maxArgs   = 4096    // of commands that read nothing, whose memory is the input's
	maxBytes  = 1 << 20 // of answers; more of them make the next batch narrower
)

// collect takes a command that has a Run. Its arguments must stay as they are
// until flush; the slice of them need not.
func (s *Session) collect(c *command.Command, args [][]byte) {
	if s.batch == nil {
		s.batch = batches.Get().(*batch)
	}
	b := s.batch
	b.add(c, args, s.accessOf(c, args))
	if b.readers >= max(s.width, narrowest) || len(b.args) >= maxArgs {
		s.flush()
	}
}

func (b *batch) add(c *command.Command, args [][]byte, a access) {
	start := len(b.args)
	b.args = append(b.args, args...)
	st := step{command: c, args: b.args[start:len(b.args):len(b.args)], access: a}
	if st.access != stores && st.access != removes {
		b.readers += len(args)
	}
	b.steps = append(b.steps, st)
}

// flush carries out what has been collected and appends the answers.
func (s *Session) flush() {
	b := s.batch
	if b == nil {
		return
	}
	// so that nothing comes twice, whatever happens
	s.batch = nil
	s.output()
	before := len(s.out)
	s.run(b, func(answer []byte) {
		start := len(s.out)
		s.out = append(s.out, answer...)
		s.replyMode.apply(s, start)
	})
	s.widen(b.readers, len(s.out)-before)
	b.free()
}

// widen adapts how many requests go at once to the bytes of answers that the
// last ones brought, so that neither many small values wait for each other nor
// many large ones fill the memory.
func (s *Session) widen(asked, brought int) {
	switch {
	case brought > maxBytes:
		s.width = max(s.width/2, narrowest)
	case asked >= s.width:
		s.width = min(max(2*s.width, narrowest), widest)
	}
}

// free gives the batch back.
func (b *batch) free() {
	const maxKept = 64 << 10 // of one value's memory
	clear(b.steps)
	clear(b.args)
	clear(b.entries)
	clear(b.asked)
	for i := range b.requests {
		r := &b.requests[i]
		if cap(r.Value) > maxKept {
			r.Value = nil
		}
		*r = keyspace.Request{Value: r.Value[:0]}
	}
	b.steps, b.args, b.requests, b.asked, b.answers, b.readers = b.steps[:0], b.args[:0], b.requests[:0], b.asked[:0], b.answers[:0], 0
	if cap(b.requests) <= widest {
		batches.Put(b)
	}
}

// run carries out the batch's commands and hands their answers out, in order.
func (s *Session) run(b *batch, emit func(answer []byte)) {
	for rest := b.steps; len(rest) > 0; {
		n, changing := 0, false
		for n < len(rest) && rest[n].access != changesSeveral {
			changing = changing || rest[n].access == changes
			n++
		}
		switch {
		case n == 0:
			emit(s.runMultiKey(&rest[0]))
			n = 1
		case changing:
			s.runGroups(rest[:n], emit)
		default:
			s.runInOrder(b, rest[:n], emit)
		}
		rest = rest[n:]
	}
}

// runInOrder carries out steps of which none looks at what it replaces.
func (s *Session) runInOrder(b *batch, steps []step, emit func([]byte)) {
	now := s.space.Now()
	b.requests, b.asked = b.requests[:0], b.asked[:0]
	for i := range steps {
		s.ask(b, &steps[i], now)
	}
	for i := range b.requests {
		b.asked = append(b.asked, &b.requests[i])
	}
	if len(b.asked) > 0 {
		s.space.Upstream().Do(context.Background(), b.asked)
	}
	for i := range steps {
		emit(s.conclude(b, &steps[i], now))
	}
}

// next returns a new request, whose Value may have memory of an earlier one.
func (b *batch) next(k keyspace.Kind, name []byte) *keyspace.Request {
	if n := len(b.requests); n < cap(b.requests) {
		b.requests = b.requests[:n+1]
	} else {
		b.requests = append(b.requests, keyspace.Request{})
	}
	r := &b.requests[len(b.requests)-1]
	*r = keyspace.Request{Kind: k, Name: name, Value: r.Value[:0]}
	return r
}

// ask makes the requests of a step.
func (s *Session) ask(b *batch, st *step, now int64) {
	st.first, st.from = len(b.requests), len(b.answers)
	c, args := st.command, st.args
	switch {
	case st.access == reads || st.access == removes:
		kind := keyspace.Get
		if st.access == removes {
			kind = keyspace.Delete
		}
		for i := c.FirstKey; i < len(args) && (i == c.FirstKey || c.LastKey < 0); i += c.KeyStep {
			b.next(kind, args[i])
		}
	case c.Name == "set" && len(args) == 3 && len(args[2]) <= s.proxy.settings.Commands.MaxString && s.proxy.settings.Commands.DefaultTTL == 0:
		r := b.next(keyspace.Set, args[1])
		r.Value = value.AppendString(r.Value, args[2])
		b.answers = append(b.answers, "+OK\r\n"...)
	default:
		s.askStore(b, st, now)
	}
	st.last, st.to = len(b.requests), len(b.answers)
}

// askStore makes the requests of a step that stores whatever was there: it is
// carried out as if there was nothing.
func (s *Session) askStore(b *batch, st *step, now int64) {
	ctx := s.context(st, now)
	ctx.Out = b.answers
	// there are no answers to fail
	_ = s.execute(b, &ctx, len(st.command.AppendKeys(nil, len(st.args))), nil)
	b.answers = ctx.Out
	for i, e := range ctx.Entries {
		name := st.args[st.command.FirstKey+i*st.command.KeyStep]
		switch {
		case !e.Changed:
		case e.Exists():
			r := b.next(keyspace.Set, name)
			r.Expires, r.Value = e.Expires, e.Append(r.Value)
		default:
			b.next(keyspace.Delete, name)
		}
	}
}

// context returns a Context for a step, but for its entries.
func (s *Session) context(st *step, now int64) command.Context {
	return command.Context{
		Command: st.command, Args: st.args, Now: now, Version: s.version,
		Limits: s.proxy.settings.Commands, Random: s.proxy.settings.Random,
	}
}

// execute runs a command on n entries, which are filled from the answers to the
// requests, if there are any. It returns the first error among those.
func (s *Session) execute(b *batch, c *command.Context, n int, answers []keyspace.Request) error {
	if cap(b.entries) < n {
		b.entries, b.pointers = make([]value.Entry, n), make([]*value.Entry, n)
	}
	b.entries, b.pointers = b.entries[:n], b.pointers[:n]
	for i := range b.entries {
		b.entries[i] = value.Entry{}
		b.pointers[i] = &b.entries[i]
		if answers == nil {
			continue
		}
		if err := keyspace.EntryOf(&answers[i], &b.entries[i]); err != nil {
			return err
		}
	}
	c.Entries = b.pointers
	c.Execute()
	return nil
}

// conclude returns the answer of a step whose requests have been answered.
func (s *Session) conclude(b *batch, st *step, now int64) []byte {
	answered := b.requests[st.first:st.last]
	start := len(b.answers)
	switch st.access {
	case reads:
		ctx := s.context(st, now)
		ctx.Out = b.answers
		err := s.execute(b, &ctx, len(answered), answered)
		if err != nil {
			return s.upstreamError(err)
		}
		b.answers = ctx.Out
		return b.answers[start:]
	case removes:
		n := 0
		for i := range answered {
			switch err := answered[i].Err; {
			case err == nil:
				n++
			case !errors.Is(err, keyspace.ErrNotFound):
				return s.upstreamError(err)
			}
		}
		b.answers = resp.AppendInt(b.answers, int64(n))
		return b.answers[start:]
	}
	for i := range answered {
		if err := answered[i].Err; err != nil && !errors.Is(err, keyspace.ErrNotFound) {
			return s.upstreamError(err)
		}
	}
	return b.answers[st.from:st.to]
}

// upstreamError returns the answer for an upstream that failed. It never begins
// with a word that clients act upon, such as LOADING or TRYAGAIN.
func (s *Session) upstreamError(err error) []byte {
	s.proxy.note(err)
	return resp.AppendError(nil, "ERR "+upstreamReason(err))
}

// upstreamReason says why the upstream failed, to someone who knows no contexts.
func upstreamReason(err error) string {
	return strings.ReplaceAll(err.Error(), context.DeadlineExceeded.Error(), "the time of a command is over (upstream_timeout)")
}
