package doctor

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"github.com/Zezezknight/cryptomem/transport/address"
	"github.com/Zezezknight/cryptomem/transport/timeout"
)

// A Service is a kind of server, as its first words tell.
type Service string

// The services that Identify knows.
const (
	UnknownService Service = ""
	Cryptomem      Service = "a cryptomem server"
	Redis          Service = "a Redis or Valkey"
	Memcached      Service = "memcached"
	HTTP           Service = "an HTTP server"
	SSH            Service = "an SSH server"
)

// question is a line that every service in firstWords answers: those of text protocols
// as a command, cryptomem as a frame with bad magic. The empty line ends a request of
// HTTP.
const question = "PING\r\n\r\n"

// firstWords of each service's answer to the question. A Redis that wants a password,
// is loading or is protected answers with an error.
var firstWords = []struct {
	prefix  string
	service Service
}{
	{"CM", Cryptomem},
	{"+PONG", Redis},
	{"-", Redis},
	{"ERROR", Memcached},
	{"HTTP/", HTTP},
	{"<", HTTP}, // the page of an error, without a header
	{"SSH-", SSH},
}

// Identify connects to an address as the client does, over TLS if it speaks that, and
// returns what kind of server answers. Nothing of the client is told.
func Identify(ctx context.Context, c Client, addr string) Service {
	ctx, cancel := timeout.Context(ctx, c.Clock, c.Timeout)
	defer cancel()
	conn, err := address.Dial(ctx, addr)
	if err != nil {
		return UnknownService
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if c.SpeaksTLS() {
		return identify(tls.Client(conn, anyCertificate()))
	}
	return identify(conn)
}

func identify(conn net.Conn) Service {
	if _, err := conn.Write([]byte(question)); err != nil {
		return UnknownService
	}
	in := make([]byte, 64)
	n, _ := conn.Read(in) // what was read counts
	for _, w := range firstWords {
		if bytes.HasPrefix(in[:n], []byte(w.prefix)) {
			return w.service
		}
	}
	return UnknownService
}

// anyCertificate is for a handshake that only shows whether the other side speaks TLS.
func anyCertificate() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		InsecureSkipVerify: true, //nolint:gosec // nothing is told and nothing is believed
	}
}

// AnswersLike says that a service was found where another was expected.
func AnswersLike(addr string, found, want Service) string {
	return fmt.Sprintf("%s answers like %s, not like %s", addr, found, want)
}

// valkeyURL is the address as that of a Valkey or Redis.
func valkeyURL(addr string) string {
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		if absolute, err := filepath.Abs(path); err == nil {
			path = absolute
		}
		return "unix://" + path
	}
	return "valkey://" + addr
}

// adviceFor says where to go instead, by what was found at the address.
func adviceFor(addr string, found, want Service) string {
	switch {
	case found == Redis && want == Cryptomem:
		return "write " + valkeyURL(addr) + " for a Redis or Valkey; if it is a cryptomem proxy, name the proxy's upstream instead"
	case found == Cryptomem && want == Redis:
		return "for a cryptomem server, write " + addr
	}
	advice := "correct the address; on its machine, " + listing(addr) + " tells who listens there"
	if found == HTTP && want == Cryptomem {
		advice += "; if it is cryptomem's admin page, the server has another address for clients"
	}
	return advice
}
