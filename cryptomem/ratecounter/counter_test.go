package ratecounter_test

import (
	"fmt"
	"log/slog"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"

	"github.com/Zezezknight/cryptomem/cryptomem/adapter"
	"github.com/Zezezknight/cryptomem/cryptomem/cryptomemtest"
	"github.com/Zezezknight/cryptomem/cryptomem/ratecounter"
)

var _ = Describe("Counter", func() {
	var (
		server  *cryptomemtest.Server
		counter *ratecounter.Counter
	)

	BeforeEach(func() {
		server = cryptomemtest.NewServer(GinkgoTB())
		counter = ratecounter.New(server.Client(), adapter.WithLogger(slog.New(slog.DiscardHandler)))
		counter.Config(1000, time.Minute)
	})

	// The cases of httprate-redis' own test, in our words: each step moves on by
	// some minutes, has each of many keys counted at once, and looks at all.
	It("counts this window and remembers the one before", func() {
		const keys = 200
		window := server.Clock.Now().Truncate(time.Minute)
		each := func(f func(key string) error) {
			GinkgoHelper()
			var g errgroup.Group
			for i := range keys {
				g.Go(func() error { return f(fmt.Sprint("key:", i)) })
			}
			Expect(g.Wait()).To(Succeed())
		}
		for _, step := range []struct{ minutes, add, before, now int }{
			{0, 0, 0, 0},
			{0, 1, 0, 1},
			{0, 99, 0, 100},
			{1, 0, 100, 0},
			{0, 20, 100, 20},
			{0, 20, 100, 40},
			{1, 0, 40, 0},
			{0, 1, 40, 1},
			{0, 9, 40, 10},
			{0, 20, 40, 30},
			{2, 0, 0, 0},
		} {
			passed := time.Duration(step.minutes) * time.Minute
			server.Advance(passed)
			window = window.Add(passed)
			if step.add > 0 {
				each(func(key string) error { return counter.IncrementBy(key, window, step.add) })
			}
			each(func(key string) error {
				now, before, err := counter.Get(key, window, window.Add(-time.Minute))
				if err == nil && (now != step.now || before != step.before) {
					err = fmt.Errorf("%s has %d and had %d in step %+v", key, now, before, step)
				}
				return err
			})
		}
	})

	It("adds one at a time, and keeps prefixes apart", func() {
		window := server.Clock.Now()
		Expect(counter.Increment("key", window)).To(Succeed())
		Expect(counter.Increment("key", window)).To(Succeed())
		now, _, err := counter.Get("key", window, window.Add(-time.Minute))
		Expect(err).NotTo(HaveOccurred())
		Expect(now).To(Equal(2))

		login := ratecounter.New(server.Client(), adapter.WithPrefix("login"))
		login.Config(10, time.Minute)
		now, _, err = login.Get("key", window, window.Add(-time.Minute))
		Expect(err).NotTo(HaveOccurred())
		Expect(now).To(BeZero())
	})

	It("counts within the process while the store is away", func() {
		server.Down()
		window := server.Clock.Now()
		Expect(counter.IncrementBy("key", window, 3)).To(Succeed())
		now, before, err := counter.Get("key", window, window.Add(-time.Minute))
		Expect(err).NotTo(HaveOccurred())
		Expect([]int{now, before}).To(Equal([]int{3, 0}))
	})
})
