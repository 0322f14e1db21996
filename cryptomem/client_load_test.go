package cryptomem_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
)

var _ = Describe("GetOrLoad", func() {
	var (
		w     *world
		c     *cryptomem.Client
		ctx   = context.Background()
		key   = "key"
		loads atomic.Int32
	)

	BeforeEach(func() {
		w = newWorld(server.Config{})
		c = w.client()
		loads.Store(0)
	})

	load := func(value string) cryptomem.Loader {
		return func(context.Context) ([]byte, error) {
			loads.Add(1)
			return []byte(value), nil
		}
	}

	It("loads a missing value, stores it for its TTL, and finds it from then on", func() {
		Expect(c.GetOrLoad(ctx, key, load("1"), cryptomem.TTL(time.Minute))).To(Equal([]byte("1")))
		Expect(c.GetOrLoad(ctx, key, load("2"), cryptomem.TTL(time.Minute))).To(Equal([]byte("1")))
		Expect(loads.Load()).To(BeEquivalentTo(1))
		w.clock.Add(time.Minute)
		Expect(c.GetOrLoad(ctx, key, load("3"), cryptomem.TTL(time.Minute))).To(Equal([]byte("3")))
	})

	It("loads once for all waiting callers, and gives each its own copy", func() {
		loading, release := make(chan struct{}), make(chan struct{})
		slow := func(context.Context) ([]byte, error) {
			loads.Add(1)
			close(loading)
			<-release
			return []byte("v"), nil
		}
		values := make(chan []byte, 10)
		get := func() {
			defer GinkgoRecover()
			v, err := c.GetOrLoad(ctx, key, slow, cryptomem.TTL(0))
			Expect(err).NotTo(HaveOccurred())
			values <- v
		}
		go get()
		<-loading
		for range cap(values) - 1 {
			go get()
		}
		Eventually(func() int { return c.Waiting("key") }).Should(Equal(10))
		close(release)
		for range cap(values) {
			v := <-values
			Expect(v).To(Equal([]byte("v")))
			v[0] = 'x'
		}
		Expect(loads.Load()).To(BeEquivalentTo(1))
	})

	It("lets one process load while the others wait for what it stores", func() {
		other := w.client()
		loading, release := make(chan struct{}), make(chan struct{})
		first := make(chan []byte, 1)
		go func() {
			defer GinkgoRecover()
			v, err := other.GetOrLoad(ctx, key, func(context.Context) ([]byte, error) {
				close(loading)
				<-release
				return []byte("theirs"), nil
			}, cryptomem.TTL(0))
			Expect(err).NotTo(HaveOccurred())
			first <- v
		}()
		<-loading
		second := make(chan []byte, 1)
		go func() {
			defer GinkgoRecover()
			v, err := c.GetOrLoad(ctx, key, load("mine"), cryptomem.TTL(0))
			Expect(err).NotTo(HaveOccurred())
			second <- v
		}()
		close(release)
		Expect(<-first).To(Equal([]byte("theirs")))
		Eventually(func() chan []byte { w.clock.Add(100 * time.Millisecond); return second }).Should(Receive(Equal([]byte("theirs"))))
		Expect(loads.Load()).To(BeZero())
	})

	It("loads after all when the process with the lease is gone", func() {
		var conn atomic.Pointer[net.Conn]
		var gone atomic.Bool
		lost := w.client(cryptomem.WithAttempts(1), cryptomem.WithDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			if gone.Load() {
				return nil, net.ErrClosed
			}
			nc, err := w.dial(ctx, addr)
			conn.Store(&nc)
			return nc, err
		}))
		loading, release := make(chan struct{}), make(chan struct{})
		ended := make(chan error, 1)
		go func() {
			_, err := lost.GetOrLoad(ctx, key, func(context.Context) ([]byte, error) {
				close(loading)
				<-release
				return []byte("lost"), nil
			})
			ended <- err
		}()
		<-loading
		gone.Store(true)
		Expect((*conn.Load()).Close()).To(Succeed())
		got := make(chan []byte, 1)
		go func() {
			defer GinkgoRecover()
			v, err := c.GetOrLoad(ctx, key, load("v"), cryptomem.TTL(0))
			Expect(err).NotTo(HaveOccurred())
			got <- v
		}()
		Eventually(func() chan []byte { w.clock.Add(time.Second); return got }).Should(Receive(Equal([]byte("v"))))
		close(release)
		Eventually(func() chan error { w.clock.Add(time.Second); return ended }).Should(Receive(BeNil()))
		Expect(c.Get(ctx, key)).To(Equal([]byte("v")))
	})

	It("serves a stale value at once while it is reloaded", func() {
		stale := cryptomem.Stale(time.Hour)
		Expect(c.GetOrLoad(ctx, key, load("old"), cryptomem.TTL(time.Minute), stale)).To(Equal([]byte("old")))
		w.clock.Add(time.Minute)
		loading, release := make(chan struct{}), make(chan struct{})
		renew := func(context.Context) ([]byte, error) {
			close(loading)
			<-release
			return []byte("new"), nil
		}
		Expect(c.GetOrLoad(ctx, key, renew, cryptomem.TTL(time.Minute), stale)).To(Equal([]byte("old")))
		<-loading
		Expect(c.GetOrLoad(ctx, key, load("never"), cryptomem.TTL(time.Minute), stale)).To(Equal([]byte("old")))
		close(release)
		Eventually(func() ([]byte, error) { return c.Get(ctx, key) }).Should(Equal([]byte("new")))
		w.clock.Add(time.Minute + time.Hour)
		Expect(c.GetOrLoad(ctx, key, load("newest"), cryptomem.TTL(time.Minute), stale)).To(Equal([]byte("newest")))
		Expect(loads.Load()).To(BeEquivalentTo(2))
	})

	DescribeTable("keeps a value fresh for its TTL, however long the time after that",
		func(ttl, stale time.Duration) {
			opts := []cryptomem.LoadOption{cryptomem.TTL(ttl), cryptomem.Stale(stale)}
			Expect(c.GetOrLoad(ctx, key, load("v"), opts...)).To(Equal([]byte("v")))
			w.clock.Add(30 * time.Second)
			for range 100 { // time for a load in the background, if there were one
				Expect(c.GetOrLoad(ctx, key, load("never"), opts...)).To(Equal([]byte("v")))
			}
			Expect(loads.Load()).To(BeEquivalentTo(1))
		},
		Entry("the longest there is", time.Minute, time.Duration(math.MaxInt64)),
		Entry("behind the longest TTL", time.Duration(math.MaxInt64), time.Second),
		Entry("both", time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)),
	)

	It("gives the loader's error to every caller and stores nothing", func() {
		failure := errors.New("database is down")
		_, err := c.GetOrLoad(ctx, key, func(context.Context) ([]byte, error) { return nil, failure }, cryptomem.TTL(0))
		Expect(err).To(MatchError(failure))
		Expect(c.GetOrLoad(ctx, key, load("v"), cryptomem.TTL(0))).To(Equal([]byte("v")))
	})

	It("makes an error of a loader's panic", func() {
		_, err := c.GetOrLoad(ctx, key, func(context.Context) ([]byte, error) { panic("oops") }, cryptomem.TTL(0))
		Expect(err).To(MatchError("loader panicked: oops"))
	})

	It("goes on for the others when one caller leaves, and stops when the last one does", func() {
		loading, stopped := make(chan struct{}), make(chan struct{})
		slow := func(ctx context.Context) ([]byte, error) {
			close(loading)
			<-ctx.Done()
			close(stopped)
			return nil, ctx.Err()
		}
		first, leave := context.WithCancel(ctx)
		second, leaveToo := context.WithCancel(ctx)
		ended := make(chan error, 2)
		go func() { _, err := c.GetOrLoad(first, key, slow, cryptomem.TTL(0)); ended <- err }()
		<-loading
		go func() { _, err := c.GetOrLoad(second, key, slow, cryptomem.TTL(0)); ended <- err }()
		Eventually(func() int { return c.Waiting("key") }).Should(Equal(2))
		leave()
		Expect(<-ended).To(MatchError(context.Canceled))
		Expect(stopped).NotTo(BeClosed())
		leaveToo()
		Expect(<-ended).To(MatchError(context.Canceled))
		Eventually(stopped).Should(BeClosed())
	})

	It("loads even when the store is out of reach", func() {
		lost := cryptomem.New("127.0.0.1:1", 0, secret).Client()
		DeferCleanup(lost.Close)
		Expect(lost.GetOrLoad(ctx, key, load("v"), cryptomem.TTL(0))).To(Equal([]byte("v")))
	})

	It("does not load if the client or its store has been closed", func() {
		inner, err := cryptomem.NewServerStore("pipe", cryptomem.WithDialer(w.dial), cryptomem.WithClock(w.clock))
		Expect(err).NotTo(HaveOccurred())
		below := &liar{Store: inner}
		c, err := cryptomem.NewClient(below, cryptomem.WithSecret([]byte(secret)), cryptomem.WithClock(w.clock))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(c.Close)
		below.lie = func(r *cryptomem.Request) bool {
			r.Err = fmt.Errorf("store: %w", cryptomem.ErrClosed)
			return true
		}
		_, err = c.GetOrLoad(ctx, key, load("v"))
		Expect(err).To(MatchError(cryptomem.ErrClosed))
		below.lie = func(r *cryptomem.Request) bool {
			Expect(c.Close()).To(Succeed())
			r.Err = cryptomem.ErrNotFound
			return true
		}
		_, err = c.GetOrLoad(ctx, key, load("v"))
		Expect(err).To(MatchError(cryptomem.ErrClosed))
		Expect(loads.Load()).To(BeZero())
	})

	It("stops when the client is closed", func() {
		loading := make(chan struct{})
		ended := make(chan error, 1)
		go func() {
			_, err := c.GetOrLoad(ctx, key, func(ctx context.Context) ([]byte, error) {
				close(loading)
				<-ctx.Done()
				return nil, ctx.Err()
			}, cryptomem.TTL(0))
			ended <- err
		}()
		<-loading
		Expect(c.Close()).To(Succeed())
		Expect(<-ended).To(MatchError(cryptomem.ErrClosed))
		Expect(w.client().GetOrLoad(ctx, key, load("v"))).To(Equal([]byte("v")), "the lease was given back")
		_, err := c.GetOrLoad(ctx, key, load("v"), cryptomem.TTL(0))
		Expect(err).To(MatchError(cryptomem.ErrClosed))
	})
})

