package proxy

import (
	"context"
	"errors"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/keyspace"
)

// runMultiKey carries out a command on several names that belong together, such as MSET
// or RENAME.
func (s *Session) runMultiKey(st *step) []byte {
	ctx, cancel := s.space.WithTimeout()
	defer cancel()
	var out []byte
	err := s.space.Attempt(ctx, func() (err error) {
		out, err = s.attemptMultiKey(ctx, st)
		return err
	})
	switch {
	case err == nil:
		return out
	case errors.Is(err, keyspace.ErrNotSupported):
		return []byte("-CROSSSLOT Keys in request don't hash to the same slot\r\n")
	}
	return s.upstreamError(err)
}

// attemptMultiKey returns the command's answer. ErrLost means that a name has changed
// meanwhile.
func (s *Session) attemptMultiKey(ctx context.Context, st *step) ([]byte, error) {
	v := newView(s.space)
	c := s.context(st, s.space.Now())
	if err := v.enter(ctx, st); err != nil {
		return nil, err
	}
	c.Entries = v.entries(st)
	c.Execute()
	err := v.commit(ctx)
	if errors.Is(err, keyspace.ErrNotSupported) {
		switch st.command.Name {
		case "mset":
			err = v.storeApart(ctx)
		case "rename", "renamenx":
			err = v.moveApart(ctx, st.command.Name == "renamenx")
		}
	}
	return c.Out, err
}

// enter makes the names of a command part of the view. MSET looks at none.
func (v *view) enter(ctx context.Context, st *step) error {
	names := keysOf(st.command, st.args)
	if st.command.Name != "mset" {
		return v.read(ctx, names)
	}
	for _, name := range names {
		v.replace(name)
	}
	return nil
}

// storeApart carries out MSET where the names cannot be changed together.
func (v *view) storeApart(ctx context.Context) error {
	requests := make([]*keyspace.Request, len(v.names))
	for i, n := range v.names {
		requests[i] = new(keyspace.Request)
		replacement(requests[i], n.name, &n.entry)
	}
	v.space.Upstream().Do(ctx, requests)
	for _, r := range requests {
		if r.Err != nil {
			return r.Err
		}
	}
	return nil
}

// moveApart carries out RENAME where the two names cannot be changed together:
// first the new name gets the value, then the old one is removed.
func (v *view) moveApart(ctx context.Context, ifFree bool) error {
	from, to := v.names[0], v.names[1]
	var store, remove keyspace.Request
	keyspace.Store(&store, to.name, &to.entry, to.version)
	if !ifFree {
		store.Kind = keyspace.Set
	}
	v.space.Upstream().Do(ctx, []*keyspace.Request{&store})
	if store.Err != nil {
		return store.Err
	}
	keyspace.Store(&remove, from.name, &from.entry, from.version)
	v.space.Upstream().Do(ctx, []*keyspace.Request{&remove})
	if errors.Is(remove.Err, keyspace.ErrLost) {
		return errors.New("value was changed while it was renamed, and is under both names")
	}
	return remove.Err
}
