package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"

	"github.com/Zezezknight/cryptomem/cryptomem/config"
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
	if addr.Network() == "unix" || config.IsLocal(addr.String()) ||
		s.config.AllowUnauthenticated || s.config.Authenticates(secure) {
		return nil
	}
	return fmt.Errorf("socket %s from systemd can be reached from other machines, and nobody has to authenticate", addr)
}

func listenOn(ctx context.Context, addr string, mode os.FileMode) (net.Listener, error) {
	var lc net.ListenConfig
	path, unix := strings.CutPrefix(addr, "unix:")
	if !unix {
		l, err := lc.Listen(ctx, "tcp", addr)
		if err != nil {
			return nil, fmt.Errorf("listen on %s: %w", addr, err)
		}
		return l, nil
	}
	l, err := lc.Listen(ctx, "unix", path)
	if errors.Is(err, syscall.EADDRINUSE) && abandoned(ctx, path) {
		if err = os.Remove(path); err == nil {
			l, err = lc.Listen(ctx, "unix", path)
		}
	}
	if err == nil {
		if err = os.Chmod(path, mode); err != nil {
			_ = l.Close() // the mode's error is the one to report
		}
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return l, nil
}

// abandoned reports whether the socket is one that a killed server left behind:
// it is there, and nobody answers.
func abandoned(ctx context.Context, path string) bool {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Type() != os.ModeSocket {
		return false
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err == nil {
		_ = conn.Close() // somebody answered
		return false
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}
