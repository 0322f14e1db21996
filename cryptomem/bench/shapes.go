package bench

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// A Shape is one load that people put on caches, with what cryptomem should reach
// there.
type Shape struct {
	// One word.
	Name string
	Load Load
	// Limit that servers are to keep to, in bytes; 0 is more than the load needs.
	Memory int64
	// Servers on all processors, beside the load.
	Spread bool
	// Over TLS.
	TLS bool
	// Instead of a load, so many connections that have nothing to do after one GET.
	Idle int
	// Protocols of the servers to compare with; none means all.
	Peers []string
	// Takes minutes, or much memory.
	Long  bool
	goals []goal
}

// A goal is one figure of a shape and what it should be at the most: for each 1 of
// the best peer's, or in the figure's unit where no peer counts.
type goal struct {
	metric string
	most   float64
	figure func(*Standing) float64
	format func(float64) string
	alone  bool
}

func cpuGoal(most float64) goal {
	return goal{metric: "server CPU", most: most, format: formatNanoseconds, figure: func(s *Standing) float64 { return float64(s.ServerCPU) }}
}

func latencyGoal(metric string, most float64, figure func(*Standing) time.Duration) goal {
	return goal{metric: metric, most: most, format: formatNanoseconds, figure: func(s *Standing) float64 { return float64(figure(s)) }}
}

// idleConnections are as many as the table's servers let in at once.
const idleConnections = 9000

func idleGoal(most float64) goal {
	return goal{metric: "bytes, idle connection", most: most, alone: true, format: oneDigit, figure: func(s *Standing) float64 { return float64(s.Idle) }}
}

func formatNanoseconds(ns float64) string { return formatLatency(time.Duration(ns)) }

func p50(s *Standing) time.Duration  { return s.P50 }
func p99(s *Standing) time.Duration  { return s.P99 }
func p999(s *Standing) time.Duration { return s.P999 }

func mixed(valueSize, keys int) Load {
	return Load{Connections: 20, Depth: 1, ValueSize: valueSize, Keys: keys, Gets: 0.8}
}

func setsOnly(valueSize, keys int) Load {
	return Load{Connections: 20, Depth: 1, ValueSize: valueSize, Keys: keys}
}

func manyItems(keys int) Load {
	return Load{Connections: 50, Depth: 16, ValueSize: 64, Keys: keys, Gets: 1}
}

// The shapes whose processor time says how cost grows with items.
const (
	fewItems  = "items-300k"
	mostItems = "items-20m"
	mostCost  = 1.3 // times, from one to the other
)

// Shapes returns the loads of the table, in its order.
func Shapes() []Shape {
	const mb = 1_000_000
	resident := func(unit float64) func(*Standing) float64 {
		return func(s *Standing) float64 { return float64(s.Resident) / unit }
	}
	shapes := []Shape{
		{Name: "one", Load: Load{Connections: 1, Depth: 1, ValueSize: 64, Gets: 0.9}, goals: []goal{cpuGoal(1), latencyGoal("p50", 1, p50)}},
		{Name: "four", Spread: true, Load: Load{Connections: 4, Depth: 1, ValueSize: 64, Gets: 0.9}, goals: []goal{latencyGoal("p99.9", 1, p999)}},
		{Name: "depth16", Load: Load{Connections: 50, Depth: 16, ValueSize: 64, Gets: 0.9}, Peers: []string{"redis"}, goals: []goal{cpuGoal(0.45)}},
		{Name: "1k", Load: mixed(1<<10, 100_000), Peers: []string{"memcached"}, goals: []goal{cpuGoal(0.95)}},
		{Name: "16k", Load: mixed(16<<10, 10_000), Peers: []string{"memcached"}, goals: []goal{cpuGoal(1)}},
		{Name: "64k", Load: mixed(64<<10, 2000), goals: []goal{cpuGoal(1.1), latencyGoal("p99", 1, p99)}},
		{Name: "1m", Load: mixed(mb, 300), goals: []goal{cpuGoal(1.2), latencyGoal("p99", 1, p99)}},
		{Name: "set-64k", Load: setsOnly(64<<10, 2000), goals: []goal{cpuGoal(1.1)}},
		{Name: "set-1m", Load: setsOnly(mb, 300), goals: []goal{cpuGoal(1.2)}},
		{Name: "full-32m", Memory: 32 << 20, Load: setsOnly(1000, 100_000), goals: []goal{
			{metric: "resident MiB", most: 40, alone: true, format: oneDigit, figure: resident(1 << 20)},
		}},
		{Name: "items-3m", Long: true, Load: manyItems(3_000_000), goals: []goal{
			{metric: "resident bytes an item", most: 108, alone: true, format: oneDigit, figure: resident(3_000_000)},
		}},
		{Name: fewItems, Load: manyItems(300_000), Peers: []string{"redis"}, goals: []goal{cpuGoal(0.45)}},
		{Name: "tls-one", TLS: true, Load: Load{Connections: 1, Depth: 1, ValueSize: 64, Gets: 0.9}, goals: []goal{cpuGoal(1)}},
		{Name: "tls-50", TLS: true, Load: Load{Connections: 50, Depth: 1, ValueSize: 64, Gets: 0.9}, goals: []goal{cpuGoal(0.85)}},
		{Name: "tls-depth16", TLS: true, Load: Load{Connections: 50, Depth: 16, ValueSize: 64, Gets: 0.9}, Peers: []string{"redis"}, goals: []goal{cpuGoal(0.5)}},
		{Name: "tls-1k", TLS: true, Load: mixed(1<<10, 20_000), Peers: []string{"memcached"}, goals: []goal{cpuGoal(0.95)}},
		{Name: "tls-64k", TLS: true, Load: mixed(64<<10, 2000), Peers: []string{"memcached"}, goals: []goal{cpuGoal(1), latencyGoal("p99", 1, p99)}},
		{Name: "handshake", TLS: true, Load: Load{Connections: 4, Depth: 1, ValueSize: 64, Keys: 100, Gets: 1, Reconnect: true}, Peers: []string{"memcached"}, goals: []goal{cpuGoal(1.1)}},
		{Name: "idle", Idle: idleConnections, Long: true, goals: []goal{idleGoal(1000)}},
		{Name: "idle-tls", Idle: idleConnections, TLS: true, Long: true, goals: []goal{idleGoal(14_000)}},
		{Name: mostItems, Long: true, Load: manyItems(20_000_000), Peers: []string{"redis"}, goals: []goal{cpuGoal(0.4)}},
	}
	for i := range shapes {
		l := &shapes[i].Load
		l.Fill, l.TTL, l.KeySize = true, 10*time.Minute, 24
		setDefault(&l.Keys, 100_000)
	}
	return shapes
}

