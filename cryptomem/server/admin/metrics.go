package admin

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/Zezezknight/cryptomem/cache"

	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
	"github.com/Zezezknight/cryptomem/cryptomem/server/stats"
	"github.com/Zezezknight/cryptomem/transport/session"
)

// metricsHandler makes metrics of a fresh report for each scrape, so that they
// cost nothing in between.
func metricsHandler(own prometheus.Collector) http.Handler {
	registry := prometheus.NewRegistry()
	if own != nil {
		registry.MustRegister(own)
	}
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// collector translates reports for Prometheus. Its metrics are described by the
// tables below and by nothing else.
type collector struct{ report func() *stats.Report }

// metric is one row: a name without the prefix, and its value in a report.
type metric struct {
	name, help string
	kind       prometheus.ValueType
	labels     []string // names
	values     func(r *stats.Report, emit func(value float64, labels ...string))
}

func (m metric) desc() *prometheus.Desc {
	return prometheus.NewDesc("cryptomem_"+m.name, m.help, m.labels, nil)
}

func counter(name, help string, value func(*stats.Report) uint64) metric {
	return metric{name, help, prometheus.CounterValue, nil, func(r *stats.Report, emit func(float64, ...string)) {
		emit(float64(value(r)))
	}}
}

func gauge(name, help string, value func(*stats.Report) float64) metric {
	return metric{name, help, prometheus.GaugeValue, nil, func(r *stats.Report, emit func(float64, ...string)) { emit(value(r)) }}
}

var metricTable = []metric{
	{
		"info", "The server's version; the value is always 1.", prometheus.GaugeValue,
		[]string{"version"},
		func(r *stats.Report, emit func(float64, ...string)) { emit(1, r.About.Version) },
	},
	gauge("start_time_seconds", "When the server started, as Unix time.", func(r *stats.Report) float64 { return unix(r.About.Started) }),

	{
		"requests_total", "Requests answered, by command and status.", prometheus.CounterValue,
		[]string{"command", "status"},
		func(r *stats.Report, emit func(float64, ...string)) {
			for _, c := range r.Server.Requests {
				emit(float64(c.Count), c.Command, c.Status)
			}
		},
	},
	counter("received_bytes_total", "Bytes received from clients.", func(r *stats.Report) uint64 { return uint64(r.Server.BytesReceived) }),
	counter("sent_bytes_total", "Bytes sent to clients.", func(r *stats.Report) uint64 { return uint64(r.Server.BytesSent) }),

	gauge("connections", "Connections open.", func(r *stats.Report) float64 { return float64(r.Server.Connections) }),
	gauge("connections_limit", "Connections that may be open at once.", func(r *stats.Report) float64 { return float64(r.Server.MaxConnections) }),
	counter("connections_accepted_total", "Connections accepted.", func(r *stats.Report) uint64 { return r.Server.Accepted }),
	counter("connections_refused_total", "Connections refused because of a limit.", func(r *stats.Report) uint64 { return r.Server.Refused }),
	counter("connections_framing_errors_total", "Connections closed because their bytes were no requests.", func(r *stats.Report) uint64 { return r.Server.FramingErrors }),
	counter("connections_failed_handshakes_total", "Connections whose TLS handshake failed, or took too long.", func(r *stats.Report) uint64 { return r.Server.Handshakes }),
	counter("connections_unread_total", "Connections closed because no memory was left for answers that they did not read.", func(r *stats.Report) uint64 { return r.Server.Unread }),
	counter("connections_ended_total", "Connections closed after too many failed AUTHs, or with a permission that was revoked.", func(r *stats.Report) uint64 { return r.Server.Ended }),
	{
		"connections_timed_out_total", "Connections closed because a deadline passed, by what was waited for.", prometheus.CounterValue,
		[]string{"waiting_for"},
		func(r *stats.Report, emit func(float64, ...string)) {
			emit(float64(r.Server.IdleTimeouts), "request")
			emit(float64(r.Server.FrameTimeouts), "frame")
			emit(float64(r.Server.WriteTimeouts), "write")
			emit(float64(r.Server.AuthTimeouts), "auth")
			emit(float64(r.Server.HandshakeTimeouts), "handshake")
		},
	},
	gauge("in_flight_bytes", "Memory held by large requests that have not arrived whole and large answers that have not been read.", func(r *stats.Report) float64 { return float64(r.Server.InFlight) }),

	gauge("items", "Items stored, expired ones that are not reclaimed yet included.", func(r *stats.Report) float64 { return float64(r.Cache.Items) }),
	gauge("items_bytes", "Keys and values of those items.", func(r *stats.Report) float64 { return float64(r.Cache.Bytes) }),
	gauge("memory_limit_bytes", "What the store may hold.", func(r *stats.Report) float64 { return float64(r.Cache.MaxMemory) }),
	{
		"memory_bytes", "What the store holds, by kind.", prometheus.GaugeValue,
		[]string{"kind"},
		func(r *stats.Report, emit func(float64, ...string)) {
			emit(float64(r.Cache.Memory.Records), "records")
			emit(float64(r.Cache.Memory.Large), "large")
			emit(float64(r.Cache.Memory.Index), "index")
			emit(float64(r.Cache.Memory.Free), "free")
			emit(float64(r.Cache.Memory.Transit), "transit")
		},
	},
	{
		"items_by_ttl", "Items by remaining TTL: up to ttl seconds and more than the next lower one.", prometheus.GaugeValue,
		[]string{"ttl"},
		func(r *stats.Report, emit func(float64, ...string)) {
			for i, n := range r.Cache.TTL {
				emit(float64(n), ttlLabel(i))
			}
		},
	},
	counter("hits_total", "Reads that found an unexpired item.", func(r *stats.Report) uint64 { return r.Cache.Hits }),
	counter("misses_total", "Reads that did not.", func(r *stats.Report) uint64 { return r.Cache.Misses }),
	counter("items_stored_total", "Items stored, whatever the command.", func(r *stats.Report) uint64 { return r.Cache.Sets }),
	counter("items_refused_total", "Items refused because the store was full.", func(r *stats.Report) uint64 { return r.Cache.Refused }),
	{
		"items_removed_total", "Items removed, by cause.", prometheus.CounterValue,
		[]string{"cause"},
		func(r *stats.Report, emit func(float64, ...string)) {
			emit(float64(r.Cache.Deleted), "deleted")
			emit(float64(r.Cache.Expired), "expired")
			emit(float64(r.Cache.Evicted), "evicted")
		},
	},
	counter("moved_bytes_total", "Bytes copied by compaction and eviction.", func(r *stats.Report) uint64 { return r.Cache.MovedBytes }),

	{
		"identity_connections", "Connections open, by identity.", prometheus.GaugeValue,
		[]string{"identity"},
		eachIdentity(func(u access.Use) float64 { return float64(u.Connections) }),
	},
	{
		"identity_requests_total", "Requests, by identity.", prometheus.CounterValue,
		[]string{"identity"},
		eachIdentity(func(u access.Use) float64 { return float64(u.Requests) }),
	},
	{
		"identity_denied_total", "Requests that an identity was not allowed.", prometheus.CounterValue,
		[]string{"identity"},
		eachIdentity(func(u access.Use) float64 { return float64(u.Denied) }),
	},
	{
		"identity_memory_bytes", "Memory that an identity's items use.", prometheus.GaugeValue,
		[]string{"identity"},
		eachIdentity(func(u access.Use) float64 { return float64(u.Memory) }),
	},
	{
		"identity_memory_limit_bytes", "Limit of identity_memory_bytes, 0 for none.", prometheus.GaugeValue,
		[]string{"identity"},
		eachIdentity(func(u access.Use) float64 { return float64(u.MaxMemory) }),
	},
	{
		"identity_memory_refused_total", "Writes refused for an identity's memory limit.", prometheus.CounterValue,
		[]string{"identity"},
		eachIdentity(func(u access.Use) float64 { return float64(u.MemoryRefused) }),
	},

	{
		"snapshot_saves_total", "Attempts to save the snapshot, by outcome.", prometheus.CounterValue,
		[]string{"outcome"},
		func(r *stats.Report, emit func(float64, ...string)) {
			if s := r.Snapshot; s != nil {
				emit(float64(s.Saves), "saved")
				emit(float64(s.Failures), "failed")
			}
		},
	},
	{
		"snapshot_saved_time_seconds", "When the snapshot was last saved, as Unix time.", prometheus.GaugeValue, nil,
		func(r *stats.Report, emit func(float64, ...string)) {
			if s := r.Snapshot; s != nil && !s.Saved.IsZero() {
				emit(unix(s.Saved))
			}
		},
	},
	{
		"snapshot_bytes", "Size of that snapshot.", prometheus.GaugeValue, nil,
		func(r *stats.Report, emit func(float64, ...string)) {
			if s := r.Snapshot; s != nil && !s.Saved.IsZero() {
				emit(float64(s.Bytes))
			}
		},
	},
}

func eachIdentity(value func(access.Use) float64) func(*stats.Report, func(float64, ...string)) {
	return func(r *stats.Report, emit func(float64, ...string)) {
		for _, use := range r.Identities {
			emit(value(use), use.Identity)
		}
	}
}

// ttlLabel names a bucket of the cache's histogram by its upper bound.
func ttlLabel(i int) string {
	switch i - len(cache.TTLBounds) {
	case 0:
		return "longer"
	case 1:
		return "never"
	}
	return strconv.FormatInt(int64(cache.TTLBounds[i]/time.Second), 10)
}

func unix(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

// batchSeconds is a histogram and does not fit the table.
var batchSeconds = prometheus.NewDesc(
	"cryptomem_batch_duration_seconds",
	"Time from the arrival of requests that came together until their answers were written, by command.",
	[]string{"command"}, nil,
)

// Describe implements prometheus.Collector.
func (collector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range metricTable {
		ch <- m.desc()
	}
	ch <- batchSeconds
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
	for _, b := range r.Server.Batches {
		buckets, total := cumulative(session.LatencyBounds(), b.Counts)
		ch <- prometheus.MustNewConstHistogram(batchSeconds, total, b.Sum.Seconds(), buckets, b.Command)
	}
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
