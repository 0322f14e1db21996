package cryptomem_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

const (
	pause   = 2 * time.Second
	standIn = 10 * time.Second
)

// A member is a server of a ring, reached through a store that can be cut off.
type member struct {
	cryptomem.Store
	server  *server.Server
	down    atomic.Bool
	refused atomic.Bool  // by the server
	looks   atomic.Int64 // at signs of life
}

func (m *member) Do(ctx context.Context, r *cryptomem.Request) error {
	if r.Command == cryptomem.CommandPing {
		defer m.looks.Add(1)
	}
	if m.down.Load() {
		r.Err = fmt.Errorf("%w: cut off", cryptomem.ErrUnavailable)
		return r.Err
	}
	if m.refused.Load() {
		why := wire.RefuseBusy("too many connections")
		r.Err = &cryptomem.ServerError{Status: why.Status, Message: why.Message}
		return r.Err
	}
	return m.Store.Do(ctx, r)
}

func (m *member) DoAll(ctx context.Context, rs []*cryptomem.Request) {
	if !m.down.Load() {
		m.Store.DoAll(ctx, rs)
		return
	}
	for _, r := range rs {
		r.Err = fmt.Errorf("%w: cut off", cryptomem.ErrUnavailable)
	}
}

// A circle is three servers with clients, all on one mock clock.
type circle struct {
	clock    *clock.Mock
	members  []*member // as the first client reaches them
	servers  []*server.Server
	failover cryptomem.Failover
}

func newCircle(f cryptomem.Failover, c server.Config) *circle {
	GinkgoHelper()
	w := &circle{clock: clock.NewMock(), failover: f}
	w.clock.Set(time.Unix(1_800_000_000, 0))
	w.failover.Clock = w.clock
	if f.Pause > 0 {
		w.failover.Prefix = []byte("\x04ring")
	}
	for range 3 {
		c.Clock = w.clock
		s := newServer(c)
		DeferCleanup(s.Close)
		w.servers = append(w.servers, s)
	}
	return w
}

var memberNames = []string{"a", "b", "c"}

// client returns a client with stores of its own, which are kept as members.
func (w *circle) client() (*cryptomem.Client, []*member) {
	GinkgoHelper()
	var members []*member
	var servers []cryptomem.RingServer
	for i, s := range w.servers {
		store, err := cryptomem.NewServerStore(memberNames[i], cryptomem.WithClock(w.clock), cryptomem.WithBackoff(0, 0),
			cryptomem.WithDialer(func(context.Context, string) (net.Conn, error) { return pipeTo(s), nil }))
		Expect(err).NotTo(HaveOccurred())
		m := &member{Store: store, server: s}
		members = append(members, m)
		servers = append(servers, cryptomem.RingServer{Name: memberNames[i], Store: m})
	}
	store, err := cryptomem.NewRing(servers, w.failover)
	Expect(err).NotTo(HaveOccurred())
	c, err := cryptomem.NewClient(store, cryptomem.WithSecret([]byte(secret)), cryptomem.WithClock(w.clock),
		cryptomem.WithNamespace("ring"), cryptomem.WithSkew(0))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(c.Close)
	w.members = append(w.members, members...)
	return c, members
}

// pass lets time go on, so slowly that every client looks after every server in
// between.
func (w *circle) pass(d time.Duration) {
	GinkgoHelper()
	for ; d > 0; d -= pause / 4 {
		before := make([]int64, len(w.members))
		for i, m := range w.members {
			before[i] = m.looks.Load()
		}
		w.clock.Add(min(d, pause/4))
		if w.failover.Pause > 0 {
			for i, m := range w.members {
				Eventually(m.looks.Load).Should(BeNumerically(">", before[i]))
			}
		}
	}
}

// keyOn returns a key whose value is on that server.
func (w *circle) keyOn(ctx context.Context, c *cryptomem.Client, i int) string {
	GinkgoHelper()
	for n := range 1000 {
		key := fmt.Sprint("key", n)
		before := w.servers[i].Cache().Stats().Items
		Expect(c.Set(ctx, key, []byte("probe"), cryptomem.TTL(24*time.Hour))).To(Succeed())
		if w.servers[i].Cache().Stats().Items > before {
			return key
		}
	}
	Fail("no key is on that server")
	return ""
}

func shown(ctx context.Context, c *cryptomem.Client, key string) string {
	v, err := c.Get(ctx, key)
	if err != nil {
		return err.Error()
	}
	return string(v)
}

