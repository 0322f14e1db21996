package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/bench"
	"github.com/Zezezknight/cryptomem/cryptomem/doctor"

	"github.com/Zezezknight/cryptomem/cryptomem/quantity"
	"github.com/Zezezknight/cryptomem/sealing"
)

const benchUsage = `Usage:
    cryptomem bench [flags]
    cryptomem bench --compare [flags]
    cryptomem bench --table [--rows NAMES] [--short] [flags]
    cryptomem bench --trace FILE [flags]

Puts load on a server and shows how long its answers take. It stores its own
keys there, from k00...0 on.

    --protocol NAME      sealed: a cryptomem server through the client, with a
                         random key (default); cryptomem: its protocol without
                         sealing; memcached, redis: their protocols
    --connections N      number of connections (default 1)
    --depth N            requests in flight on each connection: sealed uses as
                         many goroutines, the other protocols one write
                         (default 16)
    --rate N             requests due each second, whether or not the server
                         keeps up; latency counts from when they are due.
                         Without it, each connection waits for its answers
    --duration DURATION  how long to measure (default 10s)
    --warmup DURATION    how long to run the load before that (default 1s)
    --gets PERCENT       share of GET; the rest is SET (default 90)
    --keys N             number of keys, all stored first (default 100000)
    --key-size SIZE      (default 24)
    --value-size SIZE    (default 64)
    --ttl DURATION       TTL of the values (default 10m; 0 means no expiry)
    --reconnect          open a new connection for each batch, with its TLS
                         handshake; not for sealed
    --seed N             the same seed asks for the same keys (default 1)
    --server-pid PID     show the CPU time that this process, on this machine,
                         uses for each request
    --json               print the result as JSON, times in nanoseconds

` + clientFlagsUsage + `
    --namespace NAME     the namespace of the keys (default
                         $CRYPTOMEM_NAMESPACE)

Identities, namespaces and addresses of Valkey or Redis work with the sealed
protocol only. Each node of a Valkey or Redis gets one connection. The exit code
is 3 if requests failed.

With --compare, it starts cryptomem, and memcached and redis-server if they are
installed, each on its own port and processor. It puts the same load on one
after the other, and prints the medians and their ratios.

    --rounds N           rounds for each server (default 5)
    --report FILE        also write an HTML page, in one file. Also for --table
                         and --trace

With --table, it compares them under several loads, from one connection to 20
million items. For each load it prints cryptomem's figure divided by the better
figure of the others, and the target.

    --rows NAMES         only these loads, separated by commas; "none" for none
    --short              one short round of each, without the long ones
    --trace FILE         also replay a trace, with random sizes

With --trace alone, it replays a file of requests like a program that reads
through its cache, and prints the share of hits among requests and bytes. It
does so on each of the servers that --compare starts, for each memory limit, or
on the server that --addr and --protocol name. Each line of FILE, which may be
gzipped, is an object's name and its size in bytes, by default --value-size.
On every server, the stored values are as long as sealed ones.

    --limits SIZES       memory limits of the servers (default
                         16MiB,32MiB,64MiB)
    --drawn              derive sizes of 64 B to 16 KiB from the names instead

Example:
    $ cryptomem bench --connections 50 --rate 50000 --duration 30s
    $ cryptomem bench --compare --connections 50 --depth 1 --report bench.html
    $ cryptomem bench --trace requests.txt.gz --limits 64MiB,256MiB,1GiB
`

// benchFlags are the command line of bench.
type benchFlags struct {
	client             *clientFlags
	protocol           string
	load               bench.Load
	gets               float64
	keySize, valueSize sizeFlag
	duration, warmup   durationFlag
	ttl                durationFlag
	pid, rounds        int
	json, compare      bool
	table, short       bool
	drawn              bool
	rows               []string
	trace, report      string
	limits             sizesFlag
	// command is the command line.
	command string
}

func newBenchFlags(fs *pflag.FlagSet) *benchFlags {
	f := &benchFlags{
		client:  newClientFlags(fs),
		keySize: 24, valueSize: 64,
		duration: durationFlag(10 * time.Second), warmup: durationFlag(time.Second),
		ttl: durationFlag(10 * time.Minute),
	}
	fs.StringVar(&f.client.namespace, "namespace", "", "")
	fs.StringVar(&f.protocol, "protocol", "sealed", "")
	fs.IntVar(&f.load.Connections, "connections", 1, "")
	fs.IntVar(&f.load.Depth, "depth", 16, "")
	fs.Float64Var(&f.load.Rate, "rate", 0, "")
	fs.Var(&f.duration, "duration", "")
	fs.Var(&f.warmup, "warmup", "")
	fs.Float64Var(&f.gets, "gets", 90, "")
	fs.IntVar(&f.load.Keys, "keys", 100_000, "")
	fs.Var(&f.keySize, "key-size", "")
	fs.Var(&f.valueSize, "value-size", "")
	fs.Var(&f.ttl, "ttl", "")
	fs.Uint64Var(&f.load.Seed, "seed", 1, "")
	fs.BoolVar(&f.load.Reconnect, "reconnect", false, "")
	fs.IntVar(&f.pid, "server-pid", 0, "")
	fs.BoolVar(&f.json, "json", false, "")
	fs.BoolVar(&f.compare, "compare", false, "")
	fs.IntVar(&f.rounds, "rounds", 5, "")
	fs.BoolVar(&f.table, "table", false, "")
	fs.BoolVar(&f.short, "short", false, "")
	fs.StringSliceVar(&f.rows, "rows", nil, "")
	fs.StringVar(&f.trace, "trace", "", "")
	fs.StringVar(&f.report, "report", "", "")
	fs.BoolVar(&f.drawn, "drawn", false, "")
	f.limits = sizesFlag{16 << 20, 32 << 20, 64 << 20}
	fs.Var(&f.limits, "limits", "")
	return f
}

