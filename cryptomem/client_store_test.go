package cryptomem_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A world is a real server with clients over net.Pipe, all on one mock clock.
type world struct {
	server *server.Server
	clock  *clock.Mock
}

func newWorld(c server.Config) *world {
	GinkgoHelper()
	mock := clock.NewMock()
	mock.Set(time.Unix(1_800_000_000, 0))
	c.Clock = mock
	w := &world{server: newServer(c), clock: mock}
	DeferCleanup(w.server.Close)
	return w
}

func (w *world) dial(context.Context, string) (net.Conn, error) {
	near, far := net.Pipe()
	go w.server.ServeConn(far)
	return near, nil
}

func (w *world) client(opts ...cryptomem.Option) *cryptomem.Client {
	GinkgoHelper()
	opts = append([]cryptomem.Option{
		cryptomem.WithSecret([]byte(secret)), cryptomem.WithDialer(w.dial), cryptomem.WithClock(w.clock), cryptomem.WithSkew(0),
		cryptomem.WithFallbackTimeout(time.Hour), // the mock clock may run ahead of everything
	}, opts...)
	c, err := cryptomem.Dial(context.Background(), "pipe", opts...)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(c.Close)
	return c
}

// towardsExtension moves the clock on to when a lock or lease is extended that was
// taken or extended last at a time: fast until that is due, at half its term, and then
// slowly, since a busy machine may take its time over it.
func (w *world) towardsExtension(last time.Time, term time.Duration) {
	if w.clock.Since(last) < term*7/10 {
		w.clock.Add(term / 10)
		return
	}
	w.clock.Add(term / 500)
}

