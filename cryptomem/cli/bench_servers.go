package cli

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cryptomem/bench"
	"github.com/Zezezknight/cryptomem/cryptomem/server/certs"
	"github.com/Zezezknight/cryptomem/transport/address"
)

// roomFor returns what servers are started for, to have a shape's load. done removes
// what was made for that.
func roomFor(s *bench.Shape) (room bench.Room, done func() error, err error) {
	room = bench.RoomFor(s.Load)
	room.Spread = s.Spread
	if s.Memory > 0 {
		room.Memory = s.Memory
	}
	if s.Idle > 0 {
		room.Connections = s.Idle + 1000
	}
	if !s.TLS {
		return room, func() error { return nil }, nil
	}
	dir, err := os.MkdirTemp("", "cryptomem-bench-")
	if err != nil {
		return room, nil, err
	}
	done = func() error { return os.RemoveAll(dir) }
	if room.TLS, err = issueForLoopback(dir); err != nil {
		// the first error counts
		_ = done()
		return room, nil, err
	}
	return room, done, nil
}

// issueForLoopback makes an authority and a certificate that servers on this machine
// speak TLS with for the time of a comparison.
func issueForLoopback(dir string) (*bench.TLSFiles, error) {
	authority, err := authorityIn(dir)
	if err != nil {
		return nil, err
	}
	cert, key, err := authority.Issue([]string{"127.0.0.1"}, validFor(1))
	if err != nil {
		return nil, err
	}
	base := filepath.Join(dir, "server")
	return &bench.TLSFiles{Cert: base + ".pem", Key: base + ".key", CA: filepath.Join(dir, "ca.pem")}, createPair(base, cert, key)
}

// compareIdle measures what idle connections take of each server. A peer that does not
// let so many in is left out.
func (f *benchFlags) compareIdle(ctx context.Context, co *console, shape *bench.Shape, room bench.Room, servers []bench.Server, processes []*bench.Process) (*bench.Comparison, error) {
	var secure *tls.Config
	if room.TLS != nil {
		authorities, err := certs.ReadAuthorities(room.TLS.CA)
		if err != nil {
			return nil, err
		}
		secure = &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: authorities}
	}
	c := &bench.Comparison{Rounds: 1}
	for i, s := range servers {
		p := processes[i]
		each, err := bench.IdleMemory(ctx, clock.New(), s.Protocol, f.dialTo(p.Addr, secure), shape.Idle, func() (int64, error) { return bench.ProcessMemory(p.PID) })
		switch {
		case err == nil:
		case i == 0 || ctx.Err() != nil:
			return nil, fmt.Errorf("%s: %w", s.Protocol, err)
		default:
			// the others count all the same
			fmt.Fprintf(co.err, "%s: left out: %s: %v\n", shape.Name, s.Protocol, err)
			continue
		}
		c.Servers = append(c.Servers, bench.Standing{Server: s.Protocol.String(), Idle: each})
	}
	return c, nil
}

// dialTo returns what connects to the server, over TLS if secure is not nil.
func (f *benchFlags) dialTo(server string, secure *tls.Config) bench.Dial {
	if secure != nil {
		if secure.ServerName == "" {
			secure.ServerName = address.ServerName(server)
		}
		// a batch is one record: memcached may leave all but the first one of those
		// that come together
		secure.DynamicRecordSizingDisabled = true
	}
	return func(ctx context.Context) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, f.client.timeout.duration())
		defer cancel()
		conn, err := address.Dial(ctx, server)
		if err != nil {
			return nil, fmt.Errorf("connect to %s: %w", server, err)
		}
		if secure == nil {
			return conn, nil
		}
		secured := tls.Client(conn, secure)
		if err := secured.HandshakeContext(ctx); err != nil {
			// it is of no use without
			_ = conn.Close()
			return nil, fmt.Errorf("TLS handshake with %s: %w", server, err)
		}
		return secured, nil
	}
}
