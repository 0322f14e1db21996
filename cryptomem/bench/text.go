package bench

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// String is one line for a terminal.
func (p Progress) String() string {
	line := fmt.Sprintf("%v of %v", p.Elapsed.Round(time.Second), p.Of.Round(time.Second))
	if p.Warming {
		return line + "  warming up"
	}
	line += fmt.Sprintf("  %s/s  p50 %s  p99 %s  max %s", formatCount(p.Rate), formatLatency(p.P50), formatLatency(p.P99), formatLatency(p.Max))
	if p.Failed > 0 {
		line += fmt.Sprintf("  %d FAILED", p.Failed)
	}
	return line
}

// WriteText writes the result for people to read, a picture of the latencies
// included.
func (r *Result) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d × %d request%s under way, %g%% GET, values of %s byte%s, %s key%s of %d bytes\n",
		r.Target, r.Connections, r.Depth, plural(r.Connections*r.Depth), math.Round(1000*r.GetShare)/10,
		formatCount(float64(r.ValueSize)), plural(r.ValueSize), formatCount(float64(r.Keys)), plural(r.Keys), r.KeySize)
	loop := "closed loop"
	if r.TargetRate > 0 {
		loop = fmt.Sprintf("open loop of %s/s", formatCount(r.TargetRate))
	}
	fmt.Fprintf(&b, "%s, %s answers in %v: %s/s", loop, formatCount(float64(r.Requests)), r.Elapsed.Round(10*time.Millisecond), formatCount(r.Rate))
	if r.ServerCPU > 0 {
		fmt.Fprintf(&b, ", %s of the server's CPU time each", formatLatency(r.ServerCPU))
	}
	b.WriteString("\n")
	r.writeTroubles(&b)
	if r.Requests > 0 {
		b.WriteString("\n")
		r.writeLatencies(&b)
		b.WriteString("\n")
		r.writePicture(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Result) writeTroubles(b *strings.Builder) {
	if r.Misses > 0 {
		fmt.Fprintf(b, "%s of %s GETs found nothing\n", formatCount(float64(r.Misses)), formatCount(float64(r.Gets)))
	}
	if r.Failed > 0 {
		fmt.Fprintf(b, "%s request%s FAILED, the first one: %s\n", formatCount(float64(r.Failed)), plural(r.Failed), r.Error)
	}
	if r.Unsent > 0 {
		fmt.Fprintf(b, "%s requests were due and NEVER SENT: the target does not keep up with this rate\n", formatCount(float64(r.Unsent)))
	}
}

func (r *Result) writeLatencies(b *strings.Builder) {
	row := func(name string, cells ...string) {
		fmt.Fprintf(b, "%-14s", name)
		for _, cell := range cells {
			fmt.Fprintf(b, " %8s", cell)
		}
		b.WriteString("\n")
	}
	times := func(name string, l Latency) {
		if l.Max > 0 {
			row(name, formatLatency(l.Min), formatLatency(l.P50), formatLatency(l.P90), formatLatency(l.P99),
				formatLatency(l.P999), formatLatency(l.P9999), formatLatency(l.Max))
		}
	}
	row("latency", "min", "p50", "p90", "p99", "p99.9", "p99.99", "max")
	times("GET", r.Get)
	times("SET", r.Set)
	times("all", r.Latency)
	if r.Wait != nil {
		times("before sending", *r.Wait)
	}
}

// barWidth is how wide the longest bar of the picture is, in letters.
const barWidth = 48

// writePicture draws a bar for every bucket, and names the percentiles that lie
// in it.
func (r *Result) writePicture(b *strings.Builder) {
	var tallest, all int64
	for _, bucket := range r.Distribution {
		tallest = max(tallest, bucket.Count)
		all += bucket.Count
	}
	marks := []struct {
		name string
		at   time.Duration
	}{{"p50", r.Latency.P50}, {"p99", r.Latency.P99}, {"p99.9", r.Latency.P999}, {"max", r.Latency.Max}}
	for _, bucket := range r.Distribution {
		fmt.Fprintf(b, "%8s │%s", formatLatency(bucket.From), bar(bucket.Count, tallest))
		if bucket.Count > 0 {
			fmt.Fprintf(b, " %s", formatShare(bucket.Count, all))
		}
		arrow := "  ◂"
		for _, mark := range marks {
			if mark.at >= bucket.From && mark.at < bucket.To {
				fmt.Fprintf(b, "%s %s", arrow, mark.name)
				arrow = ""
			}
		}
		b.WriteString("\n")
	}
}

// eighths of a letter, from one to seven.
var eighths = [...]string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}

// bar returns a bar as long as count is to tallest; whatever is there, shows.
func bar(count, tallest int64) string {
	if count == 0 {
		return ""
	}
	n := max(int(math.Round(float64(count)/float64(tallest)*barWidth*8)), 1)
	return strings.Repeat("█", n/8) + eighths[n%8]
}

func formatShare(count, all int64) string {
	share := 100 * float64(count) / float64(all)
	switch {
	case share >= 9.995:
		return fmt.Sprintf("%.1f%%", share)
	case share >= 0.01:
		return fmt.Sprintf("%.2f%%", share)
	}
	return formatCount(float64(count)) + "×"
}

// formatLatency writes three digits and a unit.
func formatLatency(d time.Duration) string {
	value, unit := float64(d), "ns"
	for _, next := range []string{"µs", "ms", "s"} {
		if value < 999.5 {
			break
		}
		value, unit = value/1000, next
	}
	digits := 0
	switch {
	case value >= 99.95 || unit == "ns":
	case value >= 9.995:
		digits = 1
	default:
		digits = 2
	}
	text := strconv.FormatFloat(value, 'f', digits, 64)
	if digits > 0 {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text + unit
}

// plural is the ending of a word of which there are n.
func plural[N int | uint64](n N) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// formatCount writes a whole number with its thousands apart.
func formatCount(n float64) string {
	digits := strconv.FormatFloat(math.Round(n), 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
