package cryptomem

import (
	"fmt"
	"io"
	"net"

	"github.com/Zezezknight/cryptomem/transport"
)

// What a client may send before it is authenticated, in bytes.
const (
	MaxIdentitySize = 255
	MaxTokenSize    = 4 << 10
)

// An Authenticator decides who a server's clients are. It is called from many
// connections at once.
type Authenticator interface {
	// Greet returns what conn may do without AUTH, for instance because of its
	// TLS certificate, or nil if it has to authenticate first. The TLS
	// handshake is done.
	Greet(conn net.Conn) Permission
	// Authenticate checks an AUTH request, in a time that tells nothing about
	// the token, and returns what conn may do from then on. Any error answers
	// "denied"; its text stays in the server.
	Authenticate(conn net.Conn, identity, token []byte) (Permission, error)
}

// A Permission says what one connection may do. One that is also an io.Closer
// is closed when it is replaced or the connection ends.
type Permission interface {
	// Allows reports whether the command may be executed on the key: for FLUSH
	// a prefix, for STATS a section, for PING anything. key is valid during
	// the call only.
	Allows(c transport.Command, key []byte) bool
}

// A ValueLimit is a Permission that bounds values more tightly than the server
// does.
type ValueLimit interface {
	Permission
	// MaxValueSize is the longest value of a request, in bytes; 0 is no bound.
	MaxValueSize() int
}

// A guard is the Handler of one connection where an Authenticator decides.
type guard struct {
	*Handler
	authenticator Authenticator
	conn          net.Conn
	permission    Permission // nil until authenticated
}

var (
	_ transport.Gate         = (*guard)(nil)
	_ transport.LargeHandler = (*guard)(nil)
	_ transport.Guest        = (*guard)(nil)
	_ io.Closer              = (*guard)(nil)
)

func newGuard(h *Handler, a Authenticator, conn net.Conn) *guard {
	return &guard{Handler: h, authenticator: a, conn: conn, permission: a.Greet(conn)}
}

// Authenticated implements transport.Guest.
func (g *guard) Authenticated() bool { return g.permission != nil }

// Admit implements transport.Gate: before authentication, nothing but a small
// AUTH is worth a buffer.
func (g *guard) Admit(h *transport.Header) (transport.Refusal, bool) {
	switch {
	case h.Command == transport.Auth:
		if h.KeySize > MaxIdentitySize || h.ValueSize > MaxTokenSize {
			return transport.Refusal{Status: transport.Error, Message: fmt.Sprintf(
				"identity is %d bytes, limit %d; token is %d bytes, limit %d", h.KeySize, MaxIdentitySize, h.ValueSize, MaxTokenSize)}, false
		}
		return transport.Refusal{}, true // a token is not a value to store
	case g.permission == nil:
		return transport.Refusal{Status: transport.Denied, Message: authenticationRequired}, false
	}
	if l, ok := g.permission.(ValueLimit); ok {
		limit := uint64(l.MaxValueSize())
		if h.Command == transport.CAS && limit > 0 {
			limit += versionSize // which comes before the value
		}
		if limit > 0 && uint64(h.ValueSize) > limit {
			return transport.Refusal{Status: transport.Error, Message: fmt.Sprintf("value is %d bytes, limit %d for this identity", h.ValueSize, limit)}, false
		}
	}
	return transport.Refusal{}, true
}

// Handle implements transport.Handler.
func (g *guard) Handle(now int64, dst []byte, r *transport.Request) []byte {
	if dst, done := g.stop(dst, r); done {
		return dst
	}
	return g.Handler.Handle(now, dst, r)
}

// HandleLarge implements transport.LargeHandler.
func (g *guard) HandleLarge(now int64, dst []byte, r *transport.Request) ([]byte, transport.Reference) {
	if dst, done := g.stop(dst, r); done {
		return dst, nil
	}
	return g.Handler.HandleLarge(now, dst, r)
}

// Stage implements transport.LargeHandler. A request that is not allowed is not
// staged, but refused, so that it costs no memory.
func (g *guard) Stage(now int64, r *transport.Request, size int) (transport.Staged, error) {
	if !g.allows(r) {
		return nil, transport.Refusal{Status: transport.Denied, Message: notAllowed(r)}
	}
	return g.Handler.Stage(now, r, size)
}

func (g *guard) allows(r *transport.Request) bool {
	return g.permission != nil && g.permission.Allows(r.Command, r.Key)
}

// stop answers what is not to be executed.
func (g *guard) stop(dst []byte, r *transport.Request) (answered []byte, done bool) {
	switch {
	case r.Command == transport.Auth:
		return g.authenticate(dst, r), true
	case g.permission == nil:
		return appendDenied(dst, r.Command, authenticationRequired), true
	case !g.allows(r):
		return appendDenied(dst, r.Command, notAllowed(r)), true
	}
	return dst, false
}

const authenticationRequired = "authentication required"

func notAllowed(r *transport.Request) string {
	if r.Command == transport.Stats {
		return "denied: STATS is not allowed"
	}
	return fmt.Sprintf("denied: %s is not allowed on this key", r.Command)
}

func (g *guard) authenticate(dst []byte, r *transport.Request) []byte {
	permission, err := g.authenticator.Authenticate(g.conn, r.Key, r.Value)
	if err != nil || permission == nil {
		return transport.AppendResponse(dst, transport.Denied, []byte("denied: unknown identity or wrong token"))
	}
	_ = g.Close() // what was allowed before ends here
	g.permission = permission
	return transport.AppendResponse(dst, transport.OK, nil)
}

// Close implements io.Closer.
func (g *guard) Close() error {
	if closer, ok := g.permission.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// appendDenied answers with the status that the command's clients know.
func appendDenied(dst []byte, c transport.Command, message string) []byte {
	status := transport.Denied
	if c <= transport.Delete {
		status = transport.Error
	}
	return transport.AppendResponse(dst, status, []byte(message))
}
