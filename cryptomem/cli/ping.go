package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

const pingUsage = `Usage:
    cryptomem ping [--wait DURATION] [flags]

Sends a ping to the server, or to each of several, and prints how long the
answer took.

    --wait DURATION      keep trying for this long, while a server starts
` + clientFlagsUsage + `
Example:
    $ cryptomem ping --wait 10s
    localhost:8080 answered in 243µs
`

// pingInterval is the pause between two tries of a ping that waits.
const pingInterval = 50 * time.Millisecond

func ping(ctx context.Context, c *console, args []string) error {
	fs := pflag.NewFlagSet("ping", pflag.ContinueOnError)
	flags := newClientFlags(fs)
	var wait durationFlag
	fs.Var(&wait, "wait", "")
	operands, err := parse(fs, args)
	if err != nil {
		return err
	}
	if len(operands) > 0 {
		return usageError(fmt.Sprintf("unexpected %q", operands[0]))
	}
	deadline := time.Now().Add(wait.duration())
	var problems []error
	for _, one := range flags.each(c) {
		err := one.pingUntil(ctx, c, deadline)
		if isMisuse(err) {
			// of all servers alike
			return err
		}
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// pingUntil asks one server until it answers, or the deadline has passed.
func (f *clientFlags) pingUntil(ctx context.Context, c *console, deadline time.Time) error {
	for {
		took, err := f.ping(ctx, c)
		if err == nil {
			_, err = fmt.Fprintf(c.out, "%s answered in %v\n", f.shown(c), took.Round(time.Microsecond))
			return err
		}
		if isFinal(err) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pingInterval):
		}
	}
}

// isFinal reports whether no waiting mends it: the configuration is wrong, or the
// server is up and has said no.
func isFinal(err error) bool {
	var refused *cryptomem.ServerError
	var untrusted *tls.CertificateVerificationError
	return isMisuse(err) || errors.As(err, &refused) && !errors.Is(err, cryptomem.ErrBusy) || errors.As(err, &untrusted)
}

// isMisuse reports whether the command line or the configuration is wrong.
func isMisuse(err error) bool {
	return errors.As(err, new(configError)) || errors.As(err, new(usageError))
}

// ping measures one question and its answer on a connection that is up.
func (f *clientFlags) ping(ctx context.Context, c *console) (took time.Duration, err error) {
	err = f.call(ctx, c, func(ctx context.Context) error {
		client, err := f.dialKeyless(ctx, c)
		if err != nil {
			return err
		}
		defer client.Close() //nolint:errcheck // the answer is all that matters
		start := time.Now()
		err = client.Ping(ctx)
		took = time.Since(start)
		return err
	})
	return took, err
}
