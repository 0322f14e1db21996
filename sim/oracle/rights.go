package oracle

import (
	"bytes"
	"strings"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// Rights are the identities file as a server has it: which identities are listed, which
// names each may touch, how many connections it may have. Each AUTH, and each request
// with its answer, is shown to them at the instant of its execution.
//
// They cannot see what is executed for a client that is allowed to ask for it, nor
// how long the server takes to tell one identity from another.
type Rights struct {
	// Each bounds the connections of one identity; 0 does not.
	Each       int
	identities map[string]*right
}

type right struct {
	token, prefix    string
	listed, readOnly bool
	connections      int
}

// NewRights returns an empty table.
func NewRights() *Rights { return &Rights{identities: map[string]*right{}} }

// Grant lists an identity, to which the token authenticates, and sets what it may
// touch from now on.
func (r *Rights) Grant(name, token, prefix string, readOnly bool) {
	of := r.identities[name]
	if of == nil {
		of = &right{}
		r.identities[name] = of
	}
	of.token, of.prefix, of.readOnly, of.listed = token, prefix, readOnly, true
}

// Revoke takes an identity off the table.
func (r *Rights) Revoke(name string) {
	if of := r.identities[name]; of != nil {
		of.listed = false
	}
}

// A Visitor is one connection to the server.
type Visitor struct {
	rights *Rights
	// The identity that it has authenticated as; nil for none.
	as   *right
	name string
	// AUTHs that failed.
	failures int
	ended    bool
}

// Visitor returns a connection that has shown nothing yet.
func (r *Rights) Visitor() *Visitor { return &Visitor{rights: r} }

// Name returns the identity that the connection is of, empty for none.
func (v *Visitor) Name() string { return v.name }

// Revoked reports whether its identity is not listed any more.
func (v *Visitor) Revoked() bool { return v.as != nil && !v.as.listed }

// Failed returns how many AUTHs have failed.
func (v *Visitor) Failed() int { return v.failures }

func (r *Rights) full(of *right) bool { return r.Each > 0 && of.connections >= r.Each }

// Leave takes note that the connection is gone.
func (v *Visitor) Leave() {
	if v.as != nil {
		v.as.connections--
		v.as = nil
	}
}

// mostFailures is how many AUTHs may fail on a connection.
const mostFailures = 3

// Auth judges an AUTH and its answer.
func (v *Visitor) Auth(r *wire.Request, a wire.Response) *Violation {
	to := v.rights.identities[string(r.Key)]
	known := to != nil && to.listed && to.token == string(r.Value)
	switch {
	case !known && a.Status == wire.Denied:
		v.failures++
		v.ended = v.ended || v.failures >= mostFailures
	case known && to != v.as && v.rights.full(to) && a.Status == wire.Busy:
	case known && (to == v.as || !v.rights.full(to)) && a.Status == wire.OK:
		if to != v.as {
			v.Leave()
			v.as, v.name = to, string(r.Key)
			to.connections++
		}
	default:
		return violation(RuleAccess, "AUTH as %q was answered %v %s; the identity and its token are right: %v, its connections: %d", r.Key, a.Status, brief(a.Value), known, v.connections(to))
	}
	return nil
}

func (v *Visitor) connections(of *right) int {
	if of == nil {
		return 0
	}
	return of.connections
}

// Admits judges whether a request was let in whose header alone is known.
func (v *Visitor) Admits(c wire.Command, let bool) *Violation {
	if c != wire.Auth && let != (v.as != nil) {
		return violation(RuleAccess, "%v was let in: %v, by a connection that is of %q", c, let, v.name)
	}
	return nil
}

// Judge judges a request, which was let in, and its answer. It reports whether the
// answer is that the identity may not. What a denial looks like is written here once
// more, so that a mistake in wire.Refusal is seen.
func (v *Visitor) Judge(r *wire.Request, a wire.Response) (denied bool, broken *Violation) {
	denied = a.Status == wire.Denied || a.Status == wire.Error && strings.HasPrefix(string(a.Value), "denied: ")
	if denied && v.Revoked() {
		v.ended = true
	}
	if denied == v.may(r.Command, r.Key) {
		return denied, violation(RuleAccess, "%v %q of %s was answered %v %s", r.Command, r.Key, v.name, a.Status, brief(a.Value))
	}
	return denied, nil
}

// may reports whether the connection's identity may do it.
func (v *Visitor) may(c wire.Command, key []byte) bool {
	if v.as == nil || !v.as.listed {
		return false
	}
	switch c {
	case wire.Ping:
		return true
	case wire.Stats:
		return false
	case wire.Get, wire.GetV, wire.Scan:
	default:
		if v.as.readOnly {
			return false
		}
	}
	return bytes.HasPrefix(key, []byte(v.as.prefix))
}

// Ends judges whether the connection was ended by the server behind an answer.
func (v *Visitor) Ends(ended bool) *Violation {
	if ended != v.ended {
		return violation(RuleAccess, "the server has ended a connection of %q: %v; AUTHs failed %d, revoked %v", v.name, ended, v.failures, v.Revoked())
	}
	return nil
}
