package proxy

import (
	"context"
	"errors"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/keyspace"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/value"
)

// execTogether carries a transaction out as one change of all its names, watched
// ones included: all of it takes effect at once, or nothing. It returns false,
// and has done nothing, if it is about one name, or about names that the upstream
// cannot change together.
func (s *Session) execTogether(t *transaction, steps []step) (done bool, err error) {
	read, replaced, changes := s.touched(t, steps)
	if !changes || len(read)+len(replaced) < 2 {
		return false, nil
	}
	for _, w := range t.watched {
		if w.space != s.space {
			return false, nil
		}
	}
	if !s.space.Upstream().Together(append(read[:len(read):len(read)], replaced...)) {
		return false, nil
	}
	ctx, cancel := s.space.WithTimeout()
	defer cancel()
	var out []byte
	err = s.space.Attempt(ctx, func() (err error) {
		out, err = s.attemptTogether(ctx, t, steps, read, replaced)
		return err
	})
	if errors.Is(err, keyspace.ErrNotSupported) {
		return false, nil
	}
	if err == nil {
		s.out = append(s.out, out...)
	}
	return true, err
}

// touched returns the names that a transaction has to read, each once, and those
// that it stores without a look at what is there.
func (s *Session) touched(t *transaction, steps []step) (read, replaced [][]byte, changes bool) {
	known := make(map[string]struct{})
	isNew := func(name []byte) bool {
		_, is := known[string(name)]
		known[string(name)] = struct{}{}
		return !is
	}
	for _, w := range t.watched {
		if isNew(w.name) {
			read = append(read, w.name)
		}
	}
	for i := range steps {
		st := &steps[i]
		changes = changes || st.access != reads
		blind := st.access == stores && s.succeeds(st, st.args)
		for _, name := range keysOf(st.command, st.args) {
			switch {
			case !isNew(name):
			case blind:
				replaced = append(replaced, name)
			default:
				read = append(read, name)
			}
		}
	}
	return read, replaced, changes
}

// succeeds reports whether a step that stores whatever is there does so: an error
// in its arguments, those of one name or all, leaves what was there.
func (s *Session) succeeds(st *step, args [][]byte) bool {
	c := s.context(st, s.space.Now())
	c.Args = args
	for range keysOf(st.command, args) {
		c.Entries = append(c.Entries, &value.Entry{})
	}
	c.Execute()
	return !c.Failed()
}

// attemptTogether returns the answer to EXEC. ErrLost means that a name has changed
// meanwhile.
func (s *Session) attemptTogether(ctx context.Context, t *transaction, steps []step, read, replaced [][]byte) ([]byte, error) {
	v := newView(s.space)
	if err := v.read(ctx, read); err != nil {
		return nil, err
	}
	for _, w := range t.watched {
		if v.find(w.name).seen() != w.version {
			return s.version.AppendNullArray(nil), nil
		}
	}
	for _, name := range replaced {
		v.replace(name)
	}
	now := s.space.Now()
	out := resp.AppendArray(nil, len(steps))
	for i := range steps {
		c := s.context(&steps[i], now)
		c.Entries, c.Out = v.entries(&steps[i]), out
		c.Execute()
		out = c.Out
	}
	return out, v.commit(ctx)
}