var _ = Describe("A ring of servers", func() {
	var (
		w       *circle
		c       *cryptomem.Client
		members []*member
		ctx     = context.Background()
	)

	BeforeEach(func() {
		w = newCircle(cryptomem.Failover{}, server.Config{AllowFlush: true})
		c, members = w.client()
	})

	keys := func(n int) (keys []string, pairs []cryptomem.Pair) {
		for i := range n {
			key := fmt.Sprint("key", i)
			keys, pairs = append(keys, key), append(pairs, cryptomem.Pair{Key: key, Value: []byte(key)})
		}
		return keys, pairs
	}

	It("keeps each value on one server, and a third of them on each", func() {
		all, pairs := keys(3000)
		Expect(c.SetMany(ctx, pairs)).To(HaveEach(BeNil()))
		for _, s := range w.servers {
			Expect(s.Cache().Stats().Items).To(BeNumerically("~", 1000, 100))
		}
		for i, r := range c.GetMany(ctx, all) {
			Expect(r.Err).NotTo(HaveOccurred())
			Expect(string(r.Value)).To(Equal(all[i]))
		}
		for _, key := range all[:30] {
			Expect(c.Delete(ctx, key)).To(Succeed())
			Expect(shown(ctx, c, key)).To(Equal("not found"))
		}
	})

	It("sends the parts of a batch to all servers at once", func() {
		var arrived sync.WaitGroup
		arrived.Add(3)
		for _, m := range members {
			m.Store = &meeting{Store: m.Store, arrived: &arrived}
		}
		within, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		all, _ := keys(100)
		for _, r := range c.GetMany(within, all) {
			Expect(r.Err).To(MatchError(cryptomem.ErrNotFound))
		}
	})

	It("loses the names of a server that is down, and no others", func() {
		all, pairs := keys(300)
		Expect(c.SetMany(ctx, pairs)).To(HaveEach(BeNil()))
		lost := int(w.servers[1].Cache().Stats().Items)
		members[1].down.Store(true)
		failed := 0
		for i, r := range c.GetMany(ctx, all) {
			if r.Err != nil {
				Expect(r.Err).To(MatchError(cryptomem.ErrUnavailable))
				Expect(r.Err).To(MatchError(HavePrefix("server b: ")))
				failed++
			} else {
				Expect(string(r.Value)).To(Equal(all[i]))
			}
		}
		Expect(failed).To(Equal(lost))
		members[1].down.Store(false)
		for _, r := range c.GetMany(ctx, all) {
			Expect(r.Err).NotTo(HaveOccurred())
		}
	})

	It("loads values that belong to a server that is down", func() {
		key := w.keyOn(ctx, c, 1)
		members[1].down.Store(true)
		Expect(c.GetOrLoad(ctx, key, func(context.Context) ([]byte, error) { return []byte("loaded"), nil })).To(BeEquivalentTo("loaded"))
	})

	It("swaps and locks on the server of the name", func() {
		for i := range w.servers {
			key := w.keyOn(ctx, c, i)
			item, err := c.GetItem(ctx, key)
			Expect(err).NotTo(HaveOccurred())
			_, err = c.CompareAndSwap(ctx, key, []byte("2"), item.Version)
			Expect(err).NotTo(HaveOccurred())
			lock, err := c.TryLock(ctx, key+" lock", cryptomem.TTL(time.Minute))
			Expect(err).NotTo(HaveOccurred())
			_, err = c.TryLock(ctx, key+" lock", cryptomem.TTL(time.Minute))
			Expect(err).To(MatchError(cryptomem.ErrLocked))
			Expect(lock.Unlock(ctx)).To(Succeed())
		}
	})

	It("flushes all servers, and says how many names there were", func() {
		_, pairs := keys(300)
		Expect(c.SetMany(ctx, pairs)).To(HaveEach(BeNil()))
		Expect(c.Flush(ctx, "")).To(BeEquivalentTo(300))
		members[2].down.Store(true)
		_, err := c.Flush(ctx, "")
		Expect(err).To(MatchError(cryptomem.ErrMaybeApplied))
		Expect(err).To(MatchError(ContainSubstring("2 of 3 servers are flushed: server c: ")))
	})

	It("pings all servers, and names those that do not answer", func() {
		Expect(c.Ping(ctx)).To(Succeed())
		members[0].down.Store(true)
		Expect(c.Ping(ctx)).To(MatchError(HavePrefix("server a: ")))
	})

	It("tells the statistics of each server by its name", func() {
		members[0].down.Store(true)
		text, err := c.Stats(ctx, "")
		Expect(err).NotTo(HaveOccurred())
		var all map[string]map[string]any
		Expect(json.Unmarshal(text, &all)).To(Succeed())
		Expect(all).To(HaveLen(3))
		Expect(all["a"]).To(HaveKey("error"))
		Expect(all["b"]).To(HaveKey("cache"))
		_, err = c.Stats(ctx, "weather")
		Expect(err).To(MatchError(ContainSubstring(`no section "weather"`)))
	})

	It("adds no allocation to a request", func() {
		ring, err := cryptomem.NewRing([]cryptomem.RingServer{{Name: "a", Store: silent{}}, {Name: "b", Store: silent{}}}, cryptomem.Failover{})
		Expect(err).NotTo(HaveOccurred())
		r := &cryptomem.Request{Command: cryptomem.CommandGet, Name: []byte("name")}
		Expect(testing.AllocsPerRun(1000, func() { _ = ring.Do(ctx, r) })).To(BeZero())
	})

	It("is refused where failover would not know what to remove", func() {
		_, err := cryptomem.NewRing([]cryptomem.RingServer{{Name: "a", Store: members[0]}}, cryptomem.Failover{Pause: pause})
		Expect(err).To(MatchError(ContainSubstring("needs a namespace")))
	})
})

