package sim

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
	"github.com/Zezezknight/cryptomem/transport/pipeline"
	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A registry is what a server's identities file says, as a script changes it.
type registry struct {
	each    int
	entries []entry
}

// An entry is one identity in the file.
type entry struct {
	listed, readOnly bool
	prefix           string
	quota            int
}

// permits reports whether the identity may make a call. A call may be several
// requests, each of which the server judges by itself; for those, see oracle.Rights.
func (e *entry) permits(a *script.Action) bool {
	return e.listed && (a.Key == "" || strings.HasPrefix(a.Key, e.prefix)) && (!e.readOnly || readsOnly(a.Verb))
}

// newRegistry lists every identity of the world, which then may do everything.
func newRegistry(c *script.Config) *registry {
	r := &registry{each: c.Each, entries: make([]entry, c.Identities)}
	for i := range r.entries {
		r.entries[i].listed = true
	}
	return r
}

func identityName(i int) string { return fmt.Sprintf("u%d", i) }

func tokenOf(name string) string { return "the token of " + name }

// identityOf returns the identity of a client.
func identityOf(c *script.Config, client int) string {
	return identityName((client-1)%c.Identities + 1)
}

// change does what an action tells of an identity, and reports whether that is one.
func (r *registry) change(a *script.Action) bool {
	if !a.Verb.ChangesIdentity() {
		return false
	}
	switch e := &r.entries[a.Count-1]; a.Verb {
	case script.Grant, script.GrantRead:
		e.listed, e.prefix, e.readOnly = true, a.Key, a.Verb == script.GrantRead
	case script.Revoke:
		e.listed = false
	case script.Quota:
		e.quota = max(a.Value.Size, 1<<10)
	}
	return true
}

func (r *registry) entry(name string) entry {
	for i, e := range r.entries {
		if identityName(i+1) == name {
			return e
		}
	}
	return entry{}
}

// text is the file. It names one more identity than the world has: an empty file is
// taken for a mistake.
func (r *registry) text() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "unused:\n  tokens: [%q]\n  prefixes: [\"\"]\n", access.HashToken("of unused"))
	for i, e := range r.entries {
		if !e.listed {
			continue
		}
		name := identityName(i + 1)
		fmt.Fprintf(&b, "%s:\n  tokens: [%q]\n  prefixes: [%q]\n  read_only: %v\n", name, access.HashToken(tokenOf(name)), e.prefix, e.readOnly)
		if r.each > 0 {
			fmt.Fprintf(&b, "  max_connections: %d\n", r.each)
		}
		if e.quota > 0 {
			fmt.Fprintf(&b, "  max_memory: %dB\n", e.quota)
		}
	}
	return []byte(b.String())
}

// enlist begins a server's access list as the registry has it.
func (s *node) enlist() {
	s.list, s.rights = access.New(), oracle.NewRights()
	s.rights.Each = s.registry.each
	s.accounts = oracle.NewAccounts()
	s.accounts.Evicts = s.w.script.Config.Evict
	for i, e := range s.registry.entries {
		if name := identityName(i + 1); e.listed {
			s.rights.Grant(name, tokenOf(name), e.prefix, e.readOnly)
			s.accounts.Quota(name, int64(e.quota))
		}
	}
	s.reload()
	if err := s.list.OpenAccounts(s.cache); err != nil {
		s.w.violate(RuleRefusal, "no accounts: %v", err)
	}
}

func (s *node) reload() {
	if err := s.list.Replace("identities", s.registry.text()); err != nil {
		s.w.violate(RuleRefusal, "no identities: %v", err)
	}
}

// tell changes what the server knows of an identity.
func (s *node) tell(a *script.Action) {
	if s.registry == nil || !s.registry.change(a) || s.down {
		return
	}
	name, e := identityName(a.Count), s.registry.entries[a.Count-1]
	if s.quotaBelow(name, e) {
		s.w.cover(StateQuotaBelow)
	}
	if e.listed {
		s.rights.Grant(name, tokenOf(name), e.prefix, e.readOnly)
		s.accounts.Quota(name, int64(e.quota))
	} else if a.Verb == script.Revoke {
		s.rights.Revoke(name)
		s.noteRevoked(name)
	}
	s.reload()
}

func (s *node) quotaBelow(name string, e entry) bool {
	least, _ := s.accounts.Used(name, s.cache.Now())
	return e.quota > 0 && least > int64(e.quota)
}

// noteRevoked looks in the middle of what an identity is revoked.
func (s *node) noteRevoked(name string) {
	for _, c := range s.w.conns {
		if c.node != s || c.server.visitor == nil || c.server.visitor.Name() != name {
			continue
		}
		s.w.cover(StateRevokedConnected)
		if e, ok := c.client.(*clientEnd); ok && len(e.calls) > 0 {
			s.w.cover(StateRevokedPending)
		}
		if c.server.staging {
			s.w.cover(StateRevokedUpload)
		}
	}
}

// checkAccounts compares what identities have used, when all that expires is gone.
func (s *node) checkAccounts() {
	for i, e := range s.registry.entries {
		name := identityName(i + 1)
		least, most := s.accounts.Used(name, s.cache.Now())
		account, ok := s.cache.FindAccount(name)
		switch {
		case s.accounts.Evicts:
		case !ok && least > 0 && e.listed:
			s.w.violate(oracle.RuleQuota, "the store has no account for %s, whose items take %d bytes", name, least)
		case ok && account.Used() != least:
			s.w.violate(oracle.RuleQuota, "with all that expires gone, %s is charged %d bytes, its items take %d (%d with those)", name, account.Used(), least, most)
		}
	}
}

