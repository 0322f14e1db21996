package sim_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sim"
)

var _ = Describe("the clock of a bubble", func() {
	// firing returns at which step something fires that is due after 300 steps, when the
	// clock has made 200 without any goroutine waiting.
	firing := func(due func(clk clock.Clock, in time.Duration, fire func())) (at time.Duration, seen time.Duration) {
		synctest.Test(suiteT, func(*testing.T) {
			clk, step := sim.NewBubbleClock(clock.New())
			start := clk.Now()
			var fired atomic.Int64
			for i := range 500 {
				if i == 200 {
					due(clk, 100, func() { fired.Store(int64(clk.Since(start))) })
				}
				if step(); at == 0 && fired.Load() != 0 {
					at = clk.Since(start)
				}
			}
			seen = time.Duration(fired.Load())
		})
		return at, seen
	}
	DescribeTable("fires at the very step at which something is due",
		func(due func(clk clock.Clock, in time.Duration, fire func())) {
			at, seen := firing(due)
			Expect(at).To(Equal(300 * time.Nanosecond))
			Expect(seen).To(Equal(at))
		},
		Entry("a timer", func(clk clock.Clock, in time.Duration, fire func()) {
			timer := clk.Timer(in)
			go func() { <-timer.C; fire() }()
		}),
		Entry("a function", func(clk clock.Clock, in time.Duration, fire func()) { clk.AfterFunc(in, fire) }),
		Entry("a channel", func(clk clock.Clock, in time.Duration, fire func()) {
			c := clk.After(in)
			go func() { <-c; fire() }()
		}),
		Entry("a sleeper", func(clk clock.Clock, in time.Duration, fire func()) {
			go func() { clk.Sleep(in); fire() }()
			synctest.Wait()
		}),
		Entry("a context", func(clk clock.Clock, in time.Duration, fire func()) {
			ctx, cancel := clk.WithDeadline(context.Background(), clk.Now().Add(in))
			go func() { defer cancel(); <-ctx.Done(); fire() }()
		}),
	)
})