// A silent store does nothing, and well.
type silent struct{}

func (silent) Do(context.Context, *cryptomem.Request) error { return nil }
func (silent) DoAll(context.Context, []*cryptomem.Request)  {}
func (silent) Close() error                                 { return nil }

// A meeting is a store that answers once all others of its kind are asked as well.
type meeting struct {
	cryptomem.Store
	arrived *sync.WaitGroup
}

func (m *meeting) DoAll(ctx context.Context, rs []*cryptomem.Request) {
	m.arrived.Done()
	m.arrived.Wait()
	m.Store.DoAll(ctx, rs)
}

var _ = Describe("A ring of servers with failover", func() {
	var (
		w            *circle
		one, two     *cryptomem.Client
		first, other []*member // as one and two reach them
		ctx          = context.Background()
		key          string
	)

	BeforeEach(func() {
		w = newCircle(cryptomem.Failover{Pause: pause, StandIn: standIn}, server.Config{AllowFlush: true})
		one, first = w.client()
		two, other = w.client()
		key = w.keyOn(ctx, one, 1)
		Expect(one.Set(ctx, key, []byte("old"), cryptomem.TTL(24*time.Hour))).To(Succeed())
		w.pass(standIn + pause)
	})

	down := func(yes bool) {
		first[1].down.Store(yes)
		other[1].down.Store(yes)
	}

	It("has the names of a server that is away on the next one, for all clients", func() {
		down(true)
		w.pass(pause / 2)
		Eventually(func() string { return shown(ctx, one, key) }).Should(MatchRegexp("server b is in doubt: .*cut off"))
		w.pass(pause)
		Eventually(func() string { return shown(ctx, one, key) }).Should(Equal("not found"))
		Eventually(func() error { return one.Set(ctx, key, []byte("new")) }).Should(Succeed())
		Eventually(func() string { return shown(ctx, two, key) }).Should(Equal("new"))
		Expect(w.servers[1].Cache().Stats().Items).To(BeNumerically(">", 0), "which still holds the old value")
	})

	It("does not let a returning server's values come back", func() {
		down(true)
		w.pass(2 * pause)
		Eventually(func() error { return one.Set(ctx, key, []byte("new")) }).Should(Succeed())
		down(false)
		w.pass(pause / 2)
		Eventually(func() string { return shown(ctx, one, key) }).Should(ContainSubstring("server b is back, and not believed yet"))
		Expect(one.Set(ctx, key, []byte("newer"))).To(MatchError(cryptomem.ErrUnavailable))
		w.pass(2 * pause)
		for _, c := range []*cryptomem.Client{one, two} {
			Eventually(func() string { return shown(ctx, c, key) }).Should(Equal("not found"))
		}
		Expect(one.Set(ctx, key, []byte("newest"))).To(Succeed())
		Expect(shown(ctx, two, key)).To(Equal("newest"))
	})

	It("does not let a stand-in's values come back", func() {
		down(true)
		w.pass(2 * pause)
		Eventually(func() error { return one.Set(ctx, key, []byte("stood in"), cryptomem.TTL(24*time.Hour)) }).Should(Succeed())
		down(false)
		w.pass(3 * pause)
		Eventually(func() error { return one.Set(ctx, key, []byte("new")) }).Should(Succeed())
		down(true)
		w.pass(2 * pause)
		Expect(shown(ctx, one, key)).To(ContainSubstring("server b is in doubt"), "for the stand-in still holds what it was given before")
		w.pass(standIn)
		Eventually(func() string { return shown(ctx, one, key) }).Should(Equal("not found"))
	})

	It("never lets a stand-in keep a lock, whose fences would start over", func() {
		down(true)
		w.pass(2 * pause)
		Eventually(func() string { return shown(ctx, one, key) }).Should(Equal("not found"))
		_, err := one.TryLock(ctx, key, cryptomem.TTL(time.Minute))
		Expect(err).To(MatchError(cryptomem.ErrUnavailable))
		Expect(err).To(MatchError(ContainSubstring("server b is away")))
	})

	It("counts a server that is away as flushed, since it will be", func() {
		down(true)
		w.pass(2 * pause)
		Eventually(func() error { _, err := one.Flush(ctx, ""); return err }).Should(Succeed())
	})

	It("notices without requests that a server was away", func() {
		down(true)
		w.pass(2 * pause)
		down(false)
		w.pass(3 * pause)
		Eventually(func() string { return shown(ctx, two, key) }).Should(Equal("not found"))
	})

	It("does not count a server as away that refuses a client and serves others", func() {
		first[1].refused.Store(true)
		w.pass(3 * pause)
		err := one.Set(ctx, key, []byte("new"))
		Expect(err).To(MatchError(cryptomem.ErrUnavailable), "and not for a stand-in")
		Expect(err).To(MatchError(ContainSubstring("server b is in doubt: server: busy: too many connections")), "which tells why")
		Expect(shown(ctx, two, key)).To(Equal("old"))
		first[1].refused.Store(false)
		w.pass(3 * pause)
		Eventually(func() error { return one.Set(ctx, key, []byte("newer")) }).Should(Succeed())
		Expect(shown(ctx, two, key)).To(Equal("newer"))
	})

	It("says why a server that cannot be flushed stays out", func() {
		down(true)
		w.pass(2 * pause)
		for _, m := range []*member{first[1], other[1]} {
			m.Store = unflushable{m.Store}
		}
		down(false)
		w.pass(3 * pause)
		Eventually(func() string { return shown(ctx, one, key) }).Should(ContainSubstring("since it cannot be flushed: forbidden"))
	})
})

