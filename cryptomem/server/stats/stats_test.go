package stats_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/server/stats"
	"github.com/Zezezknight/cryptomem/transport/session"
)

var _ = Describe("A report", func() {
	report := func(gets, hits, misses uint64, fast, slow uint64) *stats.Report {
		r := &stats.Report{About: stats.About{Started: time.Unix(1000, 0)}}
		r.Server.Requests = []session.RequestCount{
			{Command: "GET", Status: "ok", Count: gets},
			{Command: "GET", Status: "not_found", Count: 2 * gets},
			{Command: "SET", Status: "ok", Count: 5},
		}
		counts := make([]uint64, len(session.LatencyBounds())+1)
		counts[2], counts[len(counts)-1] = fast, slow
		r.Server.Batches = []session.BatchLatency{{Command: "GET", Counts: counts, Sum: time.Second}}
		r.Cache.Hits, r.Cache.Misses = hits, misses
		return r
	}

	It("adds requests up by command, by status, and all of them", func() {
		r := report(10, 0, 0, 0, 0)
		Expect(r.Requests("GET", "ok")).To(BeEquivalentTo(10))
		Expect(r.Requests("GET", "")).To(BeEquivalentTo(30))
		Expect(r.Requests("", "ok")).To(BeEquivalentTo(15))
		Expect(r.Requests("", "")).To(BeEquivalentTo(35))
	})

	It("has no hit ratio before the first read", func() {
		_, ok := report(0, 0, 0, 0, 0).HitRatio()
		Expect(ok).To(BeFalse())
		ratio, ok := report(0, 3, 1, 0, 0).HitRatio()
		Expect(ok).To(BeTrue())
		Expect(ratio).To(Equal(0.75))
	})

	It("tells the latency of all but a few", func() {
		_, ok := report(0, 0, 0, 0, 0).Latency(0.5)
		Expect(ok).To(BeFalse())
		r := report(0, 0, 0, 990, 10)
		half, _ := r.Latency(0.5)
		Expect(half).To(Equal(4096 * time.Nanosecond))
		most, _ := r.Latency(0.999)
		Expect(most).To(BeNumerically(">", 17*time.Second))
	})

	It("knows how many files connections need", func() {
		Expect(stats.FilesFor(1000)).To(BeEquivalentTo(1256))
		Expect(stats.FilesFor(-1)).To(BeEquivalentTo(256), "no limit is not a number to add to")
	})

	It("knows how many connections files are enough for", func() {
		for _, enough := range []struct{ files, limit, connections int }{{1256, 1000, 1000}, {1255, 1000, 999}, {300, 1000, 150}, {1, 10, 1}, {0, 10, 10}} {
			Expect(stats.ConnectionsFor(uint64(enough.files), enough.limit)).To(Equal(enough.connections), "%+v", enough)
		}
	})

	It("knows this process", func() {
		p := stats.ReadProcess()
		Expect(p.Goroutines).To(BeNumerically(">", 0))
		Expect(p.Heap).To(BeNumerically(">", 0))
	})
})
