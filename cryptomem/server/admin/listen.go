package admin

import (
	"net"
	"net/http"
	"time"

	"github.com/benbjohnson/clock"
	"golang.org/x/net/netutil"
)

// What all clients together may take, so that looking in never costs the store's
// own clients their file descriptors.
const (
	// MaxConnections is how many are open at once. Further ones wait in the
	// operating system's queue.
	MaxConnections = 128
	// WriteTimeout is how long a client may take nothing of an answer.
	WriteTimeout = 10 * time.Second

	headerTimeout  = 5 * time.Second
	requestTimeout = 10 * time.Second // for a whole request, with a body that nobody wants
	idleTimeout    = 30 * time.Second // between requests
	headerSize     = 16 << 10
	sendBuffer     = 128 << 10 // kernel memory for answers on their way; by itself it would grow to megabytes
)

// longAgo is a deadline that ends what waits.
var longAgo = time.Unix(1, 0)

// A listener bounds the connections of another one, and the time that each of
// their writes takes. A bound on the whole answer would end the live feed, and
// profiles that take longer.
type listener struct {
	net.Listener
	clk clock.Clock
}

func limited(l net.Listener, clk clock.Clock) net.Listener {
	return netutil.LimitListener(listener{l, clk}, MaxConnections)
}

func (l listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if buffered, ok := conn.(interface{ SetWriteBuffer(bytes int) error }); ok {
		_ = buffered.SetWriteBuffer(sendBuffer) // without, a client that takes nothing is only noticed later
	}
	return timedConn{conn, l.clk}, nil
}

type timedConn struct {
	net.Conn
	clk clock.Clock
}

func (c timedConn) Write(b []byte) (int, error) {
	late := c.clk.AfterFunc(WriteTimeout, func() { _ = c.SetWriteDeadline(longAgo) }) // a broken connection notices by itself
	defer late.Stop()
	return c.Conn.Write(b)
}

// lasting lets a handler take longer than requestTimeout, which would otherwise
// end it as if its client had gone.
func (s *Server) lasting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn := http.NewResponseController(w)
		_ = conn.SetReadDeadline(time.Time{}) // a recorder has no connection, and no deadline
		defer func() { _ = conn.SetReadDeadline(s.config.Clock.Now().Add(requestTimeout)) }()
		next.ServeHTTP(w, r)
	})
}
