package proxy

import (
	"net"
	"time"

	"github.com/Zezezknight/cryptomem/transport/serve"
	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// Limits bound connections. A zero field means serve's default, serve.Unlimited
// switches a limit off. One address may have all connections: on loopback there
// is only one.
type Limits struct {
	MaxConnections int
	// CommandTimeout is for a command to arrive completely after its first byte.
	CommandTimeout time.Duration
	// WriteTimeout for a client to take its answers.
	WriteTimeout time.Duration
	// IdleTimeout is for the next command to begin.
	IdleTimeout time.Duration
	// AuthTimeout is for the password, if there is one.
	AuthTimeout time.Duration
}

// ServerConfig returns the limits in the form that serve.Server and SetLimits take.
func (l Limits) ServerConfig() serve.ServerConfig {
	return serve.ServerConfig{
		MaxConnections:           l.MaxConnections,
		MaxConnectionsPerAddress: serve.Unlimited,
		FrameTimeout:             l.CommandTimeout,
		WriteTimeout:             l.WriteTimeout,
		IdleTimeout:              l.IdleTimeout,
		AuthTimeout:              l.AuthTimeout,
	}
}

// NewServer returns a server of the proxy's sessions. They wait for the
// upstream, so each has a goroutine.
func (p *Proxy) NewServer(l Limits) *serve.Server {
	c := l.ServerConfig()
	c.Blocking = true
	c.Clock = p.settings.Clock
	c.Logger = p.settings.Logger
	c.NewSession = func(conn net.Conn, refusal *wire.Refusal) serve.Session {
		if refusal != nil {
			return p.refuse("ERR max number of clients reached")
		}
		s, err := p.NewSession(addressText(conn.RemoteAddr()), addressText(conn.LocalAddr()))
		if err != nil {
			return p.refuse("ERR " + err.Error())
		}
		return s
	}
	return serve.NewServer(c)
}

// addressText is an address as CLIENT LIST tells it.
func addressText(a net.Addr) string {
	if a == nil || a.Network() == "unix" {
		return "unix:0"
	}
	return a.String()
}

// refuse returns a session that says why it is none, and ends.
func (p *Proxy) refuse(text string) *Session {
	s := &Session{proxy: p, err: session.ErrEnded, trusted: true}
	s.fail(text)
	return s
}

// Authenticated implements serve.AuthHandler.
func (s *Session) Authenticated() bool { return s.trusted }

// ExecuteQuick implements serve.Session. Everything may wait for the upstream.
func (s *Session) ExecuteQuick(int64) (all bool, err error) { return false, nil }

// Measure implements serve.Session. It does nothing, because the time goes into calls
// to the upstream, which are measured elsewhere.
func (s *Session) Measure(began, ended int64) {}
