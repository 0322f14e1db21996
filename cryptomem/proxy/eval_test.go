package proxy_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/keyspace"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/script"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/value"
)

var _ = Describe("Scripts", func() {
	var (
		up    *upstream
		c     *clock.Mock
		space *keyspace.Space
		p     *proxy.Proxy
		s     *proxy.Session
	)
	session := func() *proxy.Session {
		s, err := p.NewSession("", "")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(s.Close)
		return s
	}
	begin := func(wrap func(keyspace.Upstream) keyspace.Upstream) {
		random := rand.New(rand.NewPCG(1, 1))
		c = clock.NewMock()
		c.Set(time.Unix(1_700_000_000, 123_456_000))
		up = newWorld(c).upstream()
		space = keyspace.New(keyspace.Config{Upstream: wrap(up), Clock: c})
		p = proxy.New(proxy.Settings{
			Space: func(int) (*keyspace.Space, error) { return space, nil }, Clock: c, Random: random.IntN,
			Scripts: script.Limits{Steps: 100_000},
		})
		s = session()
	}
	BeforeEach(func() { begin(func(u keyspace.Upstream) keyspace.Upstream { return u }) })

	eval := func(source string, words ...string) string {
		GinkgoHelper()
		return show(ask(s, append([]string{"EVAL", source}, words...)...))
	}

	It("read and change the names that they declare, in one read and one swap", func() {
		Expect(eval("redis.call('INCR', KEYS[1]) redis.call('EXPIRE', KEYS[1], 60) return redis.call('TTL', KEYS[1])", "1", "n")).To(Equal(":60\r\n"))
		Expect(up.calls.Load()).To(BeEquivalentTo(2))
		up.calls.Store(0)
		Expect(eval("return redis.call('MGET', unpack(KEYS))", "3", "n", "m", "n")).To(Equal("*3\r\n$1\r\n1\r\n_\r\n$1\r\n1\r\n"))
		Expect(up.calls.Load()).To(BeEquivalentTo(1))
	})

	It("may read many names and write one", func() {
		ask(s, "MSET", "a", "1", "b", "2")
		up.calls.Store(0)
		Expect(eval("local sum = 0 for i = 2, #KEYS do sum = sum + redis.call('GET', KEYS[i]) end return redis.call('SET', KEYS[1], sum)",
			"3", "sum", "a", "b")).To(Equal("+OK\r\n"))
		Expect(up.calls.Load()).To(BeEquivalentTo(2), "one read of all, one write")
		Expect(show(ask(s, "GET", "sum"))).To(Equal("$1\r\n3\r\n"))
	})

	It("are told, by name, when they use one that is not declared", func() {
		Expect(eval("return redis.call('GET', 'other')", "1", "n")).
			To(HavePrefix("-ERR script uses 'other', which is not among its KEYS script: "))
		Expect(eval("return redis.pcall('MGET', 'n', 'other').err", "1", "n")).
			To(ContainSubstring("ERR script uses 'other', which is not among its KEYS"))
	})

	It("are told which names cannot be changed together, and change none", func() {
		Expect(eval("redis.call('SET', KEYS[1], 1) redis.call('SET', KEYS[2], 1)", "2", "a", "b")).
			To(Equal("-ERR script changes several names that cannot be changed together: 'a', 'b'\r\n"))
		Expect(show(ask(s, "EXISTS", "a", "b"))).To(Equal(":0\r\n"))
	})

	It("change several names together where the upstream can", func() {
		begin(func(u keyspace.Upstream) keyspace.Upstream { return together{u} })
		Expect(eval("redis.call('SET', KEYS[1], 1) redis.call('SET', KEYS[2], 2) return 1", "2", "a", "b")).To(Equal(":1\r\n"))
		Expect(show(ask(s, "MGET", "a", "b"))).To(Equal("*2\r\n$1\r\n1\r\n$1\r\n2\r\n"))
	})

	It("run again if another client was faster, and lose no change", func() {
		for _, keys := range [][]string{{"1", "n"}, {"2", "n", "m"}} {
			rival := &rival{name: "n", value: value.AppendString(nil, []byte("100"))}
			begin(func(u keyspace.Upstream) keyspace.Upstream {
				rival.Upstream = u
				return rival
			})
			rival.moves = 1
			Expect(eval("return redis.call('INCR', KEYS[1])", keys...)).To(Equal(":101\r\n"))
		}
	})

	It("see one time, however often they ask", func() {
		Expect(eval("local t = redis.call('TIME') return {t[1], t[2], redis.call('TIME')[2] == t[2]}", "0")).
			To(Equal("*3\r\n$10\r\n1700000000\r\n$6\r\n123456\r\n:1\r\n"))
	})

	It("stay in their database", func() {
		Expect(eval("return pcall(redis.call, 'SELECT', 0)", "0")).To(Equal(":1\r\n"))
		Expect(eval("return redis.call('SELECT', 1)", "0")).To(HavePrefix("-ERR a script stays in its database"))
	})

	It("keep what they changed before they failed, as in Redis", func() {
		Expect(eval("redis.call('SET', KEYS[1], 1) error('too late')", "1", "n")).To(HavePrefix("-ERR user_script:1: too late script: "))
		Expect(show(ask(s, "GET", "n"))).To(Equal("$1\r\n1\r\n"))
	})

	It("keep nothing when they are ended", func() {
		for _, keys := range [][]string{{"1", "n"}, {"2", "n", "m"}} {
			ask(s, "SET", "n", "before")
			Expect(eval("redis.call('SET', KEYS[1], 1) while true do end", keys...)).To(HavePrefix("-ERR script took too many steps"))
			Expect(show(ask(s, "GET", "n"))).To(Equal("$6\r\nbefore\r\n"))
		}
	})

	It("of one name are coalesced with what else changes it", func() {
		var wait sync.WaitGroup
		for range 8 {
			other := session()
			wait.Go(func() {
				defer GinkgoRecover()
				for i := range 50 {
					args := []string{"EVAL", "return redis.call('INCRBY', KEYS[1], ARGV[1])", "1", "n", "1"}
					if i%2 == 0 {
						args = []string{"INCR", "n"}
					}
					Expect(ask(other, args...).Kind).To(Equal(resp.Integer))
				}
			})
		}
		wait.Wait()
		Expect(show(ask(s, "GET", "n"))).To(Equal("$3\r\n400\r\n"))
	})

	It("go on between MULTI and EXEC", func() {
		ask(s, "MULTI")
		Expect(show(ask(s, "EVAL", "return redis.call('INCR', KEYS[1])", "1", "n"))).To(Equal("+QUEUED\r\n"))
		ask(s, "GET", "n")
		Expect(show(ask(s, "EXEC"))).To(Equal("*2\r\n:1\r\n$1\r\n1\r\n"))
	})

	It("write nothing when they are read-only, by command or by their first line", func() {
		const refused = "-ERR Write commands are not allowed from read-only scripts. script: "
		Expect(show(ask(s, "EVAL_RO", "return redis.call('SET', KEYS[1], 1)", "1", "n"))).To(HavePrefix(refused))
		Expect(eval("#!lua flags=no-writes\nreturn redis.call('SET', KEYS[1], 1)", "1", "n")).To(HavePrefix(refused))
		Expect(show(ask(s, "EVAL_RO", "#!lua\nreturn 1", "0"))).To(Equal("-ERR Can not execute a script with write flag using *_ro command.\r\n"))
		Expect(show(ask(s, "EVAL_RO", "return redis.call('GET', KEYS[1])", "1", "n"))).To(Equal("_\r\n"))
	})

	It("are answered with RESP3's types to those who speak it", func() {
		ask(s, "HELLO", "3")
		Expect(eval("redis.setresp(3) redis.call('HSET', KEYS[1], 'f', 'v') return redis.call('HGETALL', KEYS[1])", "1", "h")).
			To(Equal("%1\r\n$1\r\nf\r\n$1\r\nv\r\n"))
		Expect(eval("return {false, {double = 1.5}}", "0")).To(Equal("*2\r\n_\r\n,1.5\r\n"))
	})
})