// An unflushable is a store that refuses FLUSH.
type unflushable struct{ cryptomem.Store }

func (s unflushable) Do(ctx context.Context, r *cryptomem.Request) error {
	if r.Command == cryptomem.CommandFlush {
		r.Err = fmt.Errorf("forbidden")
		return r.Err
	}
	return s.Store.Do(ctx, r)
}

var _ = Describe("Dial with several addresses", func() {
	ctx := context.Background()

	secretly := []cryptomem.Option{cryptomem.WithSecret([]byte(secret)), cryptomem.WithNamespace("ring")}

	dial := func(addr string, opts ...cryptomem.Option) (*cryptomem.Client, error) {
		c, err := cryptomem.Dial(ctx, addr, append(secretly, opts...)...)
		if err == nil {
			DeferCleanup(c.Close)
		}
		return c, err
	}

	It("makes the same ring of them in any order", func() {
		a, b := listen(newServer(server.Config{})), listen(newServer(server.Config{}))
		one, err := dial(a + "," + b)
		Expect(err).NotTo(HaveOccurred())
		other, err := dial(b + ", " + a)
		Expect(err).NotTo(HaveOccurred())
		for i := range 50 {
			key := fmt.Sprint(i)
			Expect(one.Set(ctx, key, []byte(key))).To(Succeed())
			Expect(shown(ctx, other, key)).To(Equal(key))
		}
	})

	It("needs one of them to answer", func() {
		a := listen(newServer(server.Config{}))
		_, err := dial(a+",unix:/nobody/here", cryptomem.WithBackoff(0, 0))
		Expect(err).NotTo(HaveOccurred())
		_, err = dial("unix:/nobody/there,unix:/nobody/here", cryptomem.WithBackoff(0, 0))
		Expect(err).To(MatchError(And(ContainSubstring("unix:/nobody/there"), ContainSubstring("unix:/nobody/here"))))
	})

	It("takes failover only where servers allow FLUSH, and there are several", func() {
		failover := cryptomem.WithFailover(pause, standIn)
		a, b := listen(newServer(server.Config{AllowFlush: true})), listen(newServer(server.Config{AllowFlush: true}))
		_, err := dial(a+","+b, failover)
		Expect(err).NotTo(HaveOccurred())
		_, err = dial(a+","+listen(newServer(server.Config{})), failover)
		Expect(err).To(MatchError(ContainSubstring("has to allow FLUSH")))
		_, err = dial(a, failover)
		Expect(err).To(MatchError(ContainSubstring("there is only one server")))
		_, err = cryptomem.Dial(ctx, a+","+b, cryptomem.WithSecret([]byte(secret)), failover)
		Expect(err).To(MatchError(ContainSubstring("needs a namespace")))
	})
})
