package panel

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/keyspace"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
)

// collector translates reports for Prometheus. Its metrics are described by the
// table below and by nothing else.
type collector struct{ report func() *Report }

// metric is one row: a name without the prefix, and its values in a report.
type metric struct {
	name, help string
	kind       prometheus.ValueType
	labels     []string // names
	values     func(r *Report, emit func(value float64, labels ...string))
}

func (m metric) desc() *prometheus.Desc {
	return prometheus.NewDesc("cryptomem_proxy_"+m.name, m.help, m.labels, nil)
}

func counter(name, help string, value func(*Report) float64) metric {
	return metric{name, help, prometheus.CounterValue, nil, func(r *Report, emit func(float64, ...string)) { emit(value(r)) }}
}

func gauge(name, help string, value func(*Report) float64) metric {
	return metric{name, help, prometheus.GaugeValue, nil, func(r *Report, emit func(float64, ...string)) { emit(value(r)) }}
}

// near is a metric that is there with a near cache only.
func near(name, help string, kind prometheus.ValueType, value func(valkeystore.NearStats) float64) metric {
	return metric{name, help, kind, nil, func(r *Report, emit func(float64, ...string)) {
		if r.Upstream.Near != nil {
			emit(value(*r.Upstream.Near))
		}
	}}
}

var metricTable = []metric{
	{
		"info", "The proxy's version; the value is always 1.", prometheus.GaugeValue,
		[]string{"version"},
		func(r *Report, emit func(float64, ...string)) { emit(1, r.About.Version) },
	},
	gauge("start_time_seconds", "When the proxy started, as Unix time.", func(r *Report) float64 { return float64(r.About.Started.UnixNano()) / 1e9 }),
	{
		"commands_total", "Commands by name, those that were answered with an error included.", prometheus.CounterValue,
		[]string{"command"},
		func(r *Report, emit func(float64, ...string)) {
			for name, n := range r.Proxy.Commands {
				emit(float64(n), name)
			}
		},
	},
	{
		"commands_refused_total", "Commands that are not spoken, or were spoken wrongly, by what the client calls itself; beyond 256 pairs, \"other\".", prometheus.CounterValue,
		[]string{"client", "command"},
		func(r *Report, emit func(float64, ...string)) {
			for _, refused := range r.Proxy.Refused {
				emit(float64(refused.Count), refused.Client, refused.Command)
			}
		},
	},
	counter("commands_failed_total", "Commands that were answered with an error of the upstream.", func(r *Report) float64 { return float64(r.Proxy.Failures) }),
	counter("changes_coalesced_total", "Changes of a value that went along with another one, in one swap.", func(r *Report) float64 { return float64(r.Proxy.Coalesced) }),
	counter("changes_lost_total", "Swaps that came too late, because another client had changed the value, and were done again.", func(r *Report) float64 { return float64(r.Proxy.Lost) }),
	{
		"upstream_up", "1 if the upstream answered when it was last asked, else 0; absent until it was asked.", prometheus.GaugeValue,
		nil,
		func(r *Report, emit func(float64, ...string)) {
			switch {
			case r.Upstream.Starting:
			case r.Upstream.Problem != "":
				emit(0)
			default:
				emit(1)
			}
		},
	},
	counter("upstream_requests_total", "Requests to the upstream; several may go in one call.", func(r *Report) float64 { return float64(r.Upstream.Requests) }),
	{
		"upstream_failures_total", "Requests that failed, by reason. Not_authentic, expired and those that begin with stale are values that the upstream handed out and that are withheld.", prometheus.CounterValue,
		[]string{"reason"},
		func(r *Report, emit func(float64, ...string)) {
			for reason, n := range r.Upstream.Failed {
				emit(float64(n), reason)
			}
		},
	},
	near("near_hits_total", "Reads that were answered from the near cache, without the upstream.", prometheus.CounterValue, func(n valkeystore.NearStats) float64 { return float64(n.Hits) }),
	near("near_misses_total", "Reads that the near cache had nothing for.", prometheus.CounterValue, func(n valkeystore.NearStats) float64 { return float64(n.Misses) }),
	near("near_voided_total", "Near copies dropped for a change of the value, or for a lost connection.", prometheus.CounterValue, func(n valkeystore.NearStats) float64 { return float64(n.Voided) }),
	near("near_evicted_total", "Near copies dropped for near_cache.", prometheus.CounterValue, func(n valkeystore.NearStats) float64 { return float64(n.Evicted) }),
	near("near_bytes", "Memory that near copies take.", prometheus.GaugeValue, func(n valkeystore.NearStats) float64 { return float64(n.Bytes) }),
	gauge("in_flight_bytes", "Memory of commands and answers on their way.", func(r *Report) float64 { return float64(r.Proxy.InFlight) }),
	gauge("in_flight_limit_bytes", "Memory that commands and answers on their way may take.", func(r *Report) float64 { return float64(r.Proxy.MaxInFlight) }),
	gauge("connections", "Connections open.", func(r *Report) float64 { return float64(r.Connection.Open) }),
	gauge("connections_limit", "Connections that may be open at once.", func(r *Report) float64 { return float64(r.Connection.Max) }),
	counter("connections_accepted_total", "Connections accepted.", func(r *Report) float64 { return float64(r.Connection.Accepted) }),
	counter("connections_refused_total", "Connections refused because of the limit.", func(r *Report) float64 { return float64(r.Connection.Refused) }),
	counter("connections_timed_out_total", "Connections closed because a client was too slow.", func(r *Report) float64 { return float64(r.Connection.TimedOut) }),
	counter("connections_idle_closed_total", "Connections closed because a client was silent.", func(r *Report) float64 { return float64(r.Connection.Idle) }),
	counter("received_bytes_total", "Bytes received from clients.", func(r *Report) float64 { return float64(r.Connection.Received) }),
	counter("sent_bytes_total", "Bytes sent to clients.", func(r *Report) float64 { return float64(r.Connection.Sent) }),
}

// upstreamSeconds is a histogram and does not fit the table.
var upstreamSeconds = prometheus.NewDesc("cryptomem_proxy_upstream_duration_seconds", "Time that calls to the upstream took.", nil, nil)

// Describe implements prometheus.Collector.
func (collector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range metricTable {
		ch <- m.desc()
	}
	ch <- upstreamSeconds
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	r := c.report()
	for _, m := range metricTable {
		desc := m.desc()
		m.values(r, func(value float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(desc, m.kind, value, labels...)
		})
	}
	buckets, total := cumulative(keyspace.LatencyBounds(), r.Upstream.Calls)
	ch <- prometheus.MustNewConstHistogram(upstreamSeconds, total, r.Upstream.Took.Seconds(), buckets)
}

// cumulative turns counts per bucket into counts up to each bound, in seconds.
// Counts beyond the last bound are in the total only.
func cumulative(bounds []time.Duration, counts []uint64) (buckets map[float64]uint64, total uint64) {
	buckets = make(map[float64]uint64, len(bounds))
	for i, n := range counts {
		total += n
		if i < len(bounds) {
			buckets[bounds[i].Seconds()] = total
		}
	}
	return buckets, total
}
