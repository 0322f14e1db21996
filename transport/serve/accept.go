package serve

import (
	"errors"
	"net"
	"syscall"
)

// IsTransient reports whether a listener whose Accept failed with err may accept the
// next connection: the system was short of file descriptors or memory, or the
// connection was broken, or forbidden by a firewall, before it was accepted.
func IsTransient(err error) bool {
	for _, again := range passing {
		if errors.Is(err, again) {
			return true
		}
	}
	var ne net.Error
	//nolint:staticcheck // Temporary is deprecated for its vagueness, but net/http, too, knows no other way to tell EMFILE from a closed listener
	return errors.As(err, &ne) && ne.Temporary()
}

// passing lists the transient errors of accept(2) that Temporary takes to be permanent.
var passing = []error{
	syscall.ENOBUFS, syscall.ENOMEM, syscall.EPERM, syscall.EPROTO,
	syscall.ENETDOWN, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.EHOSTUNREACH,
}
