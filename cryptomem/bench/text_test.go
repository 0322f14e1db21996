package bench_test

import (
	"os"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/bench"
)

var _ = Describe("A result", func() {
	It("reads like this", func() {
		golden, err := os.ReadFile("testdata/result.txt")
		Expect(err).NotTo(HaveOccurred())
		const µs = time.Microsecond
		latency := bench.Latency{Min: 12 * µs, Mean: 40 * µs, P50: 34 * µs, P90: 61 * µs, P99: 140 * µs, P999: 410 * µs, P9999: 812 * µs, Max: 1240 * µs}
		result := &bench.Result{
			Target: "cryptomem, raw", Connections: 50, Depth: 16, TargetRate: 100_000,
			Keys: 100_000, KeySize: 24, ValueSize: 1024, GetShare: 0.9, Elapsed: 10 * time.Second,
			Requests: 1_000_000, Rate: 100_000, Gets: 900_000, Sets: 100_000, Misses: 12, Failed: 3, Unsent: 1500,
			Error: "server: value is 1024 bytes, limit 1000", ServerCPU: 1620 * time.Nanosecond,
			Latency: latency, Get: latency, Set: latency, Wait: &latency,
			Distribution: []bench.Bucket{
				{From: 10 * µs, To: 15 * µs, Count: 12_000},
				{From: 15 * µs, To: 20 * µs, Count: 80_000},
				{From: 20 * µs, To: 30 * µs, Count: 290_000},
				{From: 30 * µs, To: 50 * µs, Count: 420_000},
				{From: 50 * µs, To: 70 * µs, Count: 150_000},
				{From: 70 * µs, To: 100 * µs, Count: 37_000},
				{From: 100 * µs, To: 150 * µs, Count: 9_000},
				{From: 150 * µs, To: 200 * µs},
				{From: 200 * µs, To: 500 * µs, Count: 1_990},
				{From: 500 * µs, To: 2000 * µs, Count: 10},
			},
		}
		var text strings.Builder
		Expect(result.WriteText(&text)).To(Succeed())
		Expect(text.String()).To(Equal(string(golden)))
	})

	It("counts one thing as one", func() {
		var text strings.Builder
		Expect((&bench.Result{Target: "sealed", Connections: 1, Depth: 1, Keys: 1, KeySize: 24, ValueSize: 1, Failed: 1, Error: "busy"}).WriteText(&text)).To(Succeed())
		Expect(text.String()).To(ContainSubstring("sealed: 1 × 1 request under way, 0% GET, values of 1 byte, 1 key of 24 bytes\n"))
		Expect(text.String()).To(ContainSubstring("\n1 request FAILED, the first one: busy\n"))
	})
})
