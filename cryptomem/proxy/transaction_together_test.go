package proxy_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/keyspace"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore/valkeytest"
)

// watched is an upstream whose calls are counted and may be preceded by somebody
// else's.
type watched struct {
	keyspace.Upstream
	calls  atomic.Int64
	before func() // of the next call that swaps several names
}

func (w *watched) Do(ctx context.Context, rs []*keyspace.Request) {
	w.calls.Add(1)
	w.Upstream.Do(ctx, rs)
}

func (w *watched) SwapAll(ctx context.Context, rs []*keyspace.Request) error {
	if before := w.before; before != nil {
		w.before = nil
		before()
	}
	err := w.Upstream.SwapAll(ctx, rs)
	if err == nil {
		w.calls.Add(1)
	}
	return err
}

// startUpstream starts the Redis that sealed values are kept in.
func startUpstream() *valkeytest.Server {
	GinkgoHelper()
	return valkeytest.Start(GinkgoTB())
}

// onRedis is an upstream there.
func onRedis(redis *valkeytest.Server, c clock.Clock) *watched {
	GinkgoHelper()
	store, err := valkeystore.Open("valkey://" + redis.Addr)
	Expect(err).NotTo(HaveOccurred())
	client, err := cryptomem.NewClient(store, cryptomem.WithSecret([]byte(secret[:32])), cryptomem.WithNamespace("spec"), cryptomem.WithClock(c), cryptomem.WithSkew(0))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(client.Close)
	return &watched{Upstream: keyspace.NewSealed(client, c)}
}

// unable is an upstream that takes several names at once, as it says, and cannot: a
// user of Valkey may lack the right to scripts.
type unable struct{ keyspace.Upstream }

func (unable) Together([][]byte) bool { return true }

func (unable) SwapAll(context.Context, []*keyspace.Request) error { return keyspace.ErrNotSupported }

var _ = It("MSET, RENAME and MSETNX do without one change of several names, or say so", func() {
	c := clock.NewMock()
	c.Set(time.Unix(1_700_000_000, 0))
	up := unable{newWorld(c).upstream()}
	s, err := proxy.New(proxy.Settings{
		Clock: c, Random: rand.IntN,
		Space: func(int) (*keyspace.Space, error) {
			return keyspace.New(keyspace.Config{Upstream: up, Clock: c}), nil
		},
	}).NewSession("", "")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(s.Close)
	told := func(args ...string) string { return show(ask(s, args...)) }
	Expect(told("SET", "a", "old")).To(Equal("+OK\r\n"))
	Expect(told("MSET", "a", "1", "b", "2", "c", "3")).To(Equal("+OK\r\n"))
	Expect(told("MGET", "a", "b", "c")).To(Equal("*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n"))
	Expect(told("RENAME", "c", "d")).To(Equal("+OK\r\n"))
	Expect(told("MGET", "c", "d")).To(Equal("*2\r\n_\r\n$1\r\n3\r\n"))
	Expect(told("MSETNX", "e", "1", "f", "2")).To(HavePrefix("-CROSSSLOT"))
	Expect(told("EXISTS", "e", "f")).To(Equal(":0\r\n"))
})

