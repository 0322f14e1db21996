package adapter_test

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/adapter"
	"github.com/Zezezknight/cryptomem/cryptomem/cryptomemtest"
)

var _ = Describe("Counter", func() {
	var (
		server *cryptomemtest.Server
		ctx    = context.Background()
	)

	BeforeEach(func() { server = cryptomemtest.NewServer(GinkgoTB()) })

	newCounter := func(opts ...adapter.Option) *adapter.Counter {
		return adapter.NewCounter(server.Client(), append(opts,
			adapter.WithClock(server.Clock), adapter.WithLogger(slog.New(slog.DiscardHandler)))...)
	}

	It("counts by name in windows, for all processes", func() {
		one, other := newCounter(), newCounter()
		minute := one.Window(time.Minute)
		Expect(one.Add(ctx, "a", minute, 1)).To(BeEquivalentTo(1))
		Expect(other.Add(ctx, "a", other.Window(time.Minute), 2)).To(BeEquivalentTo(3))
		Expect(one.Sum(ctx, "a", minute)).To(BeEquivalentTo(3))
		Expect(one.Sum(ctx, "b", minute)).To(BeZero())
		Expect(one.Sum(ctx, "a", one.Window(time.Hour))).To(BeZero())

		server.Advance(time.Minute)
		Expect(one.Sum(ctx, "a", one.Window(time.Minute))).To(BeZero())
		Expect(one.Sum(ctx, "a", minute)).To(BeEquivalentTo(3), "the previous one is asked for too")
		server.Advance(2 * time.Minute)
		Expect(one.Sum(ctx, "a", minute)).To(BeZero())
	})

	It("begins a window with its multiple of the time", func() {
		counter := newCounter()
		server.Advance(90 * time.Second)
		w := counter.Window(time.Minute)
		Expect(server.Clock.Now().Sub(w.Start)).To(Equal(30 * time.Second))
		Expect(w.End().Sub(server.Clock.Now())).To(Equal(30 * time.Second))
	})

	It("begins anew after a reset", func() {
		counter := newCounter()
		w := counter.Window(time.Minute)
		counter.Add(ctx, "a", w, 5)
		Expect(counter.Reset(ctx, "a", w)).To(Succeed())
		Expect(counter.Sum(ctx, "a", w)).To(BeZero())
		Expect(counter.Add(ctx, "a", w, 1)).To(BeEquivalentTo(1))
	})

	It("counts though the visitor has gone", func() {
		gone, cancel := context.WithCancel(ctx)
		cancel()
		counter := newCounter()
		Expect(counter.Add(gone, "a", counter.Window(time.Minute), 1)).To(BeEquivalentTo(1))
		Expect(counter.Sum(ctx, "a", counter.Window(time.Minute))).To(BeEquivalentTo(1))
	})

	It("loses none of many that come at once", func() {
		var counters [2]*adapter.Counter
		for i := range counters {
			// Who comes too late pauses, which takes a clock that goes on.
			client := server.Client(cryptomem.WithClock(clock.New()), cryptomem.WithFallbackTimeout(time.Minute))
			counters[i] = adapter.NewCounter(client)
		}
		w := adapter.Window{Start: server.Clock.Now(), Length: time.Minute}
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				for range 20 {
					counters[i%2].Add(ctx, "a", w, 1)
				}
			})
		}
		wg.Wait()
		Expect(counters[0].Sum(ctx, "a", w)).To(BeEquivalentTo(2000))
	})

	It("begins a count anew whose key is gone, and counts that", func() {
		newCounter().Add(ctx, "a", newCounter().Window(time.Minute), 5)
		counter := adapter.NewCounter(server.Client(cryptomem.WithSecret([]byte(otherSecret))),
			adapter.WithClock(server.Clock), adapter.WithLogger(slog.New(slog.DiscardHandler)))
		w := counter.Window(time.Minute)
		Expect(counter.Sum(ctx, "a", w)).To(BeZero())
		Expect(counter.Add(ctx, "a", w, 1)).To(BeEquivalentTo(1))
		Expect(counter.Add(ctx, "a", w, 1)).To(BeEquivalentTo(2))
		Expect(counter.Unopened()).To(BeEquivalentTo(2))
	})

	It("counts within the process while the store is away, and reports it", func() {
		var told []error
		counter := newCounter(adapter.WithErrorHandler(func(err error) { told = append(told, err) }))
		server.Down()
		w := counter.Window(time.Minute)
		Expect(counter.Add(ctx, "a", w, 1)).To(BeEquivalentTo(1))
		Expect(counter.Add(ctx, "a", w, 1)).To(BeEquivalentTo(2))
		Expect(counter.Sum(ctx, "a", w)).To(BeEquivalentTo(2))
		Expect(counter.Sum(ctx, "b", w)).To(BeZero())
		Expect(told).To(HaveLen(4))

		server.Advance(time.Minute)
		Expect(counter.Add(ctx, "a", counter.Window(time.Minute), 1)).To(BeEquivalentTo(1))
		Expect(counter.Sum(ctx, "a", w)).To(BeEquivalentTo(2))
		server.Advance(time.Minute)
		Expect(counter.Add(ctx, "a", counter.Window(time.Minute), 1)).To(BeEquivalentTo(1))
		Expect(counter.Sum(ctx, "a", w)).To(BeZero())
		Expect(counter.Reset(ctx, "a", counter.Window(time.Minute))).NotTo(Succeed())
		Expect(counter.Sum(ctx, "a", counter.Window(time.Minute))).To(BeZero())
	})

	It("makes a reset good that failed because the store was away", func() {
		counter := newCounter()
		w := counter.Window(time.Minute)
		counter.Add(ctx, "a", w, 5)
		server.Down()
		Expect(counter.Reset(ctx, "a", w)).NotTo(Succeed())
		Expect(counter.Sum(ctx, "a", w)).To(BeZero())
		server.Up()
		Expect(counter.Sums(ctx, "a", w, w)).To(Equal([]int64{0, 0}))
		Expect(counter.Add(ctx, "a", w, 1)).To(BeEquivalentTo(1))
	})

	It("keeps a limited number of counts while the store is away", func() {
		counter := newCounter()
		server.Down()
		w := counter.Window(time.Minute)
		adapter.CountLocally(counter, w)
		for range 2 {
			Expect(counter.Add(ctx, "one more", w, 1)).To(BeEquivalentTo(1))
			Expect(counter.Sum(ctx, "0", w)).To(BeEquivalentTo(1))
		}
		Expect(adapter.Locals(counter)).To(Equal(adapter.MaxLocal))
		server.Advance(2 * time.Minute)
		Expect(counter.Add(ctx, "one more", counter.Window(time.Minute), 1)).To(BeEquivalentTo(1))
		Expect(adapter.Locals(counter)).To(Equal(1), "the others' time is over")
	})
})
