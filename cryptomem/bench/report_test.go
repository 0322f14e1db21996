package bench_test

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/bench"
)

func standing(server string, cpu, tail time.Duration, resident int64) bench.Standing {
	return bench.Standing{Server: server, ServerCPU: cpu, P50: tail / 10, P99: tail / 2, P999: tail, Resident: resident}
}

func shape(name string) *bench.Shape {
	GinkgoHelper()
	for _, s := range bench.Shapes() {
		if s.Name == name {
			return &s
		}
	}
	Fail("no shape " + name)
	return nil
}

var _ = Describe("The table of shapes", func() {
	const µs = time.Microsecond
	c := &bench.Comparison{Servers: []bench.Standing{
		standing("cryptomem", 20*µs, 1000*µs, 39<<20),
		standing("memcached", 16*µs, 3000*µs, 38<<20),
		standing("redis", 40*µs, 800*µs, 48<<20),
	}}

	It("compares with the better peer, figure by figure", func() {
		rows := shape("64k").Rows(c)
		Expect(rows).To(Equal([]bench.Row{
			{Name: "64k", Metric: "server CPU", Ours: "20µs", Peer: "16µs memcached", Value: 1.25, Target: 1.1},
			{Name: "64k", Metric: "p99", Ours: "500µs", Peer: "400µs redis", Value: 1.25, Target: 1},
		}))
		Expect(rows[0].Met()).To(BeFalse())
	})

	It("has figures that count by themselves, beside the better peer's", func() {
		rows := shape("full-32m").Rows(c)
		Expect(rows).To(Equal([]bench.Row{{Name: "full-32m", Metric: "resident MiB", Ours: "39.0", Peer: "38.0 memcached", Value: 39, Target: 40}}))
		Expect(rows[0].Met()).To(BeTrue())
	})

	It("leaves out what there is no peer for", func() {
		Expect(shape("64k").Rows(&bench.Comparison{Servers: c.Servers[:1]})).To(BeEmpty())
	})

	It("tells how cost grows with items, once both ends were measured", func() {
		_, ok := bench.Growth(map[string]*bench.Comparison{"items-20m": c})
		Expect(ok).To(BeFalse())
		few := &bench.Comparison{Servers: []bench.Standing{standing("cryptomem", 10*µs, 0, 0)}}
		row, ok := bench.Growth(map[string]*bench.Comparison{"items-20m": c, "items-300k": few})
		Expect(ok).To(BeTrue())
		Expect(row.Value).To(Equal(2.0))
		Expect(row.Met()).To(BeFalse())
	})

	It("wants hit ratios to be at least their target", func() {
		point := func(hits uint64) []bench.ReplayPoint {
			return []bench.ReplayPoint{{Limit: 16 << 20, Hits: bench.Hits{Requests: 1000, Hits: hits}}, {Limit: 17 << 20}}
		}
		rows := bench.HitRows([]bench.ReplayCurve{{Server: "cryptomem", Points: point(381)}, {Server: "redis", Points: point(200)}})
		Expect(rows).To(HaveLen(1))
		Expect(rows[0].Met()).To(BeTrue())
		Expect(rows[0].Peer).To(Equal("0.2000 redis"))
		Expect(bench.HitRows([]bench.ReplayCurve{{Server: "cryptomem", Points: point(379)}})[0].Met()).To(BeFalse())
	})

	It("reads like this", func() {
		var text strings.Builder
		Expect(bench.WriteRows(&text, append(shape("64k").Rows(c), shape("full-32m").Rows(c)...))).To(Succeed())
		Expect(text.String()).To(Equal(
			"shape       figure                       ours    the better peer    ratio   target  met\n" +
				"64k         server CPU                   20µs     16µs memcached     1.25    ≤ 1.1  no\n" +
				"64k         p99                         500µs        400µs redis     1.25      ≤ 1  no\n" +
				"full-32m    resident MiB                 39.0     38.0 memcached       39     ≤ 40  yes\n"))
	})
})

var _ = Describe("A report", func() {
	result := &bench.Result{
		Rate: 1000, Elapsed: 300 * time.Millisecond, Timeline: []uint32{100, 0, 200},
		Percentiles: []bench.Percentile{{Percent: 0, Latency: 20 * time.Microsecond}, {Percent: 90, Latency: time.Millisecond}, {Percent: 99, Latency: 90 * time.Millisecond}},
		Latency:     bench.Latency{P50: time.Millisecond, Max: time.Second},
	}
	hits := bench.Hits{Requests: 10, Hits: 4, Bytes: 100, HitBytes: 30}
	report := &bench.Page{
		Title: "a <b> & c", Command: "cryptomem bench --compare",
		Runs:   []bench.NamedResult{{Server: "cryptomem", Result: result}, {Server: "<script>", Result: result}},
		Rows:   []bench.Row{{Name: "64k", Metric: "p99", Ours: "1ms", Peer: "2ms redis", Value: 0.5, Target: 1}},
		Curves: []bench.ReplayCurve{{Server: "cryptomem", Points: []bench.ReplayPoint{{Limit: 16 << 20, Hits: hits}, {Limit: 64 << 20, Hits: hits}}}},
	}
	page := func(r *bench.Page) string {
		GinkgoHelper()
		var b strings.Builder
		Expect(r.WriteHTML(&b)).To(Succeed())
		return b.String()
	}

	It("shows latencies, throughput, the table and hit ratios", func() {
		text := page(report)
		Expect(strings.Count(text, "<svg")).To(Equal(4))
		Expect(text).To(ContainSubstring("p99"))
		Expect(text).To(ContainSubstring("2ms redis"))
		Expect(text).To(ContainSubstring("64 MiB"))
	})

	It("needs nothing from elsewhere, and runs nothing", func() {
		text := page(report)
		Expect(text).NotTo(MatchRegexp(`(?i)<script|<link|<img|https?:|url\(|@import`))
		Expect(text).To(ContainSubstring("a &lt;b&gt; &amp; c"))
		Expect(text).To(ContainSubstring("&lt;script&gt;"))
	})

	It("draws well-formed pictures", func() {
		for _, picture := range regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(page(report), -1) {
			d := xml.NewDecoder(strings.NewReader(picture))
			_, err := d.Token()
			for err == nil {
				_, err = d.Token()
			}
			Expect(errors.Is(err, io.EOF)).To(BeTrue(), "%v", err)
			Expect(picture).NotTo(ContainSubstring("NaN"))
		}
	})

	It("leaves out what it has nothing about", func() {
		Expect(page(&bench.Page{Title: "nothing"})).NotTo(ContainSubstring("<h2"))
	})

	It("can show a run without one answer", func() {
		Expect(page(&bench.Page{Runs: []bench.NamedResult{{Server: "cryptomem", Result: &bench.Result{}}}})).NotTo(ContainSubstring("NaN"))
	})
})
