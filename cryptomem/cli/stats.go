package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem"

	"github.com/Zezezknight/cryptomem/cryptomem/quantity"
	"github.com/Zezezknight/cryptomem/cryptomem/server/stats"
)

const statsUsage = `Usage:
    cryptomem stats [--json] [flags]
    cryptomem stats --watch [--interval DURATION] [--count N] [flags]

Prints the server's statistics: requests, memory, connections. With several
servers, it prints one after the other; as JSON, by address.

    --json               print all statistics as JSON
    --watch              keep showing what changes: a full screen on a
                         terminal, otherwise a line each time
    --interval DURATION  time between two samples (default 1s)
    --count N            end after N samples (default: when interrupted)

` + clientFlagsUsage + `
Example:
    $ cryptomem stats --watch --interval 5s
`

func showStats(ctx context.Context, c *console, args []string) error {
	fs := pflag.NewFlagSet("stats", pflag.ContinueOnError)
	flags := newClientFlags(fs)
	asJSON := fs.Bool("json", false, "")
	watch := fs.Bool("watch", false, "")
	count := fs.Int("count", 0, "")
	interval := positiveFlag{durationFlag(time.Second)}
	fs.Var(&interval, "interval", "")
	operands, err := parse(fs, args)
	if err != nil {
		return err
	}
	switch {
	case len(operands) > 0:
		return usageError(fmt.Sprintf("unexpected %q", operands[0]))
	case *watch && *asJSON:
		return usageError("--watch and --json do not go together")
	case !*watch && (fs.Changed("count") || fs.Changed("interval")):
		return usageError("--count and --interval are for --watch only")
	case *count < 0:
		return usageError(fmt.Sprintf("--count is %d; allowed: 0, to go on until interrupted, or more", *count))
	}
	if err := flags.ownServer(c, "stats"); err != nil {
		return err
	}
	if *watch {
		if err := flags.oneServer(c, "stats --watch"); err != nil {
			return err
		}
	}
	if *watch || *asJSON {
		err = flags.showStats(ctx, c, *watch, *asJSON, interval.duration(), *count)
	} else {
		err = flags.showEach(ctx, c)
	}
	if identity := flags.settings(c).Identity; identity != "" && errors.Is(err, cryptomem.ErrDenied) {
		return fmt.Errorf("%w; %s may, with stats: true in the server's identities file", err, identity)
	}
	return err
}

// showEach shows the statistics of each server for people.
func (f *clientFlags) showEach(ctx context.Context, c *console) error {
	var problems []error
	for i, one := range f.each(c) {
		if i > 0 {
			fmt.Fprintln(c.out)
		}
		problems = append(problems, one.showStats(ctx, c, false, false, 0, 0))
	}
	return errors.Join(problems...)
}

func (f *clientFlags) showStats(ctx context.Context, c *console, watch, asJSON bool, interval time.Duration, count int) error {
	look := &statsReader{flags: f, console: c}
	defer look.close()
	switch {
	case watch:
		return watchStats(ctx, c.out, look, f.address(c), interval, count)
	case asJSON:
		text, err := look.text(ctx)
		if err == nil {
			_, err = fmt.Fprintf(c.out, "%s\n", text)
		}
		return err
	}
	r, err := look.report(ctx)
	if err != nil {
		return err
	}
	return writeReport(c.out, f.address(c), r)
}

// A statsReader asks a server for its statistics, over one client.
type statsReader struct {
	flags   *clientFlags
	console *console
	client  *cryptomem.Client
}

// text connects if need be, and returns the statistics as JSON.
func (l *statsReader) text(ctx context.Context) (text []byte, err error) {
	err = l.flags.call(ctx, l.console, func(ctx context.Context) (err error) {
		if l.client == nil {
			if l.client, err = l.flags.dialKeyless(ctx, l.console); err != nil {
				return err
			}
		}
		text, err = l.client.Stats(ctx, "")
		return err
	})
	if err == nil && !json.Valid(text) {
		err = errors.New("the server's statistics cannot be read: they are not JSON")
	}
	return escapeJSON(text), err
}

func (l *statsReader) close() {
	if l.client != nil {
		_ = l.client.Close() // it was only asked
	}
}

func (l *statsReader) report(ctx context.Context) (*stats.Report, error) {
	text, err := l.text(ctx)
	if err != nil {
		return nil, err
	}
	if text, err = printableJSON(text); err != nil {
		return nil, fmt.Errorf("the server's statistics cannot be read: %w", err)
	}
	r := new(stats.Report)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("the server's statistics cannot be read: %w", err)
	}
	return r, nil
}

// printableJSON returns the text with every string in it as it may be shown. All of
// it is a server's word, and much of that is its clients'.
func printableJSON(text []byte) ([]byte, error) {
	var value any
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber() // which keeps all digits
	if err := in.Decode(&value); err != nil {
		return nil, err
	}
	return json.Marshal(printableValue(value))
}