// together is an upstream that changes several names at once.
type together struct{ keyspace.Upstream }

func (t together) Together([][]byte) bool { return true }

func (t together) SwapAll(ctx context.Context, rs []*keyspace.Request) error {
	t.Do(ctx, rs)
	return nil
}

// A rival changes a name right before another client's swap.
type rival struct {
	keyspace.Upstream

	name  string
	value []byte
	moves int
}

func (r *rival) Do(ctx context.Context, rs []*keyspace.Request) {
	for _, q := range rs {
		if (q.Kind == keyspace.Add || q.Kind == keyspace.Swap) && r.moves > 0 {
			r.moves--
			r.Upstream.Do(ctx, []*keyspace.Request{{Kind: keyspace.Set, Name: []byte(r.name), Value: r.value}})
		}
	}
	r.Upstream.Do(ctx, rs)
}

var _ = Describe("Scripts on the proxy and on a real Redis", Ordered, func() {
	var redis *redisConn
	var s *proxy.Session
	BeforeAll(func() {
		redis = startRedis()

		random := rand.New(rand.NewPCG(1, 1))
		c := clock.NewMock()
		c.Set(time.Unix(1_700_000_000, 0))
		up := newWorld(c).upstream()
		space := keyspace.New(keyspace.Config{Upstream: together{up}, Clock: c})
		p := proxy.New(proxy.Settings{
			Space: func(int) (*keyspace.Space, error) { return space, nil }, Clock: c, Random: random.IntN,
		})
		var err error
		s, err = p.NewSession("", "")
		Expect(err).NotTo(HaveOccurred())
	})
	same := func(args ...string) {
		GinkgoHelper()
		want := show(redis.do(args...))
		Expect(show(ask(s, args...))).To(Equal(want), fmt.Sprintf("%q", args))
	}

	It("limit, lock and queue alike", func() {
		files, err := filepath.Glob("script/testdata/scripts/*.lua")
		Expect(err).NotTo(HaveOccurred())
		Expect(len(files)).To(BeNumerically(">=", 20))
		for _, file := range files {
			if strings.HasSuffix(file, "tags_invalidate.lua") {
				continue // it removes names that it does not declare
			}
			source, err := os.ReadFile(file)
			Expect(err).NotTo(HaveOccurred())
			redis.do("FLUSHDB")
			ask(s, "FLUSHDB")
			for line := range strings.Lines(string(source)) {
				if command, ok := strings.CutPrefix(line, "-- setup: "); ok {
					redis.do(strings.Fields(command)...)
					ask(s, strings.Fields(command)...)
				}
				if call, ok := strings.CutPrefix(line, "-- run: "); ok {
					same(append([]string{"EVAL", string(source)}, strings.Fields(call)...)...)
				}
			}
		}
	})

	It("are loaded, found, forgotten and refused alike", func() {
		const sha = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db" // of "return 1"
		same("SCRIPT", "FLUSH")
		same("EVALSHA", sha, "0")
		same("SCRIPT", "EXISTS", sha, "x")
		same("SCRIPT", "LOAD", "return 1")
		same("EVALSHA", sha, "0")
		same("EVALSHA", strings.ToUpper(sha), "0")
		same("EVALSHA_RO", sha, "0")
		same("SCRIPT", "EXISTS", sha, "x", strings.ToUpper(sha))
		same("SCRIPT", "FLUSH", "ASYNC")
		same("EVALSHA", sha, "0")
		same("EVALSHA", "short", "0")
		same("EVALSHA", "short", "x")
		same("EVALSHA_RO", sha, "x")
		same("SCRIPT", "FLUSH", "NOW")
		same("SCRIPT", "FLUSH", "SYNC", "x")
		same("SCRIPT", "LOAD", "return (")
		same("SCRIPT", "LOAD")
		same("EVAL", "return 1")
		same("EVAL", "return 1", "x")
		same("EVAL", "return 1", "1")
		same("EVAL", "return 1", "-1")
		same("EVAL", "return 1", "1099511627776")
		same("EVAL", "return (", "0")
		same("EVAL", "return (", "-1")
		same("EVAL", "#!lua flags=x\nreturn 1", "0")
		same("EVAL", "return redis.call('EVAL', 'return 1', 0)", "0")
		same("EVAL", "return redis.call('MULTI')", "0")
		same("EVAL", "return redis.call('AUTH', 'x')", "0")
		same("EVAL", "return redis.call('SCRIPT', 'FLUSH')", "0")
		same("EVAL", "return redis.call('CLIENT', 'ID')", "0")
		same("EVAL", "return redis.call('NOSUCH')", "0")
		same("EVAL", "return redis.call('GET')", "0")
		same("EVAL", "return redis.call('PING')", "0")
		same("EVAL", "return redis.call('ECHO', 'x')", "0")
	})
})