func oneDigit(v float64) string { return fmt.Sprintf("%.1f", v) }

// Counts reports whether the shape is compared with a server of that protocol.
func (s *Shape) Counts(protocol string) bool {
	for _, peer := range s.Peers {
		if peer == protocol {
			return true
		}
	}
	return protocol == Cryptomem.String() || len(s.Peers) == 0
}

// A Row is one figure of the table.
type Row struct {
	Name   string `json:"name"`
	Metric string `json:"metric"`
	Ours   string `json:"ours"`
	// The best one's, and whose.
	Peer string `json:"peer"`
	// The ratio, or the figure itself.
	Value  float64 `json:"value"`
	Target float64 `json:"target"`
	// The target is the least, and not the most.
	AtLeast bool `json:"at_least,omitempty"`
}

// Met reports whether the target is reached.
func (r Row) Met() bool {
	if r.AtLeast {
		return r.Value >= r.Target
	}
	return r.Value <= r.Target
}

// Bound writes the target.
func (r Row) Bound() string {
	if r.AtLeast {
		return fmt.Sprintf("≥ %.4g", r.Target)
	}
	return fmt.Sprintf("≤ %.4g", r.Target)
}

// Rows returns the shape's rows of the table. The comparison's first server is
// cryptomem; without any other there are only rows that need none.
func (s *Shape) Rows(c *Comparison) (rows []Row) {
	for _, g := range s.goals {
		row := Row{Name: s.Name, Metric: g.metric, Target: g.most, Value: g.figure(&c.Servers[0])}
		row.Ours = g.format(row.Value)
		best := 0.0
		for i := 1; i < len(c.Servers); i++ {
			if v := g.figure(&c.Servers[i]); v > 0 && (best == 0 || v < best) {
				best = v
				row.Peer = g.format(v) + " " + c.Servers[i].Server
			}
		}
		switch {
		case g.alone:
		case best > 0:
			row.Value /= best
		default:
			continue
		}
		rows = append(rows, row)
	}
	return rows
}

// Growth returns the row about how the processor time of a request grows with
// items, if both its shapes were measured.
func Growth(measured map[string]*Comparison) (Row, bool) {
	few, most := measured[fewItems], measured[mostItems]
	if few == nil || most == nil || few.Servers[0].ServerCPU == 0 {
		return Row{}, false
	}
	from, to := few.Servers[0].ServerCPU, most.Servers[0].ServerCPU
	return Row{
		Name: "growth", Metric: "CPU, 20m to 300k", Ours: formatLatency(to), Peer: formatLatency(from),
		Value: float64(to) / float64(from), Target: mostCost,
	}, true
}

// HitGoals are the hit ratios of the table for a trace with sizes drawn by
// DrawSizes, by memory limit in bytes.
var HitGoals = map[int64]float64{16 << 20: .38, 32 << 20: .435, 64 << 20: .495}

// HitRows returns the rows about a replay with drawn sizes, cryptomem's curve
// first.
func HitRows(curves []ReplayCurve) (rows []Row) {
	for i, p := range curves[0].Points {
		target, ok := HitGoals[p.Limit]
		if !ok {
			continue
		}
		row := Row{Name: "hits-" + fmt.Sprint(p.Limit>>20) + "m", Metric: "hit ratio", Ours: fmt.Sprintf("%.4f", p.Ratio()), Value: p.Ratio(), Target: target, AtLeast: true}
		best := 0.0
		for _, c := range curves[1:] {
			if v := c.Points[i].Ratio(); v > best {
				best, row.Peer = v, fmt.Sprintf("%.4f %s", v, c.Server)
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// WriteRows writes the table for people to read.
func WriteRows(w io.Writer, rows []Row) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%-11s %-22s %10s %18s %8s %8s  %s\n", "shape", "figure", "ours", "the better peer", "ratio", "target", "met")
	for _, r := range rows {
		met := "no"
		if r.Met() {
			met = "yes"
		}
		peer := r.Peer
		if peer == "" {
			peer = "-"
		}
		fmt.Fprintf(&b, "%-11s %-22s %10s %18s %8.4g %8s  %s\n", r.Name, r.Metric, r.Ours, peer, r.Value, r.Bound(), met)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
