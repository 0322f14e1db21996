package proxy

import (
	"context"
	"errors"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/keyspace"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/value"
)

// A view is names as one transaction of several names sees them: each is read
// when it is first asked for, and what has changed is swapped in at the end.
type view struct {
	space *keyspace.Space
	names []viewed
}

type viewed struct {
	name    []byte
	entry   *value.Entry
	version uint64
}

// entry returns what lies under the name.
func (v *view) entry(ctx context.Context, name []byte) (*value.Entry, error) {
	for i := range v.names {
		if string(v.names[i].name) == string(name) {
			return v.names[i].entry, nil
		}
	}
	r := keyspace.Request{Kind: keyspace.Look, Name: name}
	v.space.Upstream().Do(ctx, []*keyspace.Request{&r})
	e := new(value.Entry)
	if err := keyspace.EntryOf(&r, e); err != nil {
		return nil, err
	}
	v.names = append(v.names, viewed{name: append([]byte{}, name...), entry: e, version: r.Version})
	return e, nil
}

// commit stores what has changed: ErrLost if somebody else was faster, and
// ErrNotSupported if several names have changed that the upstream cannot change
// together.
func (v *view) commit(ctx context.Context) error {
	var rs []*keyspace.Request
	for i := range v.names {
		n := &v.names[i]
		r := new(keyspace.Request)
		if n.entry.Changed && keyspace.Store(r, n.name, n.entry, n.version) {
			rs = append(rs, r)
		}
	}
	switch len(rs) {
	case 0:
		return nil
	case 1:
		v.space.Upstream().Do(ctx, rs)
		return rs[0].Err
	}
	return v.space.Upstream().SwapAll(ctx, rs)
}

// runSpan carries out a command on several names that belong together.
func (s *Session) runSpan(st *step) []byte {
	ctx, cancel := s.space.WithTimeout()
	defer cancel()
	for attempt := 1; ; attempt++ {
		v := view{space: s.space}
		c := s.context(st, s.space.Now())
		for _, i := range st.command.AppendKeys(nil, len(st.args)) {
			e, err := v.entry(ctx, st.args[i])
			if err != nil {
				return s.upstreamError(err)
			}
			c.Entries = append(c.Entries, e)
		}
		c.Execute()
		err := v.commit(ctx)
		if errors.Is(err, keyspace.ErrNotSupported) && st.command.Name != "msetnx" {
			err = v.moveApart(ctx, st.command.Name == "renamenx")
		}
		switch {
		case err == nil:
			return c.Out
		case errors.Is(err, keyspace.ErrLost) && attempt < maxSpanAttempts:
			continue
		case errors.Is(err, keyspace.ErrNotSupported):
			return []byte("-CROSSSLOT Keys in request don't hash to the same slot\r\n")
		}
		return s.upstreamError(err)
	}
}

// maxSpanAttempts is how often a command on several names is tried while others
// change them.
const maxSpanAttempts = 16

// moveApart carries out RENAME where the two names cannot be changed together:
// first the new name gets the value, then the old one is removed.
func (v *view) moveApart(ctx context.Context, ifFree bool) error {
	from, to := &v.names[0], &v.names[1]
	var store, remove keyspace.Request
	keyspace.Store(&store, to.name, to.entry, to.version)
	if !ifFree {
		store.Kind = keyspace.Set
	}
	v.space.Upstream().Do(ctx, []*keyspace.Request{&store})
	if store.Err != nil {
		return store.Err
	}
	keyspace.Store(&remove, from.name, from.entry, from.version)
	v.space.Upstream().Do(ctx, []*keyspace.Request{&remove})
	if errors.Is(remove.Err, keyspace.ErrLost) {
		return errors.New("value was changed while it was renamed, and is under both names")
	}
	return remove.Err
}