// A guarded handler is the product's for one connection where identities count.
type guarded interface {
	session.LargeHandler
	session.Gate
	session.Terminator
	session.ShareHandler
	io.Closer
}

// guard puts the product's access control before the server's handler.
func (e *serverEnd) guard() {
	s := e.conn.node
	if s.registry == nil {
		e.handler = s.handler
		return
	}
	g := server.NewGuard(s.handler, s.list, nil)
	e.handler, e.guarded, e.visitor = g, g, s.rights.Visitor()
}

// Admit implements session.Gate.
func (e *serverEnd) Admit(h *wire.Header) (wire.Refusal, bool) {
	if e.overLimit {
		e.answers = append(e.answers, anyAnswer)
		return e.refusal(), false
	}
	if e.guarded == nil {
		return wire.Refusal{}, true
	}
	why, ok := e.guarded.Admit(h)
	if v := e.visitor.Admits(h.Command, ok); v != nil {
		e.w.fail(v)
	}
	if !ok {
		e.w.cover(StateUnauthenticated)
		e.answers = append(e.answers, anyAnswer)
	}
	return why, ok
}

// Ended implements session.Terminator.
func (e *serverEnd) Ended() bool {
	if e.guarded == nil {
		return false
	}
	ended := e.guarded.Ended()
	if v := e.visitor.Ends(ended); v != nil {
		e.w.fail(v)
	}
	e.over = e.over || ended
	return ended
}

// Share implements session.ShareHandler.
func (e *serverEnd) Share() *session.Share {
	if e.guarded == nil {
		return nil
	}
	share, s := e.guarded.Share(), e.conn.node
	if share != nil && !slices.Contains(s.identities, share) {
		s.identities = append(s.identities, share)
	}
	return share
}

// judgeRights judges an executed request by what its sender may do. It reports whether
// the model is to judge it, too.
func (e *serverEnd) judgeRights(now int64, r *wire.Request, a wire.Response) bool {
	if e.guarded == nil {
		return true
	}
	w := e.w
	if r.Command == wire.Auth {
		e.authenticated(r, a)
		return false
	}
	var denied bool
	var v *oracle.Violation
	if !e.letIn {
		denied, v = e.visitor.Judge(r, a)
	}
	if v != nil {
		w.fail(v)
	}
	if denied {
		w.cover(StateDenied)
		if e.visitor.Revoked() {
			w.cover(StateRevokedDenied)
		} else if e.conn.node.registry.entry(e.visitor.Name()).readOnly {
			w.cover(StateReadOnly)
		}
		return false
	}
	s := e.conn.node
	other, v := s.accounts.Check(now, e.visitor.Name(), r, a)
	if v != nil {
		w.fail(v)
	}
	if other {
		w.cover(StateOwnerChanged)
	}
	if s.accounts.Limited(e.visitor.Name()) && oracle.AccountFull(a) {
		w.cover(StateQuotaFull)
		return false
	}
	return true
}

func (e *serverEnd) authenticated(r *wire.Request, a wire.Response) {
	w := e.w
	if v := e.visitor.Auth(r, a); v != nil {
		w.fail(v)
	}
	switch a.Status {
	case wire.Busy:
		w.cover(StateCrowded)
	case wire.Denied:
		w.cover(StateAuthFailed)
		if e.visitor.Failed() == server.MaxFailedAuths {
			w.cover(StateAuthsUsedUp)
		}
	case wire.OK:
		if e.conn.node.registry.entry(e.visitor.Name()).listed && e.visitor.Failed() > 0 {
			w.cover(StateAuthAfterFailure)
		}
	}
}

// introduce shows the server who a new connection is of.
func (e *clientEnd) introduce() {
	if e.c.w.script.Config.Identities == 0 {
		return
	}
	name := identityOf(&e.c.w.script.Config, e.c.index)
	e.show(name, tokenOf(name), func(well bool) {
		if !well && !e.finishing {
			// the next call tries it again
			e.finish()
		}
	})
}

// show sends an AUTH.
func (e *clientEnd) show(name, token string, shown func(well bool)) {
	k := &call{action: &script.Action{Verb: script.Ping}}
	k.looked = func(well bool) {
		e.turnedAway = refusedAs(k.Response)
		shown(well)
	}
	k.Call = pipeline.Call{Request: wire.Request{Command: wire.Auth, Key: []byte(name), Value: []byte(token)}}
	if err := e.submit(k); err != nil {
		shown(false)
	}
}

// refusedAs returns what a script calls an answer that refuses because of the client's
// identity, or because of what is held at the time; empty for any other.
func refusedAs(a wire.Response) string {
	if a.Status == wire.OK || a.Status == wire.NotFound || a.Status == wire.Exists {
		return ""
	}
	switch why := (wire.Refusal{Status: a.Status, Message: string(a.Value)}); {
	case why.Denied():
		return script.WantDenied
	case why.Busy():
		return script.WantBusy
	}
	return ""
}