var _ = Describe("Client and Server", func() {
	var (
		w   *world
		c   *cryptomem.Client
		ctx = context.Background()
		key = "key"
	)

	BeforeEach(func() {
		w = newWorld(server.Config{AllowFlush: true})
		c = w.client()
	})

	value := func(key string) string {
		GinkgoHelper()
		v, err := c.Get(ctx, key)
		Expect(err).NotTo(HaveOccurred())
		return string(v)
	}

	It("let an item expire exactly at the end of its TTL", func() {
		Expect(c.Set(ctx, key, []byte("v"), cryptomem.TTL(time.Minute))).To(Succeed())
		w.clock.Add(time.Minute - 1)
		Expect(value(key)).To(Equal("v"))
		w.clock.Add(1)
		_, err := c.Get(ctx, key)
		Expect(err).To(MatchError(cryptomem.ErrNotFound))
	})

	It("carry values from empty to the limit", func() {
		for _, size := range []int{0, 1, 10_000, 100_000, 1<<20 - sealing.Overhead} {
			Expect(c.Set(ctx, key, make([]byte, size))).To(Succeed())
			Expect(c.Get(ctx, key)).To(HaveLen(size))
		}
	})

	It("add only if there is no value", func() {
		Expect(c.Add(ctx, key, []byte("1"))).To(Succeed())
		Expect(c.Add(ctx, key, []byte("2"))).To(MatchError(cryptomem.ErrExists))
		Expect(value(key)).To(Equal("1"))
	})

	It("replace only if there is a value", func() {
		Expect(c.Replace(ctx, key, []byte("1"))).To(MatchError(cryptomem.ErrNotFound))
		Expect(c.Set(ctx, key, []byte("1"))).To(Succeed())
		Expect(c.Replace(ctx, key, []byte("2"))).To(Succeed())
		Expect(value(key)).To(Equal("2"))
	})

	It("swap a value only if it has not changed since it was read", func() {
		_, err := c.CompareAndSwap(ctx, key, []byte("1"), 1)
		Expect(err).To(MatchError(cryptomem.ErrNotFound))
		Expect(c.Set(ctx, key, []byte("1"))).To(Succeed())
		item, err := c.GetItem(ctx, key)
		Expect(err).NotTo(HaveOccurred())
		Expect(item.Value).To(Equal([]byte("1")))
		next, err := c.CompareAndSwap(ctx, key, []byte("2"), item.Version)
		Expect(err).NotTo(HaveOccurred())
		_, err = c.CompareAndSwap(ctx, key, []byte("3"), item.Version)
		Expect(err).To(MatchError(cryptomem.ErrChanged))
		_, err = c.CompareAndSwap(ctx, key, []byte("3"), next)
		Expect(err).NotTo(HaveOccurred())
		Expect(value(key)).To(Equal("3"))
	})

	It("tell when an item expires", func() {
		Expect(c.Set(ctx, key, nil, cryptomem.TTL(time.Minute))).To(Succeed())
		w.clock.Add(time.Second)
		item, err := c.GetItem(ctx, key)
		Expect(err).NotTo(HaveOccurred())
		Expect(item.Expires.Sub(w.clock.Now())).To(Equal(59 * time.Second))
	})

	It("use the last of several expiry options", func() {
		end := w.clock.Now().Add(time.Minute)
		Expect(c.Set(ctx, key, nil, cryptomem.TTL(-1), cryptomem.ExpiresAt(end))).To(Succeed())
		item, err := c.GetItem(ctx, key)
		Expect(err).NotTo(HaveOccurred())
		Expect(item.Expires).To(BeTemporally("==", end))
		Expect(c.Set(ctx, key, nil, cryptomem.ExpiresAt(end), cryptomem.TTL(-1))).To(MatchError(ContainSubstring("must not be negative")))
	})

	It("prolong an item for all its readers, seal included", func() {
		Expect(c.Set(ctx, key, []byte("v"), cryptomem.TTL(time.Minute))).To(Succeed())
		Expect(c.Touch(ctx, key, cryptomem.TTL(time.Hour))).To(Succeed())
		w.clock.Add(30 * time.Minute)
		Expect(value(key)).To(Equal("v"))
		w.clock.Add(30 * time.Minute)
		_, err := c.Get(ctx, key)
		Expect(err).To(MatchError(cryptomem.ErrNotFound))
		Expect(c.Touch(ctx, key, cryptomem.TTL(time.Hour))).To(MatchError(cryptomem.ErrNotFound))
	})

	It("give a value that is read and deleted to one client only", func() {
		Expect(c.Set(ctx, key, []byte("v"))).To(Succeed())
		Expect(c.GetDelete(ctx, key)).To(Equal([]byte("v")))
		_, err := c.GetDelete(ctx, key)
		Expect(err).To(MatchError(cryptomem.ErrNotFound))
	})

	It("exchange pings and statistics", func() {
		Expect(c.Ping(ctx)).To(Succeed())
		Expect(c.Stats(ctx, "")).To(ContainSubstring(`"cache"`))
		_, err := c.Stats(ctx, "weather")
		Expect(err).To(MatchError(ContainSubstring(`no section "weather"`)))
	})

	It("list the keys of one namespace and no other", func() {
		one, two := w.client(cryptomem.WithNamespace("one")), w.client(cryptomem.WithNamespace("two"))
		want := map[string]bool{"\x00": true}
		for i := range 350 {
			want[fmt.Sprint("a", i)] = true
		}
		for key := range want {
			Expect(one.Set(ctx, key, []byte("1"))).To(Succeed())
			Expect(two.Set(ctx, "of two: "+key, []byte("2"))).To(Succeed())
		}
		list := func(c *cryptomem.Client, prefix string) map[string]bool {
			found := make(map[string]bool)
			for key, err := range c.Keys(ctx, prefix) {
				Expect(err).NotTo(HaveOccurred())
				found[key] = true
			}
			return found
		}
		Expect(list(one, "")).To(Equal(want))
		Expect(list(one, "a1")).To(HaveLen(1 + 10 + 100))
		Expect(list(one, "of")).To(BeEmpty())
		for key, err := range two.Keys(ctx, "") { // may be left early
			Expect(err).NotTo(HaveOccurred())
			Expect(key).To(HavePrefix("of two: "))
			break
		}
	})

	It("list no blind names", func() {
		blind := w.client(cryptomem.WithBlindNames())
		for _, err := range blind.Keys(ctx, "") {
			Expect(err).To(MatchError(cryptomem.ErrNotSupported))
		}
	})

	It("begin with a prefix that a server can take", func() {
		w := newWorld(server.Config{AllowFlush: true})
		c := w.client(cryptomem.WithNamespace("ns"))
		Expect(c.Set(ctx, "a", nil)).To(Succeed())
		const limit = 65535 - len("\x02ns")
		for bytes, matches := range map[int]OmegaMatcher{limit: Succeed(), limit + 1: MatchError(cryptomem.ErrTooLarge)} {
			prefix := strings.Repeat("p", bytes)
			keys, _, err := c.ScanKeys(ctx, prefix, 0, 0)
			Expect(err).To(matches)
			Expect(keys).To(BeEmpty())
			removed, err := c.Flush(ctx, prefix)
			Expect(err).To(matches)
			Expect(removed).To(BeZero())
		}
		Expect(c.Get(ctx, "a")).To(BeEmpty())
	})

	It("are not taken from an answer to another request", func() {
		inner, err := cryptomem.NewServerStore("pipe", cryptomem.WithDialer(newWorld(server.Config{}).dial))
		Expect(err).NotTo(HaveOccurred())
		below := &liar{Store: inner}
		c, err := cryptomem.NewClient(below, cryptomem.WithSecret([]byte(secret)))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(c.Close)
		for answer, says := range map[string]string{
			string(wire.AppendName(nil, []byte("b"))):  "begin with the prefix",
			string(wire.AppendName(nil, []byte("ab"))): "begin with the prefix",
			"\x00": "ends within a name",
		} {
			below.lie = func(r *cryptomem.Request) bool {
				r.Answer, r.Err = append(r.Answer[:0], answer...), nil
				return true
			}
			keys, next, err := c.ScanKeys(ctx, "ac", 0, 0)
			Expect(err).To(MatchError(ContainSubstring(says)))
			Expect(keys).To(BeEmpty())
			Expect(next).To(BeZero())
		}
	})

	It("report that a server does not list names", func() {
		closed := newWorld(server.Config{NoScan: true}).client()
		_, _, err := closed.ScanKeys(ctx, "", 0, 0)
		Expect(err).To(MatchError("server: SCAN is not enabled on this server"))
		removed, err := closed.Flush(ctx, "")
		Expect(err).To(MatchError(ContainSubstring("FLUSH is not enabled")))
		Expect(removed).To(BeZero())
	})

	It("are not flushed, and none counted, by a prefix that a blind name does not have", func() {
		blind := w.client(cryptomem.WithBlindNames())
		Expect(blind.Set(ctx, "a1", []byte("v"))).To(Succeed())
		removed, err := blind.Flush(ctx, "a")
		Expect(err).To(MatchError("blind names have no prefix to flush by"))
		Expect(removed).To(BeZero())
		Expect(blind.Flush(ctx, "")).To(BeEquivalentTo(1))
	})

	It("flush one namespace and no other", func() {
		one, two := w.client(cryptomem.WithNamespace("one")), w.client(cryptomem.WithNamespace("two"))
		for _, k := range []string{"a1", "a2", "b1"} {
			Expect(one.Set(context.Background(), k, []byte("1"))).To(Succeed())
			Expect(two.Set(context.Background(), k, []byte("2"))).To(Succeed())
		}
		Expect(one.Flush(ctx, "a")).To(BeEquivalentTo(2))
		Expect(one.Get(context.Background(), "b1")).To(Equal([]byte("1")))
		Expect(one.Flush(ctx, "")).To(BeEquivalentTo(1))
		Expect(two.Get(context.Background(), "a1")).To(Equal([]byte("2")))
	})

	Describe("a batch", func() {
		It("executes in order and reports each operation by itself", func() {
			b := c.Batch()
			b.Get(key)
			b.Set(key, []byte("v"))
			b.Get(key)
			b.Set("", []byte("no key"))
			b.Delete(key)
			b.Delete(key)
			results := b.Run(ctx)
			Expect(results).To(HaveLen(6))
			Expect(results[0].Err).To(MatchError(cryptomem.ErrNotFound))
			Expect(results[1].Err).NotTo(HaveOccurred())
			Expect(results[2].Value).To(Equal([]byte("v")))
			Expect(results[3].Err).To(MatchError("key is empty"))
			Expect(results[4].Err).NotTo(HaveOccurred())
			Expect(results[5].Err).To(MatchError(cryptomem.ErrNotFound))
			Expect(b.Len()).To(BeZero())
		})

		It("may be larger than what may be in flight", func() {
			c = w.client(cryptomem.WithInFlight(3, 200))
			var pairs []cryptomem.Pair
			var keys []string
			for i := range 500 {
				k := fmt.Sprint("key", i)
				keys, pairs = append(keys, k), append(pairs, cryptomem.Pair{Key: k, Value: []byte(k)})
			}
			Expect(c.SetMany(ctx, pairs, cryptomem.TTL(time.Minute))).To(HaveEach(BeNil()))
			for i, r := range c.GetMany(ctx, keys) {
				Expect(r.Err).NotTo(HaveOccurred())
				Expect(string(r.Value)).To(Equal(keys[i]))
			}
		})

		It("fails every operation of an ended context", func() {
			ended, cancel := context.WithCancel(ctx)
			cancel()
			for _, r := range c.GetMany(ended, []string{key, key}) {
				Expect(r.Err).To(MatchError(context.Canceled))
			}
		})
	})

	It("serve many goroutines over few connections without mixing answers up", func() {
		for _, connections := range []int{1, 3} {
			c := w.client(cryptomem.WithConnections(connections), cryptomem.WithInFlight(16, 1<<20))
			failures := make(chan error, 32)
			for g := range cap(failures) {
				go func() {
					k := fmt.Sprint("goroutine", g)
					for i := range 100 {
						want := fmt.Append(nil, g, " ", i)
						if err := c.Set(ctx, k, want); err != nil {
							failures <- err
							return
						}
						if got, err := c.Get(ctx, k); err != nil || string(got) != string(want) {
							failures <- fmt.Errorf("%s: got %q, %w", want, got, err)
							return
						}
					}
					failures <- nil
				}()
			}
			for range cap(failures) {
				Expect(<-failures).NotTo(HaveOccurred())
			}
		}
	})
})

// laterClock returns a clock that is ahead of the world's.
func (w *world) laterClock(by time.Duration) cryptomem.Clock {
	later := clock.NewMock()
	later.Set(w.clock.Now().Add(by))
	return later
}

// runClock moves the time on until the function it returns is called.
func (w *world) runClock() (stop func()) {
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ended:
				return
			default:
				w.clock.Add(time.Millisecond)
			}
		}
	}()
	return func() { close(ended); <-done }
}