func runBench(ctx context.Context, c *console, args []string) error {
	fs := pflag.NewFlagSet("bench", pflag.ContinueOnError)
	f := newBenchFlags(fs)
	operands, err := parse(fs, args)
	if err != nil {
		return err
	}
	if len(operands) > 0 {
		return usageError(fmt.Sprintf("unexpected %q", operands[0]))
	}
	for _, name := range []string{"connections", "depth", "keys", "rounds"} {
		if n, _ := fs.GetInt(name); n < 1 {
			return usageError(fmt.Sprintf("--%s is %d, the least is 1", name, n))
		}
	}
	if err := f.check(fs); err != nil {
		return err
	}
	f.load.Gets, f.load.Fill = f.gets/100, true
	f.load.KeySize, f.load.ValueSize = int(f.keySize), int(f.valueSize)
	f.load.Duration, f.load.Warmup, f.load.TTL = f.duration.duration(), f.warmup.duration(), f.ttl.duration()
	f.load.Patience = f.client.timeout.duration()
	if err := f.checkLoad(); err != nil {
		return err
	}
	f.command = strings.Join(append([]string{"cryptomem", "bench"}, args...), " ")
	switch {
	case f.table:
		return f.runTable(ctx, c, fs)
	case f.trace != "":
		return f.runReplay(ctx, c, fs)
	case f.compare:
		return f.runCompare(ctx, c, fs)
	}
	target, closeTarget, err := f.target(ctx, c)
	if err != nil {
		return err
	}
	defer closeTarget()
	result, err := bench.Run(ctx, clock.New(), target, f.load, f.options(c)...)
	if err != nil {
		return f.explain(ctx, c, err)
	}
	if f.json {
		err = json.NewEncoder(c.out).Encode(result)
	} else {
		err = result.WriteText(c.out)
	}
	if err == nil && result.Failed > 0 {
		err = requestsFailed{result.Failed, result.Error}
	}
	return err
}

// check refuses what cannot be done, and flags that would be ignored.
func (f *benchFlags) check(fs *pflag.FlagSet) error {
	switch {
	case !(f.gets >= 0 && f.gets <= 100):
		return usageError(fmt.Sprintf("--gets is %g; allowed: 0 to 100", f.gets))
	case f.duration <= 0:
		return usageError("--duration is 0s, it must be greater than 0")
	case fs.Changed("rounds") && !f.compare && !f.table:
		return usageError("--rounds is for --compare and --table only")
	case (f.short || len(f.rows) > 0) && !f.table:
		return usageError("--short and --rows are for --table only")
	case (f.drawn || fs.Changed("limits")) && f.trace == "":
		return usageError("--limits and --drawn are for --trace only")
	case f.report != "" && !f.compare && !f.table && f.trace == "":
		return usageError("--report is for --compare, --table and --trace only")
	}
	if err := f.refuseIgnored(fs); err != nil {
		return err
	}
	if f.protocol == "sealed" && !f.compare && !f.table && f.trace == "" {
		if f.load.Reconnect {
			return usageError("--reconnect is for bare protocols only")
		}
		return nil
	}
	sealedOnly := []string{"identity", "token-file", "namespace"}
	if f.compare || f.table || f.trace != "" {
		sealedOnly = append(sealedOnly, "ca", "server-name", "cert", "cert-key")
	}
	if f.table || f.trace != "" {
		sealedOnly = append(sealedOnly, "tls")
	}
	for _, name := range sealedOnly {
		if fs.Changed(name) {
			return usageError("--" + name + " is for the sealed protocol only, and not for --compare, --table or --trace")
		}
	}
	return nil
}

// checkLoad names the flag of what is wrong with the load.
func (f *benchFlags) checkLoad() error {
	var wrong *bench.LoadError
	if errors.As(f.load.Check(), &wrong) {
		return usageError("--" + strings.ReplaceAll(strings.ToLower(wrong.Field), " ", "-") + " " + wrong.Problem)
	}
	if n := f.load.Connections * f.load.Depth; n > bench.MaxWorkers && f.protocol == "sealed" && !f.compare {
		return usageError(fmt.Sprintf("--connections times --depth is %d, limit %d; another --protocol takes more", n, bench.MaxWorkers))
	}
	return nil
}