var _ = Describe("Several names over Valkey", Ordered, func() {
	var (
		redis    *valkeytest.Server
		up       *watched
		settings proxy.Settings
		s, other *proxy.Session
	)
	BeforeAll(func() { redis = startUpstream() })
	session := func() *proxy.Session {
		GinkgoHelper()
		s, err := proxy.New(settings).NewSession("", "")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(s.Close)
		return s
	}
	BeforeEach(func() {
		redis.Must("FLUSHALL")
		c := clock.NewMock()
		c.Set(time.Unix(1_700_000_000, 0))
		up = onRedis(redis, c)
		space := keyspace.New(keyspace.Config{Upstream: up, Clock: clock.New()})
		settings = proxy.Settings{Space: func(int) (*keyspace.Space, error) { return space, nil }, Clock: c, Random: rand.IntN}
		s, other = session(), session()
	})
	do := func(s *proxy.Session, args ...string) string {
		GinkgoHelper()
		return show(ask(s, args...))
	}
	exec := func(commands ...[]string) string {
		GinkgoHelper()
		do(s, "MULTI")
		for _, args := range commands {
			Expect(do(s, args...)).To(Equal("+QUEUED\r\n"))
		}
		return do(s, "EXEC")
	}

	It("are set by one MSET at once", func() {
		up.calls.Store(0)
		Expect(do(s, "MSET", "a", "1", "b", "2", "a", "3")).To(Equal("+OK\r\n"))
		Expect(up.calls.Load()).To(BeEquivalentTo(1))
		Expect(do(s, "MGET", "a", "b")).To(Equal("*2\r\n$1\r\n3\r\n$1\r\n2\r\n"))
	})

	It("are set by MSETNX if none is there", func() {
		Expect(do(s, "MSETNX", "a", "1", "b", "2")).To(Equal(":1\r\n"))
		Expect(do(s, "MSETNX", "c", "3", "b", "4")).To(Equal(":0\r\n"))
		up.before = func() { do(other, "SET", "d", "theirs") }
		Expect(do(s, "MSETNX", "c", "3", "d", "4")).To(Equal(":0\r\n"), "somebody was faster")
		Expect(do(s, "MGET", "a", "b", "c", "d")).To(Equal("*4\r\n$1\r\n1\r\n$1\r\n2\r\n_\r\n$6\r\ntheirs\r\n"))
	})

	It("are one while a value is renamed", func() {
		do(s, "SET", "a", "1", "EX", "100")
		do(s, "SET", "b", "2")
		up.before = func() { do(other, "SET", "a", "newer") }
		Expect(do(s, "RENAME", "a", "b")).To(Equal("+OK\r\n"))
		Expect(do(s, "MGET", "a", "b")).To(Equal("*2\r\n_\r\n$5\r\nnewer\r\n"))
		Expect(do(s, "RENAMENX", "b", "c")).To(Equal(":1\r\n"))
	})

	It("are changed by EXEC in one call, which need not read what it replaces", func() {
		commands := make([][]string, 100)
		for i := range commands {
			commands[i] = []string{"SET", "n" + strconv.Itoa(i), "v", "EX", "100"}
		}
		up.calls.Store(0)
		exec(commands...)
		Expect(up.calls.Load()).To(BeEquivalentTo(1))
		Expect(do(s, "TTL", "n99")).To(Equal(":100\r\n"))
		Expect(exec([]string{"SET", "n1", "x"}, []string{"SETEX", "n2", "0", "x"}, []string{"DEL", "n1"}, []string{"EXISTS", "n1", "n2"})).
			To(Equal("*4\r\n+OK\r\n-ERR invalid expire time in 'setex' command\r\n:1\r\n:1\r\n"))
	})

	It("are changed by EXEC all at once, on what they are then", func() {
		do(s, "MSET", "from", "10", "to", "0")
		up.before = func() {
			Expect(do(other, "MGET", "from", "to")).To(Equal("*2\r\n$2\r\n10\r\n$1\r\n0\r\n"), "nothing is to be seen of it before")
			do(other, "INCRBY", "from", "5")
		}
		Expect(exec([]string{"DECRBY", "from", "3"}, []string{"INCRBY", "to", "3"}, []string{"GET", "from"}, []string{"RENAME", "to", "there"})).
			To(Equal("*4\r\n:12\r\n:3\r\n$2\r\n12\r\n+OK\r\n"))
		Expect(do(s, "MGET", "from", "to", "there")).To(Equal("*3\r\n$2\r\n12\r\n_\r\n$1\r\n3\r\n"))
	})

	DescribeTable("are left alone by EXEC if a watched one has changed, even at the last moment:",
		func(change ...string) {
			do(s, "MSET", "watched", "1", "a", "1")
			do(s, "WATCH", "watched", "absent")
			up.before = func() { do(other, change...) }
			Expect(exec([]string{"SET", "a", "2"}, []string{"SET", "b", "2"})).To(Equal("_\r\n"))
			Expect(do(s, "MGET", "a", "b")).To(Equal("*2\r\n$1\r\n1\r\n_\r\n"))
			Expect(exec([]string{"SET", "a", "2"}, []string{"SET", "b", "2"})).To(Equal("*2\r\n+OK\r\n+OK\r\n"), "nothing is watched any more")
		},
		Entry("replaced", "SET", "watched", "1"),
		Entry("removed", "DEL", "watched"),
		Entry("begun", "SET", "absent", "1"),
	)

	It("are watched while only another one is changed", func() {
		do(s, "SET", "watched", "1")
		do(s, "WATCH", "watched")
		up.before = func() { do(other, "SET", "watched", "2") }
		Expect(exec([]string{"SET", "a", "1"})).To(Equal("_\r\n"))
		Expect(do(s, "EXISTS", "a")).To(Equal(":0\r\n"))
	})

	It("are changed by a script all at once, on what it has read", func() {
		const move = `local n = redis.call("GET", KEYS[3])
			redis.call("DECRBY", KEYS[1], n)
			return redis.call("INCRBY", KEYS[2], n)`
		do(s, "MSET", "from", "10", "to", "0", "n", "1")
		up.before = func() { do(other, "SET", "n", "4") }
		Expect(do(s, "EVAL", move, "3", "from", "to", "n")).To(Equal(":4\r\n"))
		Expect(do(s, "MGET", "from", "to")).To(Equal("*2\r\n$1\r\n6\r\n$1\r\n4\r\n"))
	})

	It("keep their sum while many move parts of it", func() {
		do(s, "MSET", "a", "1000", "b", "0")
		var all sync.WaitGroup
		for i := range 8 {
			mover := session()
			all.Go(func() {
				defer GinkgoRecover()
				for range 10 {
					do(mover, "MULTI")
					do(mover, "DECRBY", "a", strconv.Itoa(i+1))
					do(mover, "INCRBY", "b", strconv.Itoa(i+1))
					Expect(do(mover, "EXEC")).To(HavePrefix("*2\r\n:"))
				}
			})
		}
		all.Wait()
		moved := 10 * 8 * 9 / 2
		Expect(do(s, "MGET", "a", "b")).To(Equal(fmt.Sprintf("*2\r\n$3\r\n%d\r\n$3\r\n%d\r\n", 1000-moved, moved)))
	})

	It("are what strict_transactions lets through where they are changed together", func() {
		settings.StrictTransactions = true
		s = session()
		Expect(exec([]string{"SET", "a", "1"}, []string{"SET", "b", "2"})).To(Equal("*2\r\n+OK\r\n+OK\r\n"))
		Expect(exec([]string{"SET", "a", "1"}, []string{"PING"}, []string{"SET", "b", "2"})).To(HavePrefix("-EXECABORT"))
	})
})