func printableValue(value any) any {
	switch v := value.(type) {
	case string:
		return printableName(v)
	case []any:
		for i := range v {
			v[i] = printableValue(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = printableValue(v[key])
		}
	}
	return value
}

// writeReport writes one report for people.
func writeReport(out io.Writer, addr string, r *stats.Report) error {
	fmt.Fprintf(out, "cryptomem %s at %s, up %s\n\n", r.About.Version, addr, uptime(r))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(label, format string, args ...any) {
		fmt.Fprintf(w, "%s\t%s\n", label, fmt.Sprintf(format, args...))
	}

	row("requests", "%s%s", thousands(r.Requests("", "")), byCommand(r))
	row("hit ratio", "%s: %s, %s", ratio(r), counted(r.Cache.Hits, "hit", "hits"), counted(r.Cache.Misses, "miss", "misses"))
	row("latency", "%s", latencies(r))
	m := r.Cache.Memory
	row("memory", "%s of %s, %.1f%%: items %s, large values %s, index %s, kept for reuse %s",
		inBytes(m.Total), inBytes(r.Cache.MaxMemory), 100*float64(m.Total)/float64(max(r.Cache.MaxMemory, 1)),
		inBytes(m.Records), inBytes(m.Large), inBytes(m.Index), inBytes(m.Free))
	row("items", "%s, %s of keys and values", thousands(r.Cache.Items), inBytes(int64(r.Cache.Bytes)))
	row("removed", "%s deleted, %s expired, %s evicted", thousands(r.Cache.Deleted), thousands(r.Cache.Expired), thousands(r.Cache.Evicted))
	if r.Cache.Refused > 0 {
		row("refused", "%s, because the store was full", counted(r.Cache.Refused, "write", "writes"))
	}
	s := r.Server
	row("connections", "%d open of %s allowed, %s accepted, %s refused", s.Connections, thousands(uint64(s.MaxConnections)), thousands(s.Accepted), thousands(s.Refused))
	row("closed", "%s idle, %s slow, %s after a protocol error", thousands(s.IdleTimeouts), thousands(s.FrameTimeouts+s.WriteTimeouts+s.AuthTimeouts), thousands(s.FramingErrors))
	row("traffic", "%s received, %s sent", inBytes(s.BytesReceived), inBytes(s.BytesSent))
	row("process", "%s in RAM, %s of CPU time, %d goroutines", inBytes(r.Process.Resident), r.Process.CPU.Round(10*time.Millisecond), r.Process.Goroutines)
	if snap := r.Snapshot; snap != nil {
		row("snapshot", "%s", snapshotLine(r))
	}
	for _, id := range r.Identities {
		name := id.Identity
		if id.Others > 0 {
			name = counted(uint64(id.Others), "other", "others") + " together"
		}
		row("identity", "%s: %s, %s, %s denied", name, counted(uint64(id.Connections), "connection", "connections"),
			counted(id.Requests, "request", "requests"), thousands(id.Denied))
	}
	return w.Flush()
}

func uptime(r *stats.Report) string { return age(r.About.Now.Sub(r.About.Started)) }

// age writes how long ago something was: in seconds, or if that would be 0, in
// milliseconds.
func age(d time.Duration) string {
	unit := time.Second
	if d < unit {
		unit = time.Millisecond
	}
	return quantity.FormatDuration(max(d.Round(unit), unit))
}

// byCommand lists the commands that were used, as in ": GET 12, SET 3".
func byCommand(r *stats.Report) string {
	var parts []string
	for i, c := range r.Server.Requests {
		if i == 0 || c.Command != r.Server.Requests[i-1].Command {
			parts = append(parts, c.Command+" "+thousands(r.Requests(c.Command, "")))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

func ratio(r *stats.Report) string {
	part, ok := r.HitRatio()
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*part)
}

func latencies(r *stats.Report) string {
	p50, ok := r.Latency(0.5)
	if !ok {
		return "-"
	}
	p99, _ := r.Latency(0.99)
	p999, _ := r.Latency(0.999)
	return fmt.Sprintf("p50 %v, p99 %v, p99.9 %v", short(p50), short(p99), short(p999))
}

func snapshotLine(r *stats.Report) string {
	snap := r.Snapshot
	if snap.Error != "" {
		return "failed: " + snap.Error
	}
	if snap.Saves == 0 {
		return "none saved yet"
	}
	return fmt.Sprintf("%s, %s, saved %s ago in %v", counted(snap.Items, "item", "items"), inBytes(snap.Bytes),
		age(r.About.Now.Sub(snap.Saved)), short(snap.Took))
}

// short rounds a duration to about three digits.
func short(d time.Duration) time.Duration {
	for unit := time.Second; unit >= time.Microsecond; unit /= 1000 {
		if d >= unit {
			return d.Round(unit / 100)
		}
	}
	return d
}

// inBytes writes a size with three digits, in binary units.
func inBytes(n int64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n), ""
	for _, unit = range []string{"KiB", "MiB", "GiB", "TiB"} {
		if f /= 1 << 10; f < 999.5 {
			break
		}
	}
	return fmt.Sprintf("%.3g %s", f, unit)
}

// counted writes how many there are of what one calls one and several many.
func counted(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + many
}

// thousands writes a number in groups of three digits.
func thousands(n uint64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
