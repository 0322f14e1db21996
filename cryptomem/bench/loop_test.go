package bench

import (
	"context"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// stalling is a target that takes 100 ms for its first batch and no time at
// all for every other one. It moves the mock clock itself, so that nothing
// here runs at once.
type stalling struct {
	clk     *clock.Mock
	batches []int
}

func (s *stalling) String() string                                { return "stalling" }
func (s *stalling) workers(l *Load) (lanes, batch int)            { return 1, l.Depth }
func (s *stalling) open(context.Context, *workload) (lane, error) { return s, nil }
func (s *stalling) Close() error                                  { return nil }

func (s *stalling) do(_ context.Context, ops []op, answered func(int)) error {
	s.batches = append(s.batches, len(ops))
	if len(s.batches) == 1 {
		s.clk.Add(100 * time.Millisecond)
	}
	answered(len(ops))
	if len(s.batches) == 50 {
		s.clk.Add(time.Millisecond) // a closed loop would never end
	}
	return nil
}

var _ = Describe("A server that stalls for 100 ms", func() {
	var target *stalling
	BeforeEach(func() { target = &stalling{clk: clock.NewMock()} })

	measure := func(ctx context.Context, rate float64) *Result {
		GinkgoHelper()
		result, err := Run(ctx, target.clk, target, Load{Depth: 10, Rate: rate, Duration: 101 * time.Millisecond, Gets: 1})
		Expect(err).NotTo(HaveOccurred())
		return result
	}

	It("holds up every request of an open loop that was due meanwhile, each for its time", func(ctx context.Context) {
		result := measure(ctx, 1000)
		Expect(result.Requests).To(BeEquivalentTo(101))
		Expect(result.Latency.Min).To(Equal(shortest * time.Nanosecond / 64 * 64))
		Expect(result.Latency.P50).To(BeNumerically("~", 50*time.Millisecond, time.Millisecond))
		Expect(result.Latency.P90).To(BeNumerically("~", 90*time.Millisecond, time.Millisecond))
		Expect(result.Latency.Max).To(BeNumerically("~", 100*time.Millisecond, 100*time.Microsecond))
	})

	It("shows as waiting before the request was sent, but for those it held in its hands", func(ctx context.Context) {
		wait := measure(ctx, 1000).Wait
		Expect(wait.P50).To(BeNumerically("~", 49*time.Millisecond, time.Millisecond))
		Expect(wait.Max).To(BeNumerically("~", 99*time.Millisecond, time.Millisecond))
	})

	It("is caught up with in batches as deep as allowed", func(ctx context.Context) {
		measure(ctx, 1000)
		Expect(target.batches[:11]).To(Equal([]int{1, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10}))
	})

	It("is one slow batch among many in a closed loop", func(ctx context.Context) {
		result := measure(ctx, 0)
		Expect(result.Wait).To(BeNil())
		Expect(result.Requests).To(BeEquivalentTo(500))
		Expect(result.Latency.P90).To(BeNumerically("<", time.Microsecond))
		Expect(result.Latency.P99).To(BeNumerically(">", 99*time.Millisecond))
	})
})

var _ = Describe("A schedule", func() {
	It("spaces requests evenly", func() {
		s := newSchedule(1000, time.Second.Nanoseconds())
		Expect(s.at(0)).To(BeZero())
		Expect(s.at(1)).To(Equal(time.Millisecond.Nanoseconds()))
		Expect(s.at(999)).To(Equal(999 * time.Millisecond.Nanoseconds()))
		Expect(s.left()).To(BeEquivalentTo(1000))
	})

	It("hands out what is due, in order and up to the limit", func() {
		s := newSchedule(1000, time.Second.Nanoseconds())
		now := 10 * time.Millisecond.Nanoseconds()
		first, n := s.claim(now, 8)
		Expect([]int64{first, n}).To(Equal([]int64{0, 8}))
		first, n = s.claim(now, 8)
		Expect([]int64{first, n}).To(Equal([]int64{8, 3}))
	})

	It("hands out the next request ahead of its time when none is due", func() {
		s := newSchedule(1000, time.Second.Nanoseconds())
		s.claim(0, 8)
		first, n := s.claim(0, 8)
		Expect([]int64{first, n}).To(Equal([]int64{1, 1}))
	})

	It("ends", func() {
		s := newSchedule(1000, (3 * time.Millisecond).Nanoseconds())
		_, n := s.claim(time.Second.Nanoseconds(), 8)
		Expect(n).To(BeEquivalentTo(3))
		_, n = s.claim(time.Second.Nanoseconds(), 8)
		Expect(n).To(BeZero())
		Expect(s.left()).To(BeZero())
	})
})

var _ = Describe("A key", func() {
	DescribeTable("has the size asked for and its number at the end",
		func(size, i int, key string) {
			w := &workload{load: Load{KeySize: size}}
			Expect(string(w.appendKey([]byte("+"), i))).To(Equal("+" + key))
		},
		Entry(nil, 9, 0, "k00000000"),
		Entry(nil, 9, 99_999_999, "k99999999"),
		Entry(nil, 12, 42, "k00000000042"),
	)
})

var _ = DescribeTable("Latencies are written with three digits",
	func(d time.Duration, text string) { Expect(formatLatency(d)).To(Equal(text)) },
	Entry(nil, time.Duration(0), "0ns"),
	Entry(nil, 999*time.Nanosecond, "999ns"),
	Entry(nil, 1000*time.Nanosecond, "1µs"),
	Entry(nil, 1234*time.Nanosecond, "1.23µs"),
	Entry(nil, 12_340*time.Nanosecond, "12.3µs"),
	Entry(nil, 123_400*time.Nanosecond, "123µs"),
	Entry(nil, 999_700*time.Nanosecond, "1ms"),
	Entry(nil, 1500*time.Millisecond, "1.5s"),
	Entry(nil, 10*time.Minute, "600s"),
)

var _ = DescribeTable("Counts have their thousands apart",
	func(n float64, text string) { Expect(formatCount(n)).To(Equal(text)) },
	Entry(nil, 0.4, "0"),
	Entry(nil, 999.0, "999"),
	Entry(nil, 1000.0, "1,000"),
	Entry(nil, 1234567.8, "1,234,568"),
)

var _ = Describe("Processor time", func() {
	It("is what the process used in both modes", func() {
		fields := "17 (a) (b c) S 1 1 1 0 -1 4194560 1 2 3 4 250 50 7 8 20 0 1 0 9 10 11"
		Expect(parseStat([]byte(fields))).To(BeEquivalentTo(300))
	})

	DescribeTable("is not read from anything else",
		func(text string) {
			_, err := parseStat([]byte(text))
			Expect(err).To(HaveOccurred())
		},
		Entry("nothing", ""),
		Entry("too little", "17 (a) S 1"),
		Entry("words", "17 (a) S 1 1 1 0 -1 4194560 1 2 3 4 two fifty 7 8"),
	)
})
