package cli

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem/conformance"
	"github.com/Zezezknight/cryptomem/cryptomem/doctor"
	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/transport/address"
)

const conformanceUsage = `Usage:
    cryptomem conformance [flags]
    cryptomem conformance --envelope [flags] -- COMMAND [ARGUMENT]...
    cryptomem conformance --list [--envelope] [--run PATTERN] [--json]

Tests a server against the protocol in docs/protocol.md, rule by rule. It uses
its own keys, which it removes again, and changes nothing else.

With --envelope, it starts COMMAND, a program that seals and opens values (see
docs/conformance.md), and tests it against docs/sealing.md.

Prints the Test Anything Protocol, version 14. The exit code is 1 if a case
failed, and 3 if no case could be tried.

    --envelope           test an implementation of envelopes, not a server
    --list               print the cases and their rules, without testing
    --run PATTERN        only the cases whose name, or group, matches: "ttl",
                         "ttl/touch-*", "*/empty"
    --json               print one JSON object
    --namespace NAME     use keys of this namespace; an identity may be limited
                         to one (default $CRYPTOMEM_NAMESPACE)
    --max-value-size SIZE
                         largest value that the server accepts (default 1MiB)

These flags turn on cases that need to know a limit, or to wait for it:

    --max-connections N  connections that the server accepts from this machine
    --frame-timeout DURATION
                         time for a request to arrive completely
    --auth-timeout DURATION
                         time for a client to authenticate
    --write-timeout DURATION
                         time for a client to read its answers
    --idle-timeout DURATION
                         time between two requests
    --alone              no one else uses the server, so it may be emptied:
                         FLUSH of all, and the dialogues of testdata/frames

` + clientFlagsUsage + `
Example:
    $ cryptomem conformance --addr localhost:8080 --run ttl
    TAP version 14
    1..12
    ok 1 - ttl/set
    not ok 2 - ttl/add
    $ cryptomem conformance --envelope -- python3 reference.py serve
`

// conformanceFlags are the command line of conformance.
type conformanceFlags struct {
	client         *clientFlags
	list, json     bool
	envelope       bool
	run            string
	maxValueSize   sizeFlag
	maxConnections int
	frame, auth    durationFlag
	write, idle    durationFlag
	alone          bool
}

func newConformanceFlags(fs *pflag.FlagSet) *conformanceFlags {
	f := &conformanceFlags{client: newClientFlags(fs), maxValueSize: conformance.DefaultMaxValueSize}
	fs.BoolVar(&f.envelope, "envelope", false, "")
	fs.BoolVar(&f.list, "list", false, "")
	fs.StringVar(&f.run, "run", "", "")
	fs.BoolVar(&f.json, "json", false, "")
	fs.StringVar(&f.client.namespace, "namespace", "", "")
	fs.Var(&f.maxValueSize, "max-value-size", "")
	fs.IntVar(&f.maxConnections, "max-connections", 0, "")
	fs.Var(&f.frame, "frame-timeout", "")
	fs.Var(&f.auth, "auth-timeout", "")
	fs.Var(&f.write, "write-timeout", "")
	fs.Var(&f.idle, "idle-timeout", "")
	fs.BoolVar(&f.alone, "alone", false, "")
	return f
}

// nonconforming is the error of so many failed cases, which have been printed.
type nonconforming int

func (n nonconforming) Error() string {
	if n == 1 {
		return "1 case failed"
	}
	return fmt.Sprintf("%d cases failed", int(n))
}

func checkConformance(ctx context.Context, c *console, args []string) error {
	fs := pflag.NewFlagSet("conformance", pflag.ContinueOnError)
	f := newConformanceFlags(fs)
	operands, err := parse(fs, args)
	if err != nil {
		return err
	}
	switch {
	case len(operands) > 0 && (!f.envelope || f.list):
		return usageError(fmt.Sprintf("unexpected %q", operands[0]))
	case len(operands) == 0 && f.envelope && !f.list:
		return usageError("--envelope needs a COMMAND to start, after --")
	}
	want := conformance.All
	if f.run != "" {
		if want, err = conformance.Matching(f.run); err != nil {
			return usageError("--run: " + err.Error())
		}
	}
	suite, end, err := f.suite(ctx, c, operands)
	if err != nil {
		return err
	}
	defer end()
	var cases []conformance.Case
	for _, one := range suite.Cases() {
		if want(one.Name) {
			cases = append(cases, one)
		}
	}
	switch {
	case len(cases) == 0:
		return usageError(fmt.Sprintf("--run: no case matches %q; --list names them", f.run))
	case f.list:
		return f.writeCases(c, cases)
	}
	return f.try(ctx, c, suite, want, len(cases))
}

