package bench

import (
	"math"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Progress is what happened in one interval of a run.
type Progress struct {
	// Elapsed since the run began.
	Elapsed time.Duration
	// How long it is meant to be.
	Of time.Duration
	// Nothing is measured yet.
	Warming bool
	// Answers a second.
	Rate     float64
	P50, P99 time.Duration
	Max      time.Duration
	Failed   uint64 // requests
}

func (r *run) progressOf(span *tally) Progress {
	h := span.all()
	now := r.now()
	return Progress{
		Elapsed: time.Duration(now),
		Of:      time.Duration(r.end),
		Warming: now < r.warm,
		Rate:    float64(span.gets+span.sets) / time.Duration(min(max(now-r.warm, 1), r.interval.Nanoseconds())).Seconds(),
		P50:     time.Duration(h.ValueAtQuantile(50)),
		P99:     time.Duration(h.ValueAtQuantile(99)),
		Max:     time.Duration(h.Max()),
		Failed:  span.failed,
	}
}

// A Result is what a run measured. Its JSON has times in nanoseconds.
type Result struct {
	Target      string `json:"target"`
	Connections int    `json:"connections"`
	Depth       int    `json:"depth"`
	// Requests a second that fell due; 0 in a closed loop.
	TargetRate float64 `json:"target_rate,omitempty"`
	Keys       int     `json:"keys"`
	KeySize    int     `json:"key_size"`
	ValueSize  int     `json:"value_size"`
	GetShare   float64 `json:"get_share"`
	// Elapsed of what was measured.
	Elapsed time.Duration `json:"elapsed_ns"`

	// Answered properly.
	Requests uint64 `json:"requests"`
	// Rate of those, a second.
	Rate float64 `json:"rate"`
	Gets uint64  `json:"gets"`
	Sets uint64  `json:"sets"`
	// Misses of the gets.
	Misses uint64 `json:"misses"`
	// Not among Requests: refused, wrong, or without an answer.
	Failed uint64 `json:"failed"`
	// Due, but never sent: the target cannot keep up with the rate.
	Unsent int64  `json:"unsent"`
	Error  string `json:"error,omitempty"`

	// ServerCPU is the CPU time that the server took for one request; 0
	// if it was not asked for.
	ServerCPU time.Duration `json:"server_cpu_ns,omitempty"`

	// Latency counts from when a request was due, which in a closed loop is
	// when it was sent.
	Latency Latency `json:"latency"`
	Get     Latency `json:"get_latency"`
	Set     Latency `json:"set_latency"`
	// Wait is the part of an open loop's latency that passed before sending:
	// what the target's slowness, or the lack of a processor for the load
	// itself, has held up.
	Wait *Latency `json:"wait,omitempty"`

	// Distribution counts all latencies in steps that grow with them.
	Distribution []Bucket `json:"distribution"`
	// Percentiles tells below which latency how many answers were, from the median
	// to as many nines as there are answers for.
	Percentiles []Percentile `json:"percentiles"`
	// Timeline counts answers in each tenth of a second of what was measured.
	Timeline []uint32 `json:"timeline"`
}

// Latency tells how long requests took.
type Latency struct {
	Min   time.Duration `json:"min_ns"`
	Mean  time.Duration `json:"mean_ns"`
	P50   time.Duration `json:"p50_ns"`
	P90   time.Duration `json:"p90_ns"`
	P99   time.Duration `json:"p99_ns"`
	P999  time.Duration `json:"p99.9_ns"`
	P9999 time.Duration `json:"p99.99_ns"`
	Max   time.Duration `json:"max_ns"`
}

// A Percentile is the latency below which so many of a hundred answers were.
type Percentile struct {
	Percent float64       `json:"percent"`
	Latency time.Duration `json:"latency_ns"`
}

// A Bucket counts latencies from From up to, but without, To.
type Bucket struct {
	From  time.Duration `json:"from_ns"`
	To    time.Duration `json:"to_ns"`
	Count int64         `json:"count"`
}

func (r *run) result(t Target) *Result {
	all, total := r.total.all(), r.total
	result := &Result{
		Target:      t.String(),
		Connections: r.load.Connections, Depth: r.load.Depth, TargetRate: r.load.Rate,
		Keys: r.load.Keys, KeySize: r.load.KeySize, ValueSize: r.load.ValueSize, GetShare: r.load.Gets,
		Elapsed:  time.Duration(max(total.last, r.end) - r.warm),
		Requests: total.gets + total.sets, Gets: total.gets, Sets: total.sets, Misses: total.misses, Failed: total.failed,
		Latency: latencyOf(all), Get: latencyOf(total.get), Set: latencyOf(total.set),
		Distribution: distributionOf(all), Percentiles: percentilesOf(all),
		Timeline: total.answers[min(int(r.warm/moment), len(total.answers)):],
	}
	result.Rate = float64(result.Requests) / result.Elapsed.Seconds()
	if total.firstErr != nil {
		result.Error = total.firstErr.Error()
	}
	if r.cpuUsed > 0 && result.Requests > 0 {
		result.ServerCPU = r.cpuUsed / time.Duration(result.Requests)
	}
	if r.schedule != nil {
		wait := latencyOf(total.wait)
		result.Wait, result.Unsent = &wait, r.schedule.left()
	}
	return result
}

func latencyOf(h *hdrhistogram.Histogram) Latency {
	if h.TotalCount() == 0 {
		return Latency{}
	}
	at := func(q float64) time.Duration { return time.Duration(h.ValueAtQuantile(q)) }
	return Latency{
		Min: time.Duration(h.Min()), Mean: time.Duration(h.Mean()),
		P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), P9999: at(99.99),
		Max: time.Duration(h.Max()),
	}
}

// percentilesOf returns percentiles at even steps of the logarithm of what is
// beyond them, as long as there is an answer beyond.
func percentilesOf(h *hdrhistogram.Histogram) []Percentile {
	var list []Percentile
	for step := 0; ; step++ {
		// of all answers
		beyond := math.Pow(10, -float64(step)/10)
		if beyond*float64(h.TotalCount()) < 1 {
			return list
		}
		percent := 100 * (1 - beyond)
		list = append(list, Percentile{percent, time.Duration(h.ValueAtQuantile(percent))})
	}
}

// steps of a decade, for buckets that people can read.
var steps = [...]int64{10, 15, 20, 30, 50, 70}

// distributionOf counts a histogram in buckets, from the first one that is not
// empty to the last.
func distributionOf(h *hdrhistogram.Histogram) []Bucket {
	var buckets []Bucket
	bars := h.Distribution()
	for unit := int64(10); unit <= longest; unit *= 10 {
		for i, step := range steps {
			from, to := unit*step/10, unit*10
			if i+1 < len(steps) {
				to = unit * steps[i+1] / 10
			}
			b := Bucket{From: time.Duration(from), To: time.Duration(to)}
			for len(bars) > 0 && bars[0].From < to {
				b.Count += bars[0].Count
				bars = bars[1:]
			}
			if b.Count > 0 || len(buckets) > 0 {
				buckets = append(buckets, b)
			}
		}
	}
	for len(buckets) > 0 && buckets[len(buckets)-1].Count == 0 {
		buckets = buckets[:len(buckets)-1]
	}
	return buckets
}
