package bench

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A Comparison puts servers side by side under one load.
type Comparison struct {
	Rounds int `json:"rounds"`
	// The one that the others are compared with is first.
	Servers []Standing `json:"servers"`
}

// A Standing is how a server did: the medians of its rounds. The ratios are
// the first server's figures divided by this one's.
type Standing struct {
	Server string `json:"server"`
	// Rate is the number of requests a second.
	Rate float64 `json:"rate"`
	// ServerCPU is the server's CPU time for a request; 0 if unknown.
	ServerCPU time.Duration `json:"server_cpu_ns,omitempty"`
	P50       time.Duration `json:"p50_ns"`
	P99       time.Duration `json:"p99_ns"`
	P999      time.Duration `json:"p99.9_ns"`
	RateRatio float64       `json:"rate_ratio"`
	CPURatio  float64       `json:"server_cpu_ratio,omitempty"`
	TailRatio float64       `json:"p99.9_ratio"`

	// Bytes of memory after the last round; 0 if unknown.
	Resident int64 `json:"resident,omitempty"`
	// Bytes of memory that a connection takes while it is idle; 0 if not measured.
	Idle int64 `json:"idle,omitempty"`

	// Run is the round whose rate was the median.
	Run *Result `json:"-"`
}

// Compare measures the named servers in turn, A B C A B C, so that whatever
// else the machine does meets all of them, and takes medians. measure measures
// the i-th server once.
func Compare(ctx context.Context, names []string, rounds int, measure func(ctx context.Context, i int) (*Result, error)) (*Comparison, error) {
	if rounds < 1 {
		return nil, fmt.Errorf("rounds are %d, at least 1 is needed", rounds)
	}
	results := make([][]*Result, len(names))
	for range rounds {
		for i, name := range names {
			result, err := measure(ctx, i)
			switch {
			case err != nil:
				return nil, fmt.Errorf("%s: %w", name, err)
			case result.Failed > 0:
				return nil, fmt.Errorf("%s: %d requests failed, the first one: %s", name, result.Failed, result.Error)
			}
			results[i] = append(results[i], result)
		}
	}
	c := &Comparison{Rounds: rounds}
	for i, name := range names {
		c.Servers = append(c.Servers, standing(name, results[i]))
	}
	first := c.Servers[0]
	for i := range c.Servers {
		s := &c.Servers[i]
		s.RateRatio = ratio(first.Rate, s.Rate)
		s.CPURatio = ratio(first.ServerCPU, s.ServerCPU)
		s.TailRatio = ratio(first.P999, s.P999)
	}
	return c, nil
}

func standing(name string, results []*Result) Standing {
	rate := median(results, func(r *Result) float64 { return r.Rate })
	middle := results[slices.IndexFunc(results, func(r *Result) bool { return r.Rate == rate })]
	return Standing{
		Server:    name,
		Run:       middle,
		Rate:      rate,
		ServerCPU: median(results, func(r *Result) time.Duration { return r.ServerCPU }),
		P50:       median(results, func(r *Result) time.Duration { return r.Latency.P50 }),
		P99:       median(results, func(r *Result) time.Duration { return r.Latency.P99 }),
		P999:      median(results, func(r *Result) time.Duration { return r.Latency.P999 }),
	}
}

// median returns the middle figure; of an even number, the lower of the two.
func median[T cmp.Ordered](results []*Result, figure func(*Result) T) T {
	figures := make([]T, len(results))
	for i, r := range results {
		figures[i] = figure(r)
	}
	slices.Sort(figures)
	return figures[(len(figures)-1)/2]
}

func ratio[T float64 | time.Duration](a, b T) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// WriteText writes the comparison as a table.
func (c *Comparison) WriteText(w io.Writer) error {
	var b strings.Builder
	row := func(cells ...string) {
		fmt.Fprintf(&b, "%-14s", cells[0])
		for _, cell := range cells[1:] {
			fmt.Fprintf(&b, " %11s", cell)
		}
		b.WriteString("\n")
	}
	times := func(ratio float64) string {
		if ratio == 0 {
			return "-"
		}
		return fmt.Sprintf("%.2f×", ratio)
	}
	first := c.Servers[0].Server
	fmt.Fprintf(&b, "medians of %d rounds, in turn; on the right, what %s takes or gives for each 1 of the others\n\n", c.Rounds, first)
	row("server", "CPU each", "requests/s", "p50", "p99.9", "CPU", "requests/s", "p99.9")
	for i, s := range c.Servers {
		cpu := "-"
		if s.ServerCPU > 0 {
			cpu = formatLatency(s.ServerCPU)
		}
		cells := []string{s.Server, cpu, formatCount(s.Rate), formatLatency(s.P50), formatLatency(s.P999)}
		if i > 0 {
			cells = append(cells, times(s.CPURatio), times(s.RateRatio), times(s.TailRatio))
		}
		row(cells...)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