// suite returns the suite that the flags ask for. end stops what it has started.
func (f *conformanceFlags) suite(ctx context.Context, c *console, command []string) (suite *conformance.Suite, end func(), err error) {
	if f.envelope {
		implementation := conformance.Implementation{Clock: clock.New(), Timeout: f.client.timeout.duration()}
		end := func() {}
		if len(command) > 0 {
			if end, err = start(ctx, c, command, &implementation); err != nil {
				return nil, nil, err
			}
		}
		return conformance.OfEnvelopes(implementation), end, nil
	}
	switch {
	case f.maxConnections < 0:
		return nil, nil, usageError(fmt.Sprintf("--max-connections is %d, the least is 0", f.maxConnections))
	case f.maxValueSize < 1:
		return nil, nil, usageError(fmt.Sprintf("--max-value-size is %d bytes, the least is 1", int(f.maxValueSize)))
	}
	server, err := f.server(c)
	if err != nil {
		return nil, nil, err
	}
	return conformance.OfServer(server), func() {}, nil
}

// implementationWaitDelay is how long an implementation's output is read after it was
// killed.
const implementationWaitDelay = time.Second

// start starts an implementation of envelopes. Its standard error goes to ours.
func start(ctx context.Context, c *console, command []string, i *conformance.Implementation) (end func(), err error) {
	ctx, stop := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // G204: running it is the point
	cmd.Stderr = c.err
	cmd.WaitDelay = implementationWaitDelay
	in, err := cmd.StdinPipe()
	if err == nil {
		i.Requests = in
		i.Answers, err = cmd.StdoutPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		stop()
		return nil, fmt.Errorf("start the implementation: %w", err)
	}
	return func() {
		// The end of its input asks it to end, then it is killed. Its exit code says
		// nothing.
		_ = in.Close()
		stop()
		_ = cmd.Wait()
	}, nil
}

// server returns the server that the flags name.
func (f *conformanceFlags) server(c *console) (conformance.Server, error) {
	var none conformance.Server
	if err := f.client.ownServer(c, "conformance"); err != nil {
		return none, err
	}
	if err := f.client.oneServer(c, "conformance"); err != nil {
		return none, err
	}
	s := f.client.settings(c)
	if len(s.Namespace) > sealing.MaxNamespace {
		return none, usageError(fmt.Sprintf("--namespace is %d bytes, limit %d", len(s.Namespace), sealing.MaxNamespace))
	}
	dial, err := dialer(s)
	if err != nil {
		return none, err
	}
	server := conformance.Server{
		Dial: dial, Clock: clock.New(), Timeout: f.client.timeout.duration(),
		Prefix:       sealing.NamespacePrefix(s.Namespace),
		MaxValueSize: int(f.maxValueSize), MaxConnections: f.maxConnections,
		FrameTimeout: f.frame.duration(), AuthTimeout: f.auth.duration(),
		WriteTimeout: f.write.duration(), IdleTimeout: f.idle.duration(), Alone: f.alone,
	}
	if s.Identity != "" {
		if server.Token, err = readToken(s); err != nil {
			return none, err
		}
		server.Identity = s.Identity
	}
	return server, nil
}

// dialer returns a function that connects to the server in s, by TLS if s says so.
func dialer(s doctor.Client) (func(context.Context) (net.Conn, error), error) {
	config, err := s.TLSConfig()
	if err != nil {
		return nil, configError{err}
	}
	return func(ctx context.Context) (net.Conn, error) {
		conn, err := address.Dial(ctx, s.Addr)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Addr, err)
		}
		if config == nil {
			return conn, nil
		}
		secure := config.Clone()
		if secure.ServerName == "" {
			secure.ServerName = address.ServerName(s.Addr)
		}
		over := tls.Client(conn, secure)
		if err := over.HandshakeContext(ctx); err != nil {
			_ = conn.Close() // the handshake's error says more
			return nil, err
		}
		return over, nil
	}, nil
}

// explainGreeting says why a server cannot be tested, if the doctor finds out in the half
// of --timeout that the suite has left.
func (f *clientFlags) explainGreeting(ctx context.Context, c *console, err error) error {
	if why := f.diagnose(ctx, c, f.timeout.duration()/2); why != "" {
		return fmt.Errorf("%s: %w", why, err)
	}
	return f.explain(c, err)
}

func (f *conformanceFlags) writeCases(c *console, cases []conformance.Case) error {
	if f.json {
		return json.NewEncoder(c.out).Encode(struct {
			Cases []conformance.Case `json:"cases"`
		}{cases})
	}
	var text strings.Builder
	for _, one := range cases {
		fmt.Fprintf(&text, "%s\n    %s\n", one.Name, one.Rule)
	}
	_, err := fmt.Fprint(c.out, text.String())
	return err
}

// try runs the suite and prints what became of it.
func (f *conformanceFlags) try(ctx context.Context, c *console, suite *conformance.Suite, want conformance.Filter, cases int) error {
	var report conformance.Report
	var tap *conformance.TAP
	each := report.Add
	if !f.json {
		each = func(r conformance.Result) {
			if tap == nil { // so that nothing is printed of what cannot be tried
				tap = conformance.NewTAP(c.out, cases)
			}
			tap.Write(r)
		}
	}
	failed, err := suite.Run(ctx, want, each)
	switch {
	case err != nil && !f.envelope && ctx.Err() == nil:
		return f.client.explainGreeting(ctx, c, err)
	case err != nil:
		return err
	case f.json:
		err = json.NewEncoder(c.out).Encode(report)
	default:
		err = tap.End()
	}
	if err == nil && failed > 0 {
		err = nonconforming(failed)
	}
	return err
}