// refuseIgnored refuses flags of a load to modes that have a load of their own.
func (f *benchFlags) refuseIgnored(fs *pflag.FlagSet) error {
	var ignored []string
	var why string
	switch {
	case f.table:
		ignored, why = []string{"connections", "depth", "rate", "gets", "keys", "value-size", "ttl", "seed", "reconnect"}, "--table has loads of its own"
	case f.trace != "":
		ignored, why = []string{"connections", "depth", "rate", "gets", "keys", "key-size", "ttl", "seed", "duration", "warmup", "reconnect"}, "--trace has its load from the file"
	}
	for _, name := range ignored {
		if fs.Changed(name) {
			return usageError("--" + name + " has no effect: " + why)
		}
	}
	return nil
}

// requestsFailed is the error of a run with requests that were refused, answered
// wrongly or not at all.
type requestsFailed struct {
	count uint64
	first string
}

func (e requestsFailed) Error() string {
	return fmt.Sprintf("%d of the requests failed, the first one: %s", e.count, e.first)
}

// target connects the load to what --protocol names.
func (f *benchFlags) target(ctx context.Context, c *console) (t bench.Target, closeTarget func(), err error) {
	if f.protocol == "sealed" {
		var client *cryptomem.Client
		err := f.client.call(ctx, c, func(ctx context.Context) (err error) {
			if client, err = f.dialSealed(ctx, c); err != nil {
				return err
			}
			return client.Ping(ctx)
		})
		if err != nil {
			return nil, nil, err
		}
		// the result is in hand
		return bench.Sealed(client), func() { _ = client.Close() }, nil
	}
	if isValkey(f.client.address(c)) {
		return nil, nil, usageError("a bare protocol is spoken to a server at host:port, and the address is a URL, as those of Valkey and Redis are; --protocol sealed works there")
	}
	if err := f.client.oneServer(c, "a bare protocol"); err != nil {
		return nil, nil, err
	}
	protocol, err := bench.ParseProtocol(f.protocol)
	if err != nil {
		return nil, nil, usageError(err.Error() + ", sealed")
	}
	settings := f.client.settings(c)
	secure, err := settings.TLSConfig()
	if err != nil {
		return nil, nil, configError{err}
	}
	return bench.Raw(protocol, f.dialTo(settings.Addr, secure)), func() {}, nil
}

// services are what the bare protocols are spoken to.
var services = map[string]doctor.Service{
	bench.Cryptomem.String(): doctor.Cryptomem, bench.Redis.String(): doctor.Redis, bench.Memcached.String(): doctor.Memcached,
}

// explain adds to an error that the server is of another protocol, if that is so.
func (f *benchFlags) explain(ctx context.Context, c *console, err error) error {
	want, bare := services[f.protocol]
	if !bare || ctx.Err() != nil {
		return f.client.explain(c, err)
	}
	s := f.client.settings(c)
	if found := doctor.Identify(ctx, s, s.Addr); found != doctor.UnknownService && found != want {
		return fmt.Errorf("%s: %w", doctor.AnswersLike(s.Addr, found, want), err)
	}
	return f.client.explain(c, err)
}

// dialSealed returns a client whose key no other client has: what it stores is of
// no use after the run.
func (f *benchFlags) dialSealed(ctx context.Context, c *console) (*cryptomem.Client, error) {
	keyring, err := sealing.NewKeyring(time.Now())
	if err != nil {
		return nil, err
	}
	opts := []cryptomem.Option{
		cryptomem.WithKeyring(keyring),
		cryptomem.WithNamespace(f.client.settings(c).Namespace),
		cryptomem.WithMaxValueSize(max(f.load.ValueSize+sealing.Overhead, 1<<20)),
	}
	if !isValkey(f.client.address(c)) { // whose store has one connection a node
		opts = append(opts,
			cryptomem.WithTimeout(f.client.timeout.duration()),
			cryptomem.WithConnections(max(f.load.Connections, 1)))
	}
	return f.client.dial(ctx, c, opts...)
}

func (f *benchFlags) options(c *console) []bench.Option {
	var opts []bench.Option
	if f.pid != 0 {
		opts = append(opts, bench.WithServerCPU(func() (time.Duration, error) { return bench.ProcessCPU(f.pid) }))
	}
	if isTerminal(c.err) {
		opts = append(opts, bench.WithProgress(time.Second, func(p bench.Progress) {
			// clears what an earlier, longer line has left
			end := "\x1b[K"
			if p.Elapsed >= p.Of {
				end += "\n"
			}
			fmt.Fprintf(c.err, "\r%v%s", p, end)
		}))
	}
	return opts
}

// sizeFlag is a size in bytes with the units that the configuration knows.
type sizeFlag int64

func (s *sizeFlag) String() string { return quantity.FormatSize(int64(*s)) }
func (s *sizeFlag) Type() string   { return "size" }

func (s *sizeFlag) Set(text string) error {
	parsed, err := quantity.ParseSize(text)
	*s = sizeFlag(parsed)
	return err
}
