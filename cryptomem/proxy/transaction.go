package proxy

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/command"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/keyspace"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/value"
)

// A transaction is what stands between MULTI and EXEC, and what WATCH has seen.
type transaction struct {
	open bool
	// A command was refused, so EXEC will be.
	spoiled bool
	queued  []queued
	// bytes of all arguments queued.
	bytes   int
	watched []watched
}

type queued struct {
	command *command.Command
	args    [][]byte
}

// A watched name is to have the version at EXEC that it had at WATCH; 0 is
// nothing.
type watched struct {
	space   *keyspace.Space
	name    []byte
	version uint64
}

// Bounds of a transaction.
const (
	maxQueued      = 1 << 16
	maxQueuedBytes = 64 << 20
	maxWatched     = 1 << 12
	argumentCost   = 32 // bytes of an argument's slice and allocation, besides its own
)

func (t *transaction) spoil() { t.spoiled = t.open }

func (t *transaction) end() { *t = transaction{} }

// endsQueue reports whether a command is carried out between MULTI and EXEC
// instead of being queued.
func endsQueue(name string) bool {
	switch name {
	case "exec", "discard", "multi", "watch", "quit", "reset":
		return true
	}
	return false
}

// queue keeps a command for EXEC.
func (s *Session) queue(c *command.Command, args [][]byte) {
	t := &s.tx
	for _, a := range args {
		t.bytes += len(a) + argumentCost
	}
	if len(t.queued) == maxQueued || t.bytes > maxQueuedBytes {
		t.spoil()
		s.fail("ERR transaction is more than 65536 commands or 64 MiB")
		return
	}
	if !s.charge(&s.held.queued, t.bytes) {
		t.spoil()
		s.fail("ERR '" + printable(args[0]) + "' is refused: " + inFlightError(s.proxy.settings.MaxInFlight).Error())
		return
	}
	kept := make([][]byte, len(args))
	for i, a := range args {
		kept[i] = bytes.Clone(a)
	}
	t.queued = append(t.queued, queued{c, kept})
	start := len(s.output())
	s.out = resp.AppendSimple(s.out, "QUEUED")
	s.replyMode.apply(s, start)
}

func multi(s *Session, _ [][]byte) {
	if s.tx.open {
		s.reply("-ERR MULTI calls can not be nested")
		return
	}
	s.tx.open = true
	s.reply("+OK")
}

func discard(s *Session, _ [][]byte) {
	if !s.tx.open {
		s.reply("-ERR DISCARD without MULTI")
		return
	}
	s.tx.end()
	s.reply("+OK")
}

func watch(s *Session, args [][]byte) {
	if s.tx.open {
		s.reply("-ERR WATCH inside MULTI is not allowed")
		return
	}
	if len(s.tx.watched)+len(args) > maxWatched {
		s.reply("-ERR more than 4096 names are watched")
		return
	}
	requests := make([]keyspace.Request, len(args)-1)
	asked := make([]*keyspace.Request, len(args)-1)
	for i, name := range args[1:] {
		requests[i] = keyspace.Request{Kind: keyspace.Look, Name: bytes.Clone(name)}
		asked[i] = &requests[i]
	}
	s.do(asked)
	for _, r := range requests {
		version, err := versionOf(&r)
		if err != nil {
			s.out = append(s.out, s.upstreamError(err)...)
			return
		}
		s.tx.watched = append(s.tx.watched, watched{space: s.space, name: r.Name, version: version})
	}
	s.reply("+OK")
}

// versionOf returns the version that a Look has found, 0 if there is nothing to
// be read.
func versionOf(r *keyspace.Request) (uint64, error) {
	switch {
	case r.Err == nil:
		return r.Version, nil
	case errors.Is(r.Err, keyspace.ErrNotFound):
		return 0, nil
	}
	return 0, r.Err
}

func unwatch(s *Session, _ [][]byte) {
	s.tx.watched = nil
	s.reply("+OK")
}

func exec(s *Session, _ [][]byte) {
	t := s.tx
	if !t.open {
		s.reply("-ERR EXEC without MULTI")
		return
	}
	s.tx.end()
	if t.spoiled {
		s.reply("-EXECABORT Transaction discarded because of previous errors.")
		return
	}
	steps, changed := s.steps(&t)
	if steps != nil {
		if done, err := s.execTogether(&t, steps); err != nil {
			s.out = append(s.out, s.upstreamError(err)...)
			return
		} else if done {
			return
		}
	}
	if s.proxy.settings.StrictTransactions && len(changed) > 1 {
		s.reply("-EXECABORT Transaction changes several names, which strict_transactions refuses.")
		return
	}
	if len(t.watched) > 0 {
		if done, err := s.execWatched(&t, steps, changed); err != nil {
			s.out = append(s.out, s.upstreamError(err)...)
			return
		} else if done {
			return
		}
	}
	s.out = resp.AppendArray(s.out, len(t.queued))
	s.execQueued(&t)
}

