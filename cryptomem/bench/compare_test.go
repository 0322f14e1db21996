package bench_test

import (
	"context"
	"errors"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/bench"
)

var _ = Describe("A comparison", func() {
	result := func(rate float64, cpu time.Duration) *bench.Result {
		return &bench.Result{Rate: rate, ServerCPU: cpu, Latency: bench.Latency{P50: 100 * time.Microsecond, P999: 10 * cpu}}
	}

	It("measures the servers in turn", func(ctx context.Context) {
		var order []int
		_, err := bench.Compare(ctx, []string{"a", "b", "c"}, 2, func(_ context.Context, i int) (*bench.Result, error) {
			order = append(order, i)
			return result(1, 1), nil
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(order).To(Equal([]int{0, 1, 2, 0, 1, 2}))
	})

	It("compares medians with the first server's", func(ctx context.Context) {
		rounds := [][]*bench.Result{
			{result(1000, 2000), result(500, 4000)},
			{result(9000, 9000), result(100, 100)},
			{result(100, 100), result(9000, 9000)},
		}
		n := 0
		c, err := bench.Compare(ctx, []string{"ours", "theirs"}, 3, func(_ context.Context, i int) (*bench.Result, error) {
			r := rounds[n/2][i]
			n++
			return r, nil
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Servers).To(HaveLen(2))
		Expect(c.Servers[0].Rate).To(BeEquivalentTo(1000))
		Expect(c.Servers[1].ServerCPU).To(Equal(4 * time.Microsecond))
		Expect(c.Servers[1].RateRatio).To(BeEquivalentTo(2))
		Expect(c.Servers[1].CPURatio).To(Equal(0.5))

		var text strings.Builder
		Expect(c.WriteText(&text)).To(Succeed())
		Expect(text.String()).To(HaveSuffix(
			"server            CPU each  requests/s         p50       p99.9         CPU  requests/s       p99.9\n" +
				"ours                   2µs       1,000       100µs        20µs\n" +
				"theirs                 4µs         500       100µs        40µs       0.50×       2.00×       0.50×\n"))
	})

	It("counts no server in whose requests failed", func(ctx context.Context) {
		_, err := bench.Compare(ctx, []string{"ours"}, 1, func(context.Context, int) (*bench.Result, error) {
			return &bench.Result{Failed: 2, Error: "server: out of memory"}, nil
		})
		Expect(err).To(MatchError("ours: 2 requests failed, the first one: server: out of memory"))
	})

	It("ends at the first failure, and says whose it is", func(ctx context.Context) {
		broken := errors.New("cable cut")
		_, err := bench.Compare(ctx, []string{"ours"}, 1, func(context.Context, int) (*bench.Result, error) { return nil, broken })
		Expect(err).To(MatchError(broken))
		Expect(err).To(MatchError(HavePrefix("ours: ")))
	})

	It("takes at least one round", func(ctx context.Context) {
		_, err := bench.Compare(ctx, []string{"ours"}, 0, nil)
		Expect(err).To(MatchError("rounds are 0, at least 1 is needed"))
	})
})

var _ = Describe("The servers of a comparison", func() {
	It("are cryptomem, and of the others those that are installed", func() {
		GinkgoT().Setenv("PATH", GinkgoT().TempDir())
		servers := bench.Servers("/opt/cryptomem")
		Expect(servers).To(HaveLen(1))
		Expect(servers[0].Name).To(Equal("/opt/cryptomem"))
		Expect(servers[0].Protocol).To(Equal(bench.Cryptomem))
	})
})
