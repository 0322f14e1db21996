package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/coreos/go-systemd/v22/activation"

	"github.com/Zezezknight/cryptomem/transport/address"
)

// listener is a listener that knows whether it speaks TLS.
type listener struct {
	net.Listener
	tls bool
}

// listen opens all addresses or none. Sockets that systemd hands over take the
// place of the configured ones; those it names "tls" speak TLS.
func (s *service) listen(ctx context.Context) (listeners []listener, err error) {
	defer func() {
		if err != nil {
			for _, l := range listeners {
				_ = l.Close() // nobody has connected yet
			}
		}
	}()
	add := func(l net.Listener, secure bool) error {
		if secure {
			if s.certs == nil {
				return errors.Join(errors.New("a socket is named tls, but tls_cert is not set"), l.Close())
			}
			l = tls.NewListener(l, s.certs.Config())
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
			secure := name == "tls" || s.config.TLSOnly()
			if err := s.mayServe(l.Addr(), secure); err != nil {
				return listeners, err
			}
			if err := add(l, secure); err != nil {
				return listeners, err
			}
		}
	}
	if len(passed) > 0 {
		return listeners, nil
	}
	for _, addr := range s.config.Addr {
		l, err := listenOn(ctx, addr, s.config.UnixMode)
		if err != nil {
			return listeners, err
		}
		if err := add(l, s.config.TLSOnly()); err != nil {
			return listeners, err
		}
	}
	for _, addr := range s.config.TLSAddr {
		l, err := listenOn(ctx, addr, s.config.UnixMode)
		if err != nil {
			return listeners, err
		}
		if err := add(l, true); err != nil {
			return listeners, err
		}
	}
	return listeners, nil
}

// mayServe holds a socket that somebody else opened to the rule that the
// configuration's addresses were held to.
func (s *service) mayServe(addr net.Addr, secure bool) error {
	if !s.config.Exposed(address.Of(addr), secure) {
		return nil
	}
	return fmt.Errorf("socket %s from systemd can be reached from other machines, and nobody has to authenticate", addr)
}

// listenOn opens an address. The mode is a Unix socket's.
func listenOn(ctx context.Context, addr string, mode os.FileMode) (l net.Listener, err error) {
	a, err := address.Parse(addr)
	switch {
	case err != nil:
	case a.Path != "":
		l, err = listenUnix(ctx, a.Path, mode)
	default:
		l, err = new(net.ListenConfig).Listen(ctx, a.Network(), a.Target())
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return l, nil
}
