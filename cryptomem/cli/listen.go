package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"

	"github.com/Zezezknight/cryptomem/cryptomem/server/certs"
	"github.com/Zezezknight/cryptomem/transport/address"
	"github.com/Zezezknight/cryptomem/transport/serve"
)

// listener is a listener that knows whether it speaks TLS.
type listener struct {
	net.Listener
	tls bool
}

// listening is what to listen on.
type listening struct {
	// The latter for TLS.
	addr, tlsAddr []string
	mode          os.FileMode
	// certs is nil without TLS.
	certs *certs.Source
	// Whether addr, and sockets without a name, speak TLS.
	tlsOnly bool
	// Whether strangers could use a socket.
	exposed func(a address.Address, tls bool) bool
}

// open opens all addresses or none. Sockets that systemd hands over take the
// place of the configured ones; those it names "tls" speak TLS.
func (w listening) open(ctx context.Context) (listeners []listener, err error) {
	defer func() {
		if err != nil {
			for _, l := range listeners {
				// no client has connected yet
				_ = l.Close()
			}
		}
	}()
	add := func(l net.Listener, secure bool) error {
		if secure {
			if w.certs == nil {
				return errors.Join(errors.New("a socket is named tls, but tls_cert is not set"), l.Close())
			}
			l = serve.NewTLSListener(l, w.certs.Config())
		}
		listeners = append(listeners, listener{l, secure})
		return nil
	}
	passed, err := activation.ListenersWithNames()
	if err != nil {
		return nil, fmt.Errorf("sockets from systemd: %w", err)
	}
	for name, group := range passed {
		for _, l := range group {
			secure := name == "tls" || w.tlsOnly
			if w.exposed(address.Of(l.Addr()), secure) {
				return listeners, fmt.Errorf("socket %s from systemd can be reached from other machines, and clients need not authenticate", l.Addr())
			}
			if err := add(l, secure); err != nil {
				return listeners, err
			}
		}
	}
	if len(passed) > 0 {
		return listeners, nil
	}
	for _, some := range []struct {
		addrs  []string
		secure bool
	}{{w.addr, w.tlsOnly}, {w.tlsAddr, true}} {
		for _, addr := range some.addrs {
			opened, err := listenOn(ctx, addr, w.mode)
			if err != nil {
				return listeners, err
			}
			for _, l := range opened {
				err = errors.Join(err, add(l, some.secure))
			}
			if err != nil {
				return listeners, err
			}
		}
	}
	return listeners, nil
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		// nothing is lost with it
		_ = l.Close()
	}
}

// listenOn opens an address: for localhost, IPv4's and IPv6's. The mode is a Unix
// socket's.
func listenOn(ctx context.Context, addr string, mode os.FileMode) (listeners []net.Listener, err error) {
	a, err := address.Parse(addr)
	var l net.Listener
	switch {
	case err != nil:
	case a.Path != "":
		l, err = listenUnix(ctx, a.Path, mode)
	case strings.EqualFold(a.Host, "localhost"):
		listeners, err = listenLoopback(ctx, a.Port)
	default:
		l, err = new(net.ListenConfig).Listen(ctx, a.Network(), a.Target())
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err // the address is said below
		}
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	if l != nil {
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// listenLoopback opens a port on 127.0.0.1 and on ::1, as far as this machine has
// them: some programs take localhost for one of them, and some for the other.
func listenLoopback(ctx context.Context, port uint16) (listeners []net.Listener, err error) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		l, failed := new(net.ListenConfig).Listen(ctx, "tcp", address.Address{Host: host, Port: port}.Target())
		switch {
		case failed == nil:
			listeners = append(listeners, l)
			// the same, where any would do
			port = address.Of(l.Addr()).Port
		case hasLoopback(ctx, host):
			closeAll(listeners)
			return nil, failed
		default:
			err = failed
		}
	}
	if len(listeners) > 0 {
		err = nil
	}
	return listeners, err
}

// hasLoopback reports whether this machine has the address.
func hasLoopback(ctx context.Context, host string) bool {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	return err == nil && l.Close() == nil
}
