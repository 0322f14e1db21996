package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem/server/stats"
)

// What the screen of a terminal understands.
const (
	clearScreen = "\x1b[H\x1b[2J"
	bold        = "\x1b[1m"
	plain       = "\x1b[0m"
)

// barWidth is the length of the memory bar, in letters.
const barWidth = 50

// headerEvery is how many lines a header serves, where there is no screen.
const headerEvery = 20

// watchStats shows what happens between one look and the next, count times; 0
// goes on until ctx ends, which is no failure.
func watchStats(ctx context.Context, out io.Writer, look *statsReader, addr string, interval time.Duration, count int) error {
	earlier, err := look.report(ctx)
	if err != nil {
		return err
	}
	screen := isTerminal(out)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for n := 0; count <= 0 || n < count; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		now, err := look.report(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		change, err := now.Since(earlier)
		if err != nil {
			fmt.Fprintln(out, err)
			earlier = now
			continue
		}
		seconds := now.About.Now.Sub(earlier.About.Now).Seconds()
		if screen {
			err = writeScreen(out, addr, now, change, seconds)
		} else {
			err = writeLine(out, change, seconds, n%headerEvery == 0)
		}
		if err != nil {
			return err
		}
		earlier = now
	}
	return nil
}

// writeLine writes one look as a line of columns.
func writeLine(out io.Writer, d *stats.Report, seconds float64, header bool) error {
	var b strings.Builder
	if header {
		fmt.Fprintf(&b, "%10s %8s %8s %10s %10s %8s %10s %10s %6s\n",
			"requests/s", "hits", "99%", "items", "memory", "conns", "evicted/s", "expired/s", "cpu")
	}
	most := "-"
	if l, ok := d.Latency(0.99); ok {
		most = fmt.Sprint(short(l))
	}
	fmt.Fprintf(&b, "%10.0f %8s %8s %10d %10s %8d %10.0f %10.0f %5.0f%%\n",
		rate(d.Requests("", ""), seconds), ratio(d), most, d.Cache.Items, strings.ReplaceAll(inBytes(d.Cache.Memory.Total), " ", ""),
		d.Server.Connections, rate(d.Cache.Evicted, seconds), rate(d.Cache.Expired, seconds), 100*d.Process.CPU.Seconds()/seconds)
	_, err := io.WriteString(out, b.String())
	return err
}

// writeScreen fills the terminal with one sample.
func writeScreen(out io.Writer, addr string, now, d *stats.Report, seconds float64) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%scryptomem%s %s at %s, up %s\n\n", clearScreen, bold, plain, now.About.Version, addr, uptime(now))
	fmt.Fprintf(&b, "%s%.0f%s requests/s   hit ratio %s%s%s   CPU %.0f%%\n", bold, rate(d.Requests("", ""), seconds), plain,
		bold, ratio(d), plain, 100*d.Process.CPU.Seconds()/seconds)
	fmt.Fprintf(&b, "latency %s\n\n", latencies(d))
	fmt.Fprintf(&b, "memory       %s %s of %s\n", bar(now), inBytes(now.Cache.Memory.Total), inBytes(now.Cache.MaxMemory))
	fmt.Fprintf(&b, "items        %s, %.0f/s stored, %.0f/s deleted, %.0f/s expired, %.0f/s evicted\n", thousands(now.Cache.Items),
		rate(d.Cache.Sets, seconds), rate(d.Cache.Deleted, seconds), rate(d.Cache.Expired, seconds), rate(d.Cache.Evicted, seconds))
	fmt.Fprintf(&b, "connections  %d open, %.0f/s new, %.0f/s refused\n", now.Server.Connections, rate(d.Server.Accepted, seconds), rate(d.Server.Refused, seconds))
	fmt.Fprintf(&b, "traffic      %s/s in, %s/s out\n\n",
		inBytes(int64(float64(d.Server.BytesReceived)/seconds)), inBytes(int64(float64(d.Server.BytesSent)/seconds)))
	writeCommands(&b, d, seconds)
	writeSlowest(&b, now)
	_, err := io.WriteString(out, b.String())
	return err
}

func rate(n uint64, seconds float64) float64 { return float64(n) / seconds }

// bar draws the memory used against the limit.
func bar(r *stats.Report) string {
	full := int(barWidth * r.Cache.Memory.Total / max(r.Cache.MaxMemory, 1))
	full = min(max(full, 0), barWidth)
	return strings.Repeat("█", full) + strings.Repeat("░", barWidth-full)
}

// writeCommands writes a table of requests per second, by command and status.
func writeCommands(b *strings.Builder, d *stats.Report, seconds float64) {
	var statuses, commands []string
	for _, c := range d.Server.Requests {
		if !slices.Contains(statuses, c.Status) {
			statuses = append(statuses, c.Status)
		}
		if !slices.Contains(commands, c.Command) {
			commands = append(commands, c.Command)
		}
	}
	w := tabwriter.NewWriter(b, 9, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "per second\t")
	for _, s := range statuses {
		fmt.Fprintf(w, "%s\t", strings.ReplaceAll(s, "_", " "))
	}
	fmt.Fprintln(w)
	for _, c := range commands {
		fmt.Fprintf(w, "%s\t", c)
		for _, s := range statuses {
			fmt.Fprintf(w, "%.0f\t", rate(d.Requests(c, s), seconds))
		}
		fmt.Fprintln(w)
	}
	// into memory
	_ = w.Flush()
}

// writeSlowest lists a few of the slowest recent batches.
func writeSlowest(b *strings.Builder, now *stats.Report) {
	if len(now.Server.Slowest) == 0 {
		return
	}
	fmt.Fprintln(b, "\nslowest recent requests")
	w := tabwriter.NewWriter(b, 0, 0, 3, ' ', 0)
	for _, s := range now.Server.Slowest[:min(5, len(now.Server.Slowest))] {
		fmt.Fprintf(w, "  %v\t%s\t%s\t%d in one batch\t%v ago\t%s\n", short(s.Took), s.Command, inBytes(int64(s.Largest)), s.Requests, s.Ago.Round(time.Second), s.Key)
	}
	// into memory
	_ = w.Flush()
}