// steps returns the transaction's commands on names, nil if there are others
// between them, and the names that they change.
func (s *Session) steps(t *transaction) (steps []step, changed map[string]struct{}) {
	changed = make(map[string]struct{})
	plain := true
	for _, q := range t.queued {
		if q.command.Run == nil {
			plain = false
			continue
		}
		st := step{command: q.command, args: q.args, access: accessOf(q.command, q.args)}
		if st.access != reads {
			for _, name := range keysOf(q.command, q.args) {
				changed[string(name)] = struct{}{}
			}
		}
		steps = append(steps, st)
	}
	if !plain {
		steps = nil
	}
	return steps, changed
}

// execQueued carries the commands out, those next to each other together, and
// appends their answers.
func (s *Session) execQueued(t *transaction) {
	emit := func(answer []byte) { s.out = append(s.out, answer...) }
	b := batches.Get().(*batch)
	for _, q := range t.queued {
		if q.command.Run != nil {
			b.add(q.command, q.args, s.accessOf(q.command, q.args))
			continue
		}
		s.run(b, emit)
		b.free()
		b = batches.Get().(*batch)
		handlers[q.command.Name](s, q.args)
	}
	s.run(b, emit)
	b.free()
}

// execWatched compares the watched names. It has answered, and is done, if one
// has changed, or if all that is to be changed is one watched name: then the swap
// itself compares.
func (s *Session) execWatched(t *transaction, steps []step, changed map[string]struct{}) (done bool, err error) {
	own := -1
	for i, w := range t.watched {
		if _, ok := changed[string(w.name)]; ok && len(changed) == 1 && w.space == s.space {
			own = i
		}
	}
	for i, w := range t.watched {
		if i == own {
			continue
		}
		r := keyspace.Request{Kind: keyspace.Look, Name: w.name}
		w.space.Upstream().Do(context.Background(), []*keyspace.Request{&r})
		version, err := versionOf(&r)
		if err != nil {
			return false, err
		}
		if version != w.version {
			s.out = s.version.AppendNullArray(s.out)
			return true, nil
		}
	}
	spanning := func(st step) bool { return st.access == changesSeveral }
	if own < 0 || steps == nil || slices.ContainsFunc(steps, spanning) {
		return false, nil
	}
	return true, s.execExact(t.watched[own], steps)
}

// execExact carries out commands of which all changes are of one watched name,
// and answers null if that is not as it was seen.
func (s *Session) execExact(w watched, steps []step) error {
	groups := s.groupSteps(steps)
	for _, g := range groups.groups {
		look := keyspace.Request{Kind: keyspace.Look, Name: g.name}
		s.do([]*keyspace.Request{&look})
		if err := keyspace.EntryOf(&look, &g.entry); err != nil {
			return err
		}
		if !bytes.Equal(g.name, w.name) {
			s.apply(g, &g.entry)
			continue
		}
		lost, err := s.swapExact(g, &look, w.version)
		if err != nil {
			return err
		}
		if lost {
			s.out = s.version.AppendNullArray(s.out)
			return nil
		}
	}
	s.out = resp.AppendArray(s.out, len(steps))
	s.emitGroups(steps, groups, func(answer []byte) { s.out = append(s.out, answer...) })
	return nil
}

// swapExact carries out the group's commands on what look has found, if that is
// of the version given.
func (s *Session) swapExact(g *group, look *keyspace.Request, version uint64) (lost bool, err error) {
	now, err := versionOf(look)
	if err != nil || now != version {
		return err == nil, err
	}
	var changed value.Entry
	changed, g.blind = g.entry, false
	s.apply(g, &changed)
	var swap keyspace.Request
	if !changed.Changed || !keyspace.Store(&swap, g.name, &changed, look.Version) {
		return false, nil
	}
	s.do([]*keyspace.Request{&swap})
	if errors.Is(swap.Err, keyspace.ErrLost) {
		return true, nil
	}
	return false, swap.Err
}
