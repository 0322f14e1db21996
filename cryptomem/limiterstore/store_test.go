package limiterstore_test

import (
	"context"
	"log/slog"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/ulule/limiter/v3"

	"github.com/Zezezknight/cryptomem/cryptomem/adapter"
	"github.com/Zezezknight/cryptomem/cryptomem/cryptomemtest"
	"github.com/Zezezknight/cryptomem/cryptomem/limiterstore"
)

var _ limiter.Store = (*limiterstore.Store)(nil)

var _ = Describe("Store", func() {
	var (
		server *cryptomemtest.Server
		store  *limiterstore.Store
		ctx    = context.Background()
		rate   = limiter.Rate{Limit: 3, Period: time.Minute}
	)

	BeforeEach(func() {
		server = cryptomemtest.NewServer(GinkgoTB())
		store = limiterstore.New(server.Client(), adapter.WithClock(server.Clock), adapter.WithLogger(slog.New(slog.DiscardHandler)))
	})

	It("lets so many through in a period, and the same number in the next", func() {
		server.Advance(20 * time.Second)
		begin := server.Clock.Now().Add(-20 * time.Second)
		for i := range int64(5) {
			c, err := store.Get(ctx, "key", rate)
			Expect(err).NotTo(HaveOccurred())
			Expect(c).To(Equal(limiter.Context{
				Limit: 3, Remaining: max(0, 2-i), Reset: begin.Add(time.Minute).Unix(), Reached: i >= 3,
			}))
		}
		server.Advance(40 * time.Second)
		c, err := store.Peek(ctx, "key", rate)
		Expect(err).NotTo(HaveOccurred())
		Expect(c).To(Equal(limiter.Context{Limit: 3, Remaining: 3, Reset: begin.Add(2 * time.Minute).Unix()}))
	})

	It("begins anew after a reset", func() {
		_, err := store.Increment(ctx, "key", 5, rate)
		Expect(err).NotTo(HaveOccurred())
		c, err := store.Reset(ctx, "key", rate)
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Remaining).To(BeEquivalentTo(3))
		c, err = store.Get(ctx, "key", rate)
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Remaining).To(BeEquivalentTo(2))
	})

	It("limits within the process while the store is away", func() {
		server.Down()
		for i := range int64(4) {
			c, err := store.Get(ctx, "key", rate)
			Expect(err).NotTo(HaveOccurred())
			Expect(c.Reached).To(Equal(i >= 3))
		}
		_, err := store.Reset(ctx, "key", rate)
		Expect(err).To(HaveOccurred())
	})

	It("refuses a rate without a period", func() {
		for _, call := range []func(context.Context, string, limiter.Rate) (limiter.Context, error){store.Get, store.Peek, store.Reset} {
			_, err := call(ctx, "key", limiter.Rate{Limit: 3})
			Expect(err).To(MatchError(ContainSubstring("period of the rate is 0s")))
		}
	})
})
