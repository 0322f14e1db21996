package adapters_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/go-chi/httprate"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/store/tests"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/adapter"
	"github.com/Zezezknight/cryptomem/cryptomem/cryptomemtest"
	"github.com/Zezezknight/cryptomem/cryptomem/limiterstore"
	"github.com/Zezezknight/cryptomem/cryptomem/ratecounter"
)

var _ httprate.LimitCounter = (*ratecounter.Counter)(nil)

func useHttprate(client *cryptomem.Client, visitor httprate.KeyFunc, site http.Handler) http.Handler {
	limit := httprate.LimitBy(100, time.Minute, visitor,
		httprate.WithLimitCounter(ratecounter.New(client)))
	return limit(site)
}

func useLimiter(client *cryptomem.Client) *limiter.Limiter {
	return limiter.New(limiterstore.New(client), limiter.Rate{Limit: 100, Period: time.Minute})
}

// standing returns a clock that stands at the beginning of this minute: the tests
// of limiter compare with the real time, and must not see a minute end.
func standing() cryptomem.Clock {
	clk := clock.NewMock()
	clk.Set(clock.New().Now().Truncate(time.Minute))
	return clk
}

// TestLimiter holds limiterstore to limiter's own tests.
func TestLimiter(t *testing.T) {
	newStore := func(t *testing.T) limiter.Store {
		return limiterstore.New(cryptomemtest.NewServer(t).Client(), adapter.WithClock(standing()))
	}
	t.Run("sequential", func(t *testing.T) { tests.TestStoreSequentialAccess(t, newStore(t)) })
	t.Run("concurrent", func(t *testing.T) { tests.TestStoreConcurrentAccess(t, newStore(t)) })
}

var _ = Describe("httprate", func() {
	It("lets no more through two processes than through one", func() {
		server := cryptomemtest.NewServer(GinkgoTB())
		site := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
		processes := []http.Handler{useHttprate(server.Client(), httprate.Key("*"), site), useHttprate(server.Client(), httprate.Key("*"), site)}
		passed := 0
		// A minute lets 100 through. One may end meanwhile, and the next let 100 through.
		for i := range 400 {
			w := httptest.NewRecorder()
			processes[i%2].ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
			if w.Code == http.StatusOK {
				passed++
			}
		}
		Expect(passed).To(BeElementOf(100, 200))
	})
})

var _ = Describe("limiter", func() {
	It("counts every one of 500 times 500 calls", func() {
		server := cryptomemtest.NewServer(GinkgoTB())
		instance := limiter.New(limiterstore.New(server.Client(cryptomem.WithFallbackTimeout(time.Minute)), adapter.WithClock(server.Clock),
			adapter.WithLogger(slog.New(slog.DiscardHandler))), limiter.Rate{Limit: 1 << 30, Period: time.Hour})
		done := make(chan struct{})
		for range 500 {
			go func() {
				for range 500 {
					_, _ = instance.Get(context.Background(), "key")
				}
				done <- struct{}{}
			}()
		}
		for range 500 {
			<-done
		}
		last, err := instance.Peek(context.Background(), "key")
		Expect(err).NotTo(HaveOccurred())
		Expect(int64(1<<30) - last.Remaining).To(BeEquivalentTo(250_000))
		Expect(useLimiter(server.Client()).Peek(context.Background(), "key")).To(HaveField("Limit", BeEquivalentTo(100)))
	})
})
