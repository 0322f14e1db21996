package proxy

import (
	"bytes"
	"context"
	"errors"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/keyspace"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/value"
)

// A view is names as one transaction of several names sees them: each is read
// once, and what has changed is swapped in at the end.
type view struct {
	space *keyspace.Space
	names []*viewed
	index map[string]*viewed
}

type viewed struct {
	name    []byte
	entry   value.Entry
	version uint64
	// Whatever is there is to be replaced.
	unread bool
}

func newView(space *keyspace.Space) *view {
	return &view{space: space, index: make(map[string]*viewed)}
}

func (v *view) find(name []byte) *viewed { return v.index[string(name)] }

func (v *view) add(name []byte) *viewed {
	n := &viewed{name: bytes.Clone(name)}
	v.names = append(v.names, n)
	v.index[string(name)] = n
	return n
}

// replace makes the name, unless it is known, one that is not read, for a command
// that does not look at what is there.
func (v *view) replace(name []byte) {
	if v.find(name) == nil {
		v.add(name).unread = true
	}
}

// read reads those of the names that are not known, at once.
func (v *view) read(ctx context.Context, names [][]byte) error {
	var added []*viewed
	var requests []*keyspace.Request
	for _, name := range names {
		if v.find(name) == nil {
			n := v.add(name)
			added = append(added, n)
			requests = append(requests, &keyspace.Request{Kind: keyspace.Look, Name: n.name})
		}
	}
	if len(requests) == 0 {
		return nil
	}
	v.space.Upstream().Do(ctx, requests)
	for i, n := range added {
		if err := keyspace.EntryOf(requests[i], &n.entry); err != nil {
			return err
		}
		n.version = requests[i].Version
	}
	return nil
}

// entry returns what lies under the name.
func (v *view) entry(ctx context.Context, name []byte) (*value.Entry, error) {
	if err := v.read(ctx, [][]byte{name}); err != nil {
		// it is asked for again, if at all
		delete(v.index, string(name))
		v.names = v.names[:len(v.names)-1]
		return nil, err
	}
	return &v.find(name).entry, nil
}

// entries returns those of a command whose names are known.
func (v *view) entries(st *step) []*value.Entry {
	var all []*value.Entry
	for _, i := range st.command.AppendKeys(nil, len(st.args)) {
		all = append(all, &v.find(st.args[i]).entry)
	}
	return all
}

// seen is the version that a client has seen under the name: 0 if there was
// nothing to be read.
func (n *viewed) seen() uint64 {
	if !n.entry.Exists() {
		return 0
	}
	return n.version
}

// commit stores what has changed, if all that was read is as it was: ErrLost if
// another client was faster, and ErrNotSupported if several names have changed that
// the upstream cannot change together. One alone it changes in any case, whatever
// has become of what was only read.
func (v *view) commit(ctx context.Context) error {
	var changed, read []*keyspace.Request
	for _, n := range v.names {
		r := new(keyspace.Request)
		switch {
		case n.unread && n.entry.Changed:
			replacement(r, n.name, &n.entry)
			changed = append(changed, r)
		case n.unread:
		case n.entry.Changed && keyspace.Store(r, n.name, &n.entry, n.version):
			changed = append(changed, r)
		default:
			*r = keyspace.Request{Kind: keyspace.Look, Name: n.name, Version: n.version}
			read = append(read, r)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	if len(changed)+len(read) > 1 {
		err := v.space.Upstream().SwapAll(ctx, append(changed, read...))
		if len(changed) > 1 || !errors.Is(err, keyspace.ErrNotSupported) {
			return err
		}
	}
	v.space.Upstream().Do(ctx, changed)
	if changed[0].Kind == keyspace.Delete && errors.Is(changed[0].Err, keyspace.ErrNotFound) {
		return nil
	}
	return changed[0].Err
}

// replacement makes r the request that stores the entry in the place of whatever
// is there.
func replacement(r *keyspace.Request, name []byte, e *value.Entry) {
	if !e.Exists() {
		*r = keyspace.Request{Kind: keyspace.Delete, Name: name}
		return
	}
	*r = keyspace.Request{Kind: keyspace.Set, Name: name, Value: e.Append(nil), Expires: e.Expires}
}

// changed lists the names that have changed, for people.
func (v *view) changed() string {
	list := ""
	for _, n := range v.names {
		if n.entry.Changed {
			if list != "" {
				list += ", "
			}
			list += "'" + printable(n.name) + "'"
		}
	}
	return list
}
