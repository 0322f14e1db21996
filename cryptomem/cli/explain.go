package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/doctor"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// call calls do, and explains its error. All of it ends within --timeout: while do still
// waits after half of that, the search for the reason begins beside it.
func (f *clientFlags) call(ctx context.Context, c *console, do func(context.Context) error) error {
	timeout := f.timeout.duration()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	found := make(chan string, 1)
	search := func() { found <- f.diagnose(ctx, c, timeout/2) }
	timer := time.AfterFunc(timeout/2, search)
	err := do(ctx)
	early := timer.Stop()
	if !isUnclear(err) {
		return f.explain(c, err)
	}
	if early {
		search()
	}
	switch why := <-found; {
	case why == "":
		return f.explain(c, err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, wire.ErrFraming):
		return diagnosed{why, err}
	default:
		return fmt.Errorf("%s: %w", why, err)
	}
}

// A diagnosed error says why there is no answer, without its cause, which would only
// say once more that there is none.
type diagnosed struct {
	why   string
	cause error
}

func (e diagnosed) Error() string { return e.why }
func (e diagnosed) Unwrap() error { return e.cause }

// isUnclear reports whether err may mean that something else than the right server is
// at the address.
func isUnclear(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, wire.ErrFraming) || errors.Is(err, cryptomem.ErrUnavailable)
}

// diagnose asks the doctor, for at most that long, why the server does not answer. It
// returns "" if that is not found out.
func (f *clientFlags) diagnose(ctx context.Context, c *console, limit time.Duration) string {
	s := f.settings(c)
	s.Timeout = limit
	found, ok := doctor.Diagnose(ctx, s)
	if !ok {
		return ""
	}
	return found.Text + "; " + found.Advice
}

// explain adds to an error what to do about it, where the error alone does not
// tell.
func (f *clientFlags) explain(c *console, err error) error {
	var (
		s         = f.settings(c)
		plain     tls.RecordHeaderError
		authority x509.UnknownAuthorityError
	)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return diagnosed{fmt.Sprintf("no answer from %s within %s", f.shown(c), f.timeout.String()), err}
	case !s.SpeaksTLS() && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, wire.ErrFraming)):
		return fmt.Errorf("%w; if the server speaks TLS, so must this command: --ca FILE or --tls", err)
	case errors.As(err, &plain):
		return fmt.Errorf("%w: the server does not speak TLS at %s; leave out --tls, --ca, --cert and their variables, or name its TLS address", err, f.shown(c))
	case s.CA == "" && errors.As(err, &authority):
		return fmt.Errorf("%w; name the authority's certificate with --ca FILE", err)
	case errors.Is(err, cryptomem.ErrDenied) && strings.Contains(err.Error(), "on this key"):
		// not the credentials
		return fmt.Errorf("%w; with --namespace the key belongs to that namespace; "+
			"the identity may use only what its entry in the identities file names", err)
	}
	return err
}
