package valkeystore_test

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore/valkeytest"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// budget is that of near caches in specs.
const budget = 8 << 20

// near tells of a caller's store.
func (c caller) near() valkeystore.NearStats { return c.store.(*valkeystore.Store).NearStats() }

// isNear reports whether a read of the name asks no server.
func (c caller) isNear(name string) bool {
	r := &cryptomem.Request{Command: wire.Get, Name: []byte(name)}
	return c.do(r) == nil && r.Near
}

// warm reads the name until it is near: an answer that crosses word of a change is
// not kept.
func (c caller) warm(name string) {
	GinkgoHelper()
	Eventually(func() bool { return c.isNear(name) }).WithTimeout(testTimeout).Should(BeTrue())
}

var _ = Describe("A near cache", func() {
	var (
		server *valkeytest.Server
		clk    *clock.Mock
		c      caller // has a near cache
		other  caller // is another process
	)
	BeforeEach(func() {
		server = startServer()
		clk = clock.NewMock()
		clk.Set(time.Unix(1.9e9, 0))
		c = caller{open("valkey://"+server.Addr, valkeystore.WithNearCache(budget), valkeystore.WithClock(clk))}
		other = caller{open("valkey://" + server.Addr)}
		Expect(other.set("name", "old", 0)).To(Succeed())
	})

	It("answers what was read before without the server", func() {
		Expect(c.isNear("name")).To(BeFalse())
		c.warm("name")
		before := c.near()
		Expect(before).To(And(HaveField("Misses", Not(BeZero())), HaveField("Copies", 1)))
		server.Stop()
		DeferCleanup(server.Continue)
		for range 100 {
			r := &cryptomem.Request{Command: wire.Get, Name: []byte("name")}
			Expect(c.do(r)).To(Succeed())
			Expect(r.Near).To(BeTrue())
			Expect(sealer.Open(nil, r.Name, r.Answer, time.Unix(2e9, 0))).To(BeEquivalentTo("old"))
		}
		Expect(c.near()).To(And(HaveField("Hits", before.Hits+100), HaveField("Misses", before.Misses), HaveField("Copies", 1)))
	})

	It("hears of others' writes", func() {
		for name, change := range map[string]func() error{
			"set":    func() error { return other.set("name", "new", 0) },
			"delete": func() error { return other.delete("name") },
			"flush":  func() error { server.Must("FLUSHALL"); return nil },
			"expire": func() error { server.Must("PEXPIRE", "name", "1"); return nil },
		} {
			Expect(other.set("name", "old", 0)).To(Succeed())
			c.warm("name")
			Expect(change()).To(Succeed(), name)
			Eventually(func() bool { return c.isNear("name") }).Should(BeFalse(), name)
		}
	})

	It("hears of a key that expires", func() {
		Eventually(func() bool { // which takes that two reads come in time
			Expect(other.set("short", "value", 50*time.Millisecond)).To(Succeed())
			return !c.isNear("short") && c.isNear("short")
		}).WithTimeout(testTimeout).Should(BeTrue())
		Eventually(func() error { return c.do(&cryptomem.Request{Command: wire.Get, Name: []byte("short")}) }).Should(MatchError(cryptomem.ErrNotFound))
	})

	It("shows own writes at once, 20,000 times, while other callers read", func() {
		halt := spin(c, 2, 100)
		ctx, stale := within(3*time.Minute), 0
		for i := range 20_000 {
			r := &cryptomem.Request{Command: wire.Set, Name: []byte("name"), Value: []byte(strconv.Itoa(i))}
			if err := c.store.Do(ctx, r); err != nil {
				Fail(err.Error())
			}
			r = &cryptomem.Request{Command: wire.Get, Name: []byte("name")}
			if err := c.store.Do(ctx, r); err != nil || string(r.Answer) != strconv.Itoa(i) {
				stale++
			}
		}
		halt()
		Expect(stale).To(BeZero())
		Expect(c.near().Hits).NotTo(BeZero())
	})

	It("shows the outcome of every own change at once", func() {
		for name, change := range map[string]func() error{
			"set":    func() error { return c.set("name", "new", 0) },
			"delete": func() error { return c.delete("name") },
			"replace": func() error {
				return c.do(&cryptomem.Request{Command: wire.Replace, Name: []byte("name"), Value: seal("name", "new", time.Time{})})
			},
			"getdel": func() error { return c.do(&cryptomem.Request{Command: wire.GetDel, Name: []byte("name")}) },
			"flush":  func() error { _, err := c.flush("na"); return err },
			"swap": func() error {
				_, version, err := c.getv("name", false)
				Expect(err).NotTo(HaveOccurred())
				_, err = c.cas("name", "new", version, 0, false)
				return err
			},
			"batch": func() error {
				set := &cryptomem.Request{Command: wire.Set, Name: []byte("name"), Value: seal("name", "new", time.Time{})}
				get := &cryptomem.Request{Command: wire.Get, Name: []byte("name")}
				c.store.DoAll(within(testTimeout), []*cryptomem.Request{set, get})
				Expect(get.Near).To(BeFalse())
				Expect(sealer.Open(nil, get.Name, get.Answer, time.Unix(2e9, 0))).To(BeEquivalentTo("new"))
				return set.Err
			},
		} {
			Expect(other.set("name", "old", 0)).To(Succeed())
			c.warm("name")
			Expect(change()).To(Succeed(), name)
			if value, err := c.read("name"); err == nil {
				Expect(value).To(Equal("new"), name)
			} else {
				Expect(err).To(MatchError(cryptomem.ErrNotFound), name)
			}
		}
	})

	It("shows own changes of several names at once", func() {
		for i := range 300 {
			value := strconv.Itoa(i)
			c.warm("name")
			Expect(c.store.(*valkeystore.Store).SwapAll(within(testTimeout), []*cryptomem.Request{
				{Command: wire.Set, Name: []byte("name"), Value: seal("name", value, time.Time{})},
				{Command: wire.Set, Name: []byte("other"), Value: seal("other", value, time.Time{})},
			})).To(Succeed())
			r := &cryptomem.Request{Command: wire.Get, Name: []byte("name")}
			Expect(c.do(r)).To(Succeed())
			Expect(sealer.Open(nil, r.Name, r.Answer, time.Unix(2e9, 0))).To(BeEquivalentTo(value))
		}
	})

	It("drops no copy for an Add that found a value", func() {
		c.warm("name")
		_, err := c.add("name", "new", 0, false)
		Expect(err).To(MatchError(cryptomem.ErrExists))
		Expect(c.isNear("name")).To(BeTrue())
	})

	It("serves nothing beyond the local TTL, counted from before it was asked for", func() {
		c.warm("name")
		server.Stop()
		DeferCleanup(server.Continue)
		clk.Add(valkeystore.DefaultNearTTL - 1)
		Expect(c.isNear("name")).To(BeTrue())
		clk.Add(1)
		r := &cryptomem.Request{Command: wire.Get, Name: []byte("name")}
		Expect(c.store.Do(within(20*time.Millisecond), r)).NotTo(Succeed())
		Expect(r.Near).To(BeFalse())
	})

	It("drops everything with a connection, be it killed by the server or with it", func() {
		c.warm("name")
		server.Must("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
		Eventually(func() int { return c.near().Copies }).Should(BeZero())
		c.warm("name")
		Expect(other.set("name", "new", 0)).To(Succeed())
		Eventually(func() string { value, _ := c.read("name"); return value }).Should(Equal("new"), "the next connection is told of changes, too")
		c.warm("name")
		server.Kill()
		Eventually(func() int { return c.near().Copies }).Should(BeZero())
	})

	It("is served while the server is stopped, and catches up when it goes on", func() {
		c.warm("name")
		server.Stop()
		for range 10 {
			Expect(c.read("name")).To(Equal("old"))
		}
		server.Continue()
		Expect(other.set("name", "new", 0)).To(Succeed())
		Eventually(func() string { value, _ := c.read("name"); return value }).Should(Equal("new"))
	})

	It("asks the server for a fresh read, and drops its copy", func() {
		c.warm("name")
		r := &cryptomem.Request{Command: wire.Get, Name: []byte("name"), Fresh: true}
		Expect(c.do(r)).To(Succeed())
		Expect(r.Near).To(BeFalse())
	})

	It("answers a batch of reads as far as it can, and asks for the rest", func() {
		Expect(other.set("second", "two", 0)).To(Succeed())
		c.warm("name")
		names := []string{"name", "second", "none", "name"}
		rs := make([]*cryptomem.Request, len(names))
		for i, name := range names {
			rs[i] = &cryptomem.Request{Command: wire.Get, Name: []byte(name)}
		}
		c.store.DoAll(within(testTimeout), rs)
		for i, near := range []bool{true, false, false, true} {
			Expect(rs[i].Near).To(Equal(near), names[i])
		}
		Expect(rs[1].Err).NotTo(HaveOccurred())
		Expect(rs[2].Err).To(MatchError(cryptomem.ErrNotFound))
		Expect(c.isNear("second")).To(BeTrue())
	})

	It("keeps what is read again, whatever else is read in between, and nothing large", func() {
		c = caller{open("valkey://"+server.Addr, valkeystore.WithNearCache(valkeystore.MinNearCache))}
		Expect(c.set("hot", "value", 0)).To(Succeed())
		c.warm("hot")
		misses := 0
		for batch := range 100 {
			rs := make([]*cryptomem.Request, 400)
			for i := range rs {
				rs[i] = &cryptomem.Request{Command: wire.Set, Name: fmt.Appendf(nil, "%04d/%04d", batch, i), Value: make([]byte, 100)}
			}
			c.store.DoAll(within(testTimeout), rs)
			for i := range rs {
				rs[i] = &cryptomem.Request{Command: wire.Get, Name: rs[i].Name}
			}
			c.store.DoAll(within(testTimeout), rs)
			if !c.isNear("hot") {
				misses++
			}
		}
		Expect(c.near()).To(And(HaveField("Bytes", BeNumerically("<=", valkeystore.MinNearCache)), HaveField("Evicted", Not(BeZero()))))
		Expect(misses).To(BeNumerically("<", 10))
		Expect(c.set("large", string(make([]byte, valkeystore.MinNearCache/256)), 0)).To(Succeed())
		Expect(c.isNear("large")).To(BeFalse())
		Expect(c.isNear("large")).To(BeFalse())
	})

	It("takes no more memory than its budget, as measured and not as counted", func() {
		const budget = 16 << 20
		measured := func(size int) int64 {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			stats, cache := valkeystore.FillNear(budget, 2*budget/size, size)
			runtime.GC()
			runtime.ReadMemStats(&after)
			Expect(stats.Evicted).NotTo(BeZero())
			Expect(stats.Bytes).To(And(BeNumerically("<=", budget), BeNumerically(">", budget*9/10)))
			runtime.KeepAlive(cache)
			return int64(after.HeapAlloc) - int64(before.HeapAlloc)
		}
		for _, size := range []int{64, 100, 1100, 4097} {
			// Measured again if need be: what earlier specs have left behind may allocate, too.
			least := measured(size)
			for tries := 1; tries < 3 && least >= budget+budget/50; tries++ {
				least = min(least, measured(size))
			}
			Expect(least).To(BeNumerically("<", budget+budget/50), "copies of %d bytes", size)
		}
	})

	DescribeTable("keeps no answer of a read during which a change was reported",
		func(all bool) {
			across, otherwise := valkeystore.KeptAcross(all)
			Expect(across).To(BeFalse())
			Expect(otherwise).To(BeTrue())
		},
		Entry("of a change of its name", false),
		Entry("of a flush, or the loss of a connection", true),
	)

	It("hears of changes although readers never pause", func() {
		c.warm("name")
		defer spin(c, 64, 0)()
		for i := range 20 {
			server.Must("SET", "name", strconv.Itoa(i))
			Eventually(func() string {
				r := &cryptomem.Request{Command: wire.Get, Name: []byte("name")}
				_ = c.do(r)
				return string(r.Answer)
			}).WithTimeout(testTimeout).Should(Equal(strconv.Itoa(i)))
		}
	})

	It("keeps to its prefix, and tells others' keys from its own", func() {
		c = caller{open("valkey://"+server.Addr, valkeystore.WithNearCache(budget), valkeystore.WithPrefix("app:"))}
		Expect(c.set("name", "value", 0)).To(Succeed())
		c.warm("name")
		Expect(other.set("name", "another's", 0)).To(Succeed())
		Expect(c.isNear("name")).To(BeTrue())
		server.Must("DEL", "app:name")
		Eventually(func() bool { return c.isNear("name") }).Should(BeFalse())
	})

	It("says which right it lacks", func() {
		server.Must("ACL", "SETUSER", "app", "on", ">secret", "~*", "-@all", "+ping", "+get", "+hello")
		c = caller{open("valkey://app:secret@"+server.Addr, valkeystore.WithNearCache(budget))}
		err := c.do(&cryptomem.Request{Command: wire.Get, Name: []byte("name")})
		Expect(err).To(MatchError(cryptomem.ErrDenied))
		Expect(err).To(MatchError(ContainSubstring("+client|tracking")))
		server.Must("ACL", "SETUSER", "app", "+client|tracking")
		Expect(c.read("name")).To(Equal("old"))
		c.warm("name")
	})

	It("refuses options under which it could not keep its promise", func() {
		for _, opt := range []valkeystore.Option{
			valkeystore.WithNearCache(valkeystore.MinNearCache - 1), valkeystore.WithNearTTL(0), valkeystore.WithNearTTL(valkeystore.MaxNearTTL + 1),
		} {
			Expect(valkeystore.Open("valkey://localhost", opt)).Error().To(HaveOccurred())
		}
		Expect(valkeystore.FromClient(valkeytest.Client(GinkgoTB(), server.Addr), valkeystore.WithNearCache(budget))).
			Error().To(MatchError(ContainSubstring("Open or New")))
	})
})

// spin has that many goroutines read one name, without rest but for a ping after
// every so many reads, until the function is called.
func spin(c caller, goroutines, pingEvery int) (halt func()) {
	var stop atomic.Bool
	var readers sync.WaitGroup
	for range goroutines {
		readers.Go(func() {
			r := &cryptomem.Request{Command: wire.Get, Name: []byte("name")}
			ping := &cryptomem.Request{Command: wire.Ping}
			for n := 1; !stop.Load(); n++ {
				_ = c.store.Do(context.Background(), r)
				if pingEvery > 0 && n%pingEvery == 0 {
					_ = c.store.Do(context.Background(), ping)
				}
			}
		})
	}
	return func() {
		stop.Store(true)
		readers.Wait()
	}
}

// read gets a value, also from nearby.
func (c caller) read(name string) (string, error) {
	r := &cryptomem.Request{Command: wire.Get, Name: []byte(name)}
	if err := c.do(r); err != nil {
		return "", err
	}
	value, err := sealer.Open(nil, r.Name, r.Answer, time.Unix(2e9, 0))
	return string(value), err
}
