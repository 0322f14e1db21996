package server

import (
	"errors"
	"io"
	"net"

	"github.com/Zezezknight/cryptomem/cache"
	"github.com/Zezezknight/cryptomem/transport/serve"
	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// What a client may send before it is authenticated, in bytes.
const (
	MaxIdentitySize = 255
	MaxTokenSize    = 4 << 10
)

// MaxFailedAuths is how many AUTHs may fail on one connection. The answer to the last
// one closes it, so that guessing costs connections.
const MaxFailedAuths = 3

// An Authenticator decides who a server's clients are. It is called from many
// connections at once. If an error is, or wraps, a wire.Refusal, the client gets its
// text; the text of any other error stays in the server.
type Authenticator interface {
	// Greet returns what conn may do without AUTH, for instance because of its
	// TLS certificate, or nil if it has to authenticate first. After an error
	// that, too, is all it can do. The TLS handshake is done.
	Greet(conn net.Conn) (Permission, error)
	// Authenticate checks an AUTH request, in a time that reveals nothing about the
	// token, and returns what conn may do from then on, in place of current, which is
	// nil if it could do nothing before. After an error current stays.
	Authenticate(conn net.Conn, current Permission, identity, token []byte) (Permission, error)
}

// A Permission says what one connection may do. Only Allows is required. A Permission
// can also be an Owner, ShareHolder, RequestCounter, ValueLimit or Revocable. If it is
// an io.Closer, it is closed when it is replaced or the connection ends.
type Permission interface {
	// Allows reports whether the command may be executed on the key: for FLUSH
	// a prefix, for STATS a section, for PING anything. It is asked before the
	// value of a large request is received, and again when it has arrived. key
	// is valid during the call only.
	Allows(c wire.Command, key []byte) bool
}

// A RequestCounter is a Permission that counts the requests.
type RequestCounter interface {
	Permission
	// Count is called once for every request that is executed or denied, except AUTH.
	// It is not called for requests that the protocol or a limit refuses.
	Count(allowed bool)
}

// A Revocable is a Permission that can be taken back while its connection is
// open.
type Revocable interface {
	Permission
	// Revoked reports whether the connection may do nothing any more. It is asked after
	// a request was denied. If it reports true, that answer is the last one: the
	// connection's place is free for others, and its client can authenticate again.
	Revoked() bool
}

// A ValueLimit is a Permission that bounds values more tightly than the server
// does.
type ValueLimit interface {
	Permission
	// MaxValueSize is the longest value of a request, in bytes; 0 is no bound.
	MaxValueSize() int
}

// An Accountant is an Authenticator whose clients' items are charged to accounts
// of the server's store, see Owner.
type Accountant interface {
	Authenticator
	// OpenAccounts is called by New, once, with the server's store.
	OpenAccounts(c *cache.Cache) error
}

// An Owner is a Permission whose connection stores items on an account, which limits
// them.
type Owner interface {
	Permission
	// Account returns nil if no account is charged.
	Account() *cache.Account
}

// A ShareHolder is a Permission of an identity: the incomplete requests and unread
// answers of all its connections have one common limit.
type ShareHolder interface {
	Permission
	Share() *session.Share
}

// A Guard is the Handler of one connection whose rights an Authenticator decides. Like
// a session it is for one goroutine at a time. Close releases its permission.
type Guard struct {
	// Its Cache charges the permission's account.
	Handler
	// store that charges no account.
	store         *cache.Cache
	authenticator Authenticator
	conn          net.Conn
	// permission is nil until the client has authenticated.
	permission Permission
	// refusal is the answer to other requests until then.
	refusal wire.Refusal
	// AUTHs that failed, but for refusals.
	failures int
	// Whether permission was, when it denied a request.
	revoked bool
}

var (
	_ session.Gate         = (*Guard)(nil)
	_ session.LargeHandler = (*Guard)(nil)
	_ session.Prefetcher   = (*Guard)(nil)
	_ serve.AuthHandler    = (*Guard)(nil)
	_ session.Terminator   = (*Guard)(nil)
	_ session.ShareHandler = (*Guard)(nil)
	_ io.Closer            = (*Guard)(nil)
)

// NewGuard returns the Handler of conn, which does what h does as far as a allows
// it. A [Server] with an Authenticator makes one for each connection.
func NewGuard(h *Handler, a Authenticator, conn net.Conn) *Guard {
	g := &Guard{Handler: *h, store: h.Cache, authenticator: a, conn: conn, refusal: wire.AuthenticationRequired}
	permission, err := a.Greet(conn)
	if err == nil {
		g.permit(permission)
	} else if why := (wire.Refusal{}); errors.As(err, &why) {
		g.refusal = why
	}
	return g
}

// admit makes permission, which may be nil, the one that counts.
func (g *Guard) permit(permission Permission) {
	g.permission, g.Cache = permission, g.store
	if owner, ok := permission.(Owner); ok {
		if account := owner.Account(); account != nil {
			g.Cache = account.Cache()
		}
	}
}

// Authenticated implements serve.AuthHandler.
func (g *Guard) Authenticated() bool { return g.permission != nil }

// Ended implements session.Terminator.
func (g *Guard) Ended() bool { return g.revoked || g.failures >= MaxFailedAuths }

// Admit implements session.Gate: before authentication, nothing but a small
// AUTH is worth a buffer.
func (g *Guard) Admit(h *wire.Header) (wire.Refusal, bool) {
	switch {
	case h.Command == wire.Auth:
		if h.KeySize > MaxIdentitySize || h.ValueSize > MaxTokenSize {
			return wire.Refuse("identity is %d bytes, limit %d; token is %d bytes, limit %d",
				h.KeySize, MaxIdentitySize, h.ValueSize, MaxTokenSize), false
		}
		// a token is not a value to store
		return wire.Refusal{}, true
	case g.permission == nil:
		return g.refusal, false
	}
	if l, ok := g.permission.(ValueLimit); ok {
		size := int64(h.ValueSize)
		if h.Command.Has(wire.TakesVersion) {
			size -= wire.VersionSize
		}
		if limit := int64(l.MaxValueSize()); limit > 0 && size > limit {
			return wire.Refuse("value is %d bytes, limit %d for this identity", size, limit), false
		}
	}
	return wire.Refusal{}, true
}

// Handle implements session.Handler.
func (g *Guard) Handle(now int64, dst []byte, r *wire.Request) []byte {
	if dst, done := g.stop(dst, r); done {
		return dst
	}
	return g.Handler.Handle(now, dst, r)
}

// HandleLarge implements session.LargeHandler.
func (g *Guard) HandleLarge(now int64, dst []byte, r *wire.Request, reserve func(bytes int) bool) ([]byte, session.Reference) {
	if dst, done := g.stop(dst, r); done {
		return dst, nil
	}
	return g.Handler.HandleLarge(now, dst, r, reserve)
}

// Prefetch implements session.Prefetcher: a client that may do nothing costs nothing.
func (g *Guard) Prefetch(keys [][]byte) {
	if g.permission != nil {
		g.Handler.Prefetch(keys)
	}
}

// Share implements session.ShareHandler.
func (g *Guard) Share() *session.Share {
	if holder, ok := g.permission.(ShareHolder); ok {
		return holder.Share()
	}
	return nil
}

// BeginUpload implements session.LargeHandler. A request that is not allowed is not
// begun, but refused, so that it costs no memory.
func (g *Guard) BeginUpload(now int64, r *wire.Request, size int) (session.Upload, error) {
	if !g.allows(r.Command, r.Key) {
		g.denied()
		return nil, notAllowed(r.Command)
	}
	s, err := g.beginUpload(r, size)
	if err != nil {
		g.count(true)
		return nil, refusal(err)
	}
	if s == nil {
		return nil, nil
	}
	return guardedUpload{s, g}, nil
}

// A guardedUpload is a request whose permission may end while its value
// is on its way.
type guardedUpload struct {
	*upload
	guard *Guard
}

// Finish implements session.Upload.
func (s guardedUpload) Finish(now int64, dst []byte) []byte {
	if !s.guard.allows(s.command, s.Key()) {
		s.guard.denied()
		return notAllowed(s.command).Append(dst, s.command)
	}
	s.guard.count(true)
	return s.upload.Finish(now, dst)
}

func (g *Guard) allows(c wire.Command, key []byte) bool {
	return g.permission != nil && g.permission.Allows(c, key)
}

// denied notes a request that is not allowed, and whether any will be.
func (g *Guard) denied() {
	g.count(false)
	if p, ok := g.permission.(Revocable); ok {
		g.revoked = p.Revoked()
	}
}

func (g *Guard) count(allowed bool) {
	if t, ok := g.permission.(RequestCounter); ok {
		t.Count(allowed)
	}
}

// stop answers what is not to be executed.
func (g *Guard) stop(dst []byte, r *wire.Request) (answered []byte, done bool) {
	if r.Command == wire.Auth {
		return g.authenticate(dst, r), true
	}
	if g.permission == nil {
		return g.refusal.Append(dst, r.Command), true
	}
	if !g.permission.Allows(r.Command, r.Key) {
		g.denied()
		return notAllowed(r.Command).Append(dst, r.Command), true
	}
	g.count(true)
	return dst, false
}

func notAllowed(c wire.Command) wire.Refusal {
	if c == wire.Stats {
		return wire.RefuseDenied("STATS is not allowed")
	}
	return wire.RefuseDenied("%s is not allowed on this key", c)
}

func (g *Guard) authenticate(dst []byte, r *wire.Request) []byte {
	permission, err := g.authenticator.Authenticate(g.conn, g.permission, r.Key, r.Value)
	if err != nil || permission == nil {
		if why := (wire.Refusal{}); errors.As(err, &why) {
			return why.Append(dst, wire.Auth)
		}
		g.failures++
		return wire.RefuseDenied("unknown identity or wrong token").Append(dst, wire.Auth)
	}
	// what was allowed before ends here
	_ = g.Close()
	g.permit(permission)
	return wire.AppendResponse(dst, wire.OK, nil)
}

// Close implements io.Closer.
func (g *Guard) Close() error {
	if closer, ok := g.permission.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}
