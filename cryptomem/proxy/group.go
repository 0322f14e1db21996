package proxy

import (
	"bytes"
	"context"
	"errors"
	"strconv"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/command"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/keyspace"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/value"
)

// A group is what the steps of a batch or transaction do to one name. They are
// carried out together: one read, at most, and one write.
type group struct {
	name  []byte
	parts []part
	// changes is set unless all commands only read.
	changes bool
	// The first part stores whatever was there.
	blind bool

	entry   value.Entry
	version uint64
	out     []byte
	err     error
}

// A part is a step, or the share of it that is about the group's name, and its
// answer in the group's out.
type part struct {
	step     *step
	args     [][]byte
	from, to int
}

// A grouping is steps by their names.
type grouping struct {
	groups []*group
	byName map[string]*group
	// Whose next part each step is, name by name.
	order [][]*group
}

func (s *Session) groupSteps(steps []step) *grouping {
	g := &grouping{byName: make(map[string]*group), order: make([][]*group, len(steps))}
	for i := range steps {
		st := &steps[i]
		c := st.command
		if c.OneKey() {
			g.add(i, st, st.args[1], st.args)
			continue
		}
		for k := c.FirstKey; k < len(st.args); k += c.KeyStep {
			args := append([][]byte{st.args[0]}, st.args[k:min(k+c.KeyStep, len(st.args))]...)
			g.add(i, st, st.args[k], args)
		}
	}
	for _, of := range g.groups {
		of.blind = of.blind && s.succeeds(of.parts[0].step, of.parts[0].args)
	}
	return g
}

func (g *grouping) add(i int, st *step, name []byte, args [][]byte) {
	of := g.byName[string(name)]
	if of == nil {
		of = &group{name: name, blind: st.access == stores}
		g.byName[string(name)] = of
		g.groups = append(g.groups, of)
	}
	of.changes = of.changes || st.access != reads
	of.parts = append(of.parts, part{step: st, args: args})
	g.order[i] = append(g.order[i], of)
}

// runGroups carries out steps of which some change what they find.
func (s *Session) runGroups(steps []step, emit func([]byte)) {
	g := s.groupSteps(steps)
	if len(g.groups) == 1 && !g.groups[0].blind {
		s.change(g.groups[0])
	} else {
		s.runApart(g.groups)
	}
	s.emitGroups(steps, g, emit)
}

// change carries out one group as one change.
func (s *Session) change(g *group) {
	g.err = s.space.Change(g.name, func(e *value.Entry) { s.apply(g, e) })
}

// runApart carries out several groups: all reads at once, then all writes.
func (s *Session) runApart(groups []*group) {
	var asked []*keyspace.Request
	requests := make([]keyspace.Request, len(groups))
	for i, g := range groups {
		if g.blind {
			continue
		}
		requests[i] = keyspace.Request{Kind: keyspace.Get, Name: g.name}
		if g.changes {
			requests[i].Kind = keyspace.Look
		}
		asked = append(asked, &requests[i])
	}
	s.do(asked)
	asked = asked[:0]
	for i, g := range groups {
		if !g.blind {
			if g.err = keyspace.EntryOf(&requests[i], &g.entry); g.err != nil {
				continue
			}
			g.version = requests[i].Version
		}
		s.apply(g, &g.entry)
		if s.store(g, &requests[i]) {
			asked = append(asked, &requests[i])
		} else {
			requests[i].Err = nil
		}
	}
	s.do(asked)
	for i, g := range groups {
		switch err := requests[i].Err; {
		case g.err != nil || err == nil || !g.entry.Changed:
		case g.blind && errors.Is(err, keyspace.ErrNotFound):
		case errors.Is(err, keyspace.ErrLost):
			s.change(g)
		default:
			g.err = err
		}
	}
}

func (s *Session) do(rs []*keyspace.Request) {
	if len(rs) > 0 {
		s.space.Upstream().Do(context.Background(), rs)
	}
}

// store makes r the request that stores what the group has made of its entry. It
// returns false if nothing is to be stored.
func (s *Session) store(g *group, r *keyspace.Request) bool {
	switch {
	case !g.entry.Changed:
		return false
	case !g.blind:
		return keyspace.Store(r, g.name, &g.entry, g.version)
	}
	replacement(r, g.name, &g.entry)
	return true
}

// apply runs the group's commands on its entry.
func (s *Session) apply(g *group, e *value.Entry) {
	now := s.space.Now()
	g.out = g.out[:0]
	pointers := []*value.Entry{e}
	for i := range g.parts {
		p := &g.parts[i]
		c := s.context(p.step, now)
		c.Args, c.Entries, c.Out = p.args, pointers, g.out
		p.from = len(g.out)
		c.Execute()
		g.out = c.Out
		p.to = len(g.out)
	}
}

// emitGroups hands the answers of the steps out, in order.
func (s *Session) emitGroups(steps []step, g *grouping, emit func([]byte)) {
	taken := make(map[*group]int, len(g.groups))
	var answers [][]byte
	for i := range steps {
		answers = answers[:0]
		var err error
		for _, of := range g.order[i] {
			p := &of.parts[taken[of]]
			taken[of]++
			if of.err != nil {
				err = of.err
				continue
			}
			answers = append(answers, of.out[p.from:p.to])
		}
		if err != nil {
			emit(s.upstreamError(err))
			continue
		}
		emit(combine(steps[i].command, answers))
	}
}

// combine makes the answers of a command's parts its own.
func combine(c *command.Command, answers [][]byte) []byte {
	switch {
	case c.OneKey(), c.Name == "mset":
		return answers[0]
	case c.Name == "mget":
		one := len("*1\r\n")
		all := resp.AppendArray(nil, len(answers))
		for _, a := range answers {
			all = append(all, a[one:]...)
		}
		return all
	}
	sum := 0
	for _, a := range answers {
		// it is a count
		n, _ := strconv.Atoi(string(bytes.TrimSpace(a[1:])))
		sum += n
	}
	return resp.AppendInt(nil, int64(sum))
}