var _ = Describe("Typed", func() {
	type user struct {
		Name string
		Age  int
	}

	var (
		ctx   = context.Background()
		c     *cryptomem.Client
		users *cryptomem.Typed[user]
	)

	BeforeEach(func() {
		c = newWorld(server.Config{}).client()
		users = cryptomem.JSON[user](c)
	})

	It("stores values of a type as JSON", func() {
		ada := user{"Ada", 36}
		Expect(users.Set(ctx, "u", ada)).To(Succeed())
		Expect(users.Get(ctx, "u")).To(Equal(ada))
		Expect(users.Add(ctx, "u", ada)).To(MatchError(cryptomem.ErrExists))
		Expect(users.GetDelete(ctx, "u")).To(Equal(ada))
		_, err := users.Get(ctx, "u")
		Expect(err).To(MatchError(cryptomem.ErrNotFound))
		Expect(users.Delete(ctx, "u")).To(MatchError(cryptomem.ErrNotFound))
	})

	It("looks at what is there only where Add finds something", func() {
		seen := &recorder{}
		users := cryptomem.JSON[user](newWorld(server.Config{}).client(cryptomem.WithObserver(seen)))
		Expect(users.Add(ctx, "u", user{})).To(Succeed())
		Expect(users.Add(ctx, "v", user{Name: strings.Repeat("x", cryptomem.DefaultMaxValueSize)})).To(MatchError(cryptomem.ErrTooLarge))
		Expect(seen.commands()).To(Equal([]cryptomem.Command{cryptomem.CommandAdd}))
		Expect(users.Add(ctx, "u", user{})).To(MatchError(cryptomem.ErrExists))
		Expect(seen.count(cryptomem.CommandGetItem)).NotTo(BeZero())
	})

	It("stores values that encode themselves", func() {
		times := cryptomem.Binary[time.Time](c)
		now := time.Unix(1_800_000_000, 17).UTC()
		Expect(times.Set(ctx, "t", now)).To(Succeed())
		Expect(times.Get(ctx, "t")).To(Equal(now))
	})

	It("stores many in one call, with an error for each", func() {
		odd := errors.New("odd")
		numbers := cryptomem.NewTyped(c, func(n int) ([]byte, error) {
			if n%2 == 1 {
				return nil, odd
			}
			return []byte(strconv.Itoa(n)), nil
		}, func(b []byte) (int, error) { return strconv.Atoi(string(b)) })
		pairs := []cryptomem.PairOf[int]{{Key: "a", Value: 1}, {Key: "b", Value: 2}, {Key: strings.Repeat("k", 1<<16), Value: 4}, {Key: "d", Value: 6}}
		Expect(numbers.SetMany(ctx, pairs)).To(HaveExactElements(MatchError(odd), BeNil(), MatchError(cryptomem.ErrTooLarge), BeNil()))
		Expect(c.Set(ctx, "e", []byte("six"))).To(Succeed())
		found := numbers.GetMany(ctx, []string{"d", "a", "e", "b"})
		Expect([]int{found[0].Value, found[3].Value}).To(Equal([]int{6, 2}))
		Expect([]error{found[0].Err, found[1].Err, found[2].Err, found[3].Err}).To(HaveExactElements(
			BeNil(), MatchError(cryptomem.ErrNotFound), MatchError(ContainSubstring("cannot be decoded")), BeNil()))
		Expect(numbers.DeleteMany(ctx, []string{"a", "b", "d"})).To(Equal(2))
	})

	It("says why nothing could be loaded", func() {
		failure := errors.New("no database")
		loads := 0
		load := func(context.Context) (user, error) { loads++; return user{"Eve", 1}, failure }
		got, err := users.GetOrLoad(ctx, "u", load)
		Expect(err).To(BeIdenticalTo(failure))
		Expect(got).To(BeZero())
		Expect(loads).To(Equal(1))

		lenient := cryptomem.NewTyped(c, func(user) ([]byte, error) { return nil, nil },
			func([]byte) (user, error) { return user{"Eve", 1}, nil })
		got, err = lenient.GetOrLoad(ctx, "u", load)
		Expect(err).To(BeIdenticalTo(failure), "even where nothing at all can be decoded")
		Expect(got).To(BeZero())
	})

	It("stores nothing that cannot be encoded", func() {
		failure := errors.New("no such user")
		refusing := cryptomem.NewTyped(c, func(user) ([]byte, error) { return nil, failure },
			func([]byte) (u user, err error) { return u, nil })
		stored := func() string {
			b, err := c.Get(ctx, "u")
			return fmt.Sprintf("%s %v", b, err)
		}
		Expect(refusing.Set(ctx, "u", user{})).To(MatchError(failure))
		Expect(refusing.Add(ctx, "u", user{})).To(MatchError(failure))
		Expect(stored()).To(Equal(" not found"))

		Expect(c.Set(ctx, "u", []byte("{}"))).To(Succeed())
		item, err := c.GetItem(ctx, "u")
		Expect(err).NotTo(HaveOccurred())
		Expect(refusing.Set(ctx, "u", user{})).To(MatchError(failure))
		Expect(refusing.Replace(ctx, "u", user{})).To(MatchError(failure))
		_, err = refusing.CompareAndSwap(ctx, "u", user{}, item.Version)
		Expect(err).To(MatchError(failure))
		_, err = refusing.Update(ctx, "u", func(u user, _ bool) (user, error) { return u, nil })
		Expect(err).To(MatchError(failure))
		Expect(stored()).To(Equal("{} <nil>"))
	})

	It("reports a value of another type", func() {
		Expect(c.Set(context.Background(), "u", []byte("no JSON"))).To(Succeed())
		_, err := users.Get(ctx, "u")
		Expect(err).To(HaveOccurred())
	})

	It("loads a missing value", func() {
		ada := user{"Ada", 36}
		load := func(context.Context) (user, error) { return ada, nil }
		Expect(users.GetOrLoad(ctx, "u", load, cryptomem.TTL(time.Minute))).To(Equal(ada))
		Expect(users.Get(ctx, "u")).To(Equal(ada))
	})

	It("loses no update to others", func() {
		ended := make(chan error, 4)
		for range cap(ended) {
			go func() {
				var err error
				for range 20 {
					if _, err = users.Update(ctx, "u", func(u user, _ bool) (user, error) { u.Age++; return u, nil }); err != nil {
						break
					}
				}
				ended <- err
			}()
		}
		for range cap(ended) {
			Expect(<-ended).NotTo(HaveOccurred())
		}
		u, err := users.Get(ctx, "u")
		Expect(err).NotTo(HaveOccurred())
		Expect(u.Age).To(Equal(20 * cap(ended)))
	})
})
