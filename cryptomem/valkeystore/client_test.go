package valkeystore_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore/valkeytest"
)

// counted is a store that counts how often a caller waits for it.
type counted struct {
	cryptomem.Store
	trips atomic.Int32
}

func (c *counted) Do(ctx context.Context, r *cryptomem.Request) error {
	c.trips.Add(1)
	return c.Store.Do(ctx, r)
}

func (c *counted) DoAll(ctx context.Context, rs []*cryptomem.Request) {
	c.trips.Add(1)
	c.Store.DoAll(ctx, rs)
}

var _ = Describe("A client on Valkey", Ordered, func() {
	var (
		server *valkeytest.Server
		clk    *clock.Mock
		store  *counted
		c      *cryptomem.Client
		ctx    = context.Background()
	)

	newClient := func(store cryptomem.Store) *cryptomem.Client {
		GinkgoHelper()
		c, err := cryptomem.NewClient(store, cryptomem.WithSecret([]byte("a secret that only specs may have"[:32])),
			cryptomem.WithNamespace("app"), cryptomem.WithClock(clk))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(c.Close)
		return c
	}

	BeforeAll(func() { server = startServer() })
	BeforeEach(func() {
		server.Must("FLUSHALL")
		clk = clock.NewMock()
		clk.Set(time.Unix(1.9e9, 0))
		store = &counted{Store: open("valkey://" + server.Addr)}
		c = newClient(store)
	})

	It("changes several keys together, or none, and knows what it has written", func() {
		c := newClient(store.Store)
		access := func(command cryptomem.Command, key, value string, version uint64) *cryptomem.Access {
			return &cryptomem.Access{Command: command, Key: []byte(key), Value: []byte(value), Version: version}
		}
		Expect(c.Together([]byte("a"), []byte("b"))).To(BeTrue())
		Expect(c.SwapAll(ctx, []*cryptomem.Access{
			access(cryptomem.CommandAdd, "a", "1", 0), access(cryptomem.CommandSet, "b", "1", 0),
		})).To(Succeed())
		old := server.Text("GET", server.Text("RANDOMKEY"))
		look := access(cryptomem.CommandGetItem, "a", "", 0)
		c.AccessAll(ctx, []*cryptomem.Access{look})
		Expect(string(look.Value)).To(Equal("1"))

		swap := access(cryptomem.CommandSwap, "a", "2", look.Version)
		gone := access(cryptomem.CommandSet, "b", "", 0)
		gone.Expires = time.UnixMilli(1)
		Expect(c.SwapAll(ctx, []*cryptomem.Access{swap, gone})).To(Succeed())
		Expect(c.Get(ctx, "a")).To(Equal([]byte("2")))
		Expect(server.Must("DBSIZE").AsInt64()).To(BeEquivalentTo(1), "what was over is gone")
		Expect(swap.Version).NotTo(Equal(look.Version))

		late := access(cryptomem.CommandSwap, "a", "3", look.Version)
		fresh := access(cryptomem.CommandAdd, "c", "3", 0)
		Expect(c.SwapAll(ctx, []*cryptomem.Access{fresh, late})).To(MatchError(cryptomem.ErrChanged))
		Expect(late.Err).To(MatchError(cryptomem.ErrChanged))
		_, err := c.Get(ctx, "c")
		Expect(err).To(MatchError(cryptomem.ErrNotFound))

		server.Must("SET", server.Text("RANDOMKEY"), old)
		_, err = c.Get(ctx, "a")
		Expect(err).To(HaveOccurred(), "what was replaced does not come back")
	})

	It("changes one key at a time where its store does", func() {
		Expect(c.Together([]byte("a"))).To(BeFalse())
		Expect(c.SwapAll(ctx, nil)).To(MatchError(cryptomem.ErrNotSupported))
	})

	It("gets, sets and deletes", func() {
		Expect(c.Set(ctx, "name", []byte("value"))).To(Succeed())
		Expect(c.Get(ctx, "name")).To(BeEquivalentTo("value"))
		Expect(c.GetDelete(ctx, "name")).To(BeEquivalentTo("value"))
		Expect(c.Delete(ctx, "name")).To(MatchError(cryptomem.ErrNotFound))
		Expect(c.Ping(ctx)).To(Succeed())
		Expect(c.Stats(ctx, "")).To(MatchJSON(`{"errors":{}}`))
	})

	It("touches and updates by compare-and-swap", func() {
		n := cryptomem.JSON[int](c)
		for range 3 {
			Expect(n.Update(ctx, "n", func(n int, _ bool) (int, error) { return n + 1, nil })).To(BeNumerically(">", 0))
		}
		Expect(n.Get(ctx, "n")).To(Equal(3))
		Expect(c.Touch(ctx, "n", cryptomem.TTL(time.Minute))).To(Succeed())
		Expect(server.Must("PTTL", "\x03appn").AsInt64()).To(BeNumerically("~", 60000, 5000))
	})

	It("counts, keeps expiries, and ignores missing values where asked to", func() {
		for i := range 3 {
			Expect(c.Increment(ctx, "count", 2, cryptomem.TTL(time.Hour))).To(BeEquivalentTo(2 * (i + 1)))
		}
		Expect(server.Must("PTTL", "\x03appcount").AsInt64()).To(BeNumerically("~", 3600_000, 60_000))
		Expect(c.Set(ctx, "count", []byte("40"), cryptomem.KeepTTL())).To(Succeed())
		Expect(server.Must("PTTL", "\x03appcount").AsInt64()).To(BeNumerically("~", 3600_000, 60_000))
		Expect(c.Exists(ctx, "count")).To(BeTrue())
		Expect(c.DeleteMany(ctx, []string{"count", "nothing"})).To(Equal(1))
		Expect(c.Remove(ctx, "count")).To(Succeed())
		Expect(c.Exists(ctx, "count")).To(BeFalse())
		Expect(c.Namespace()).To(Equal("app"))
	})

	It("gets and sets many, and flushes its namespace", func() {
		var pairs []cryptomem.Pair
		var keys []string
		for i := range 100 {
			keys = append(keys, "name "+strconv.Itoa(i))
			pairs = append(pairs, cryptomem.Pair{Key: keys[i], Value: []byte(keys[i])})
		}
		for _, err := range c.SetMany(ctx, pairs) {
			Expect(err).NotTo(HaveOccurred())
		}
		for i, r := range c.GetMany(ctx, keys) {
			Expect(r.Err).NotTo(HaveOccurred())
			Expect(string(r.Value)).To(Equal(keys[i]))
		}
		Expect(c.Flush(ctx, "")).To(BeEquivalentTo(100))
	})

	It("locks with a fence that grows from holder to holder, even if the key was lost in between", func() {
		last := uint64(0)
		for range 3 {
			l, err := c.TryLock(ctx, "door", cryptomem.TTL(time.Minute))
			Expect(err).NotTo(HaveOccurred())
			Expect(c.TryLock(ctx, "door", cryptomem.TTL(time.Minute))).Error().To(MatchError(cryptomem.ErrLocked))
			Expect(l.Fence()).To(BeNumerically(">", last))
			Expect(l.Extend(ctx, cryptomem.TTL(time.Hour))).To(Succeed())
			last = l.Fence()
			Expect(l.Unlock(ctx)).To(Succeed())
			Expect(l.Unlock(ctx)).To(MatchError(cryptomem.ErrNotHeld))
			l, err = c.TryLock(ctx, "door", cryptomem.TTL(time.Minute))
			Expect(err).NotTo(HaveOccurred())
			Expect(l.Fence()).To(BeNumerically(">", last))
			last = l.Fence()
			server.Must("FLUSHALL")
			Expect(l.Extend(ctx, cryptomem.TTL(time.Hour))).To(MatchError(cryptomem.ErrNotHeld))
		}
	})

	It("loads a missing value in three round trips", func() {
		Expect(c.GetOrLoad(ctx, "name", func(context.Context) ([]byte, error) { return []byte("loaded"), nil })).To(BeEquivalentTo("loaded"))
		Expect(store.trips.Load()).To(BeEquivalentTo(3))
		Expect(c.Get(ctx, "name")).To(BeEquivalentTo("loaded"))
	})

	It("replaces a value that the server still holds although its sealed expiry has passed", func() {
		hour := cryptomem.TTL(time.Hour)
		for _, name := range []string{"add", "load", "update"} {
			Expect(c.Set(ctx, name, []byte("old"), hour)).To(Succeed())
		}
		Expect(c.TryLock(ctx, "lock", cryptomem.TTL(time.Hour))).Error().NotTo(HaveOccurred())
		clk.Add(2 * time.Hour) // the server's clock did not move
		Expect(c.Get(ctx, "add")).Error().To(MatchError(cryptomem.ErrExpired))
		Expect(c.Add(ctx, "add", []byte("new"), hour)).To(Succeed())
		Expect(c.Add(ctx, "add", []byte("newer"), hour)).To(MatchError(cryptomem.ErrExists))
		Expect(c.GetOrLoad(ctx, "load", func(context.Context) ([]byte, error) { return []byte("new"), nil })).To(BeEquivalentTo("new"))
		Expect(cryptomem.NewTyped(c, func(s string) ([]byte, error) { return []byte(s), nil }, func(b []byte) (string, error) { return string(b), nil }).
			Update(ctx, "update", func(_ string, found bool) (string, error) {
				Expect(found).To(BeFalse())
				return "new", nil
			}, hour)).To(Equal("new"))
		Expect(c.TryLock(ctx, "lock", cryptomem.TTL(time.Hour))).Error().NotTo(HaveOccurred())
		for _, name := range []string{"add", "load", "update"} {
			Expect(c.Get(ctx, name)).To(BeEquivalentTo("new"), name)
		}
	})

	It("is not fooled by a TTL that another program prolonged", func() {
		Expect(c.Set(ctx, "name", []byte("value"), cryptomem.TTL(time.Minute))).To(Succeed())
		server.Must("PERSIST", "\x03appname")
		clk.Add(2 * time.Minute)
		Expect(c.Get(ctx, "name")).Error().To(MatchError(cryptomem.ErrNotFound))
	})

	It("keeps working when the user's own valkey client is underneath", func() {
		own := valkeytest.Client(GinkgoTB(), server.Addr)
		s, err := valkeystore.FromClient(own)
		Expect(err).NotTo(HaveOccurred())
		other := newClient(s)
		Expect(other.Set(ctx, "name", []byte("value"))).To(Succeed())
		Expect(c.Get(ctx, "name")).To(BeEquivalentTo("value"))
		Expect(other.Close()).To(Succeed())
		Expect(own.Do(ctx, own.B().Ping().Build()).Error()).NotTo(HaveOccurred(), "it stays the user's")
	})
})
