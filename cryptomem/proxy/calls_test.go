package proxy_test

import (
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/keyspace"
)

// setMany is what Django sends for set_many of n values: a pipeline, which redis-py
// puts between MULTI and EXEC.
func setMany(n int, between bool) (sent []byte) {
	for i := range n {
		sent = append(sent, commandBytes([]string{"SET", "n" + strconv.Itoa(i), "value", "PX", "300000"})...)
	}
	if between {
		sent = append(append(commandBytes([]string{"MULTI"}), sent...), commandBytes([]string{"EXEC"})...)
	}
	return sent
}

func eval(script, key string, args ...string) []byte {
	return commandBytes(append([]string{"EVAL", script, "1", key}, args...))
}

const (
	fixedWindow = `local n = redis.call("INCR", KEYS[1])
		if n == 1 then redis.call("EXPIRE", KEYS[1], ARGV[1]) end
		return {n, redis.call("PTTL", KEYS[1])}`
	slidingWindow = `redis.call("ZREMRANGEBYSCORE", KEYS[1], 0, ARGV[1] - 60)
		local n = redis.call("ZCARD", KEYS[1])
		if n < 10 then redis.call("ZADD", KEYS[1], ARGV[1], ARGV[2]) redis.call("EXPIRE", KEYS[1], 60) end
		return n`
)

var _ = Describe("What the upstream is asked", func() {
	var calls *atomic.Int64
	begin := func(up keyspace.Upstream, c clock.Clock) *proxy.Session {
		GinkgoHelper()
		space := keyspace.New(keyspace.Config{Upstream: up, Clock: c})
		s, err := proxy.New(proxy.Settings{
			Space: func(int) (*keyspace.Space, error) { return space, nil }, Clock: c, Random: rand.IntN,
		}).NewSession("", "")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(s.Close)
		return s
	}
	now := time.Unix(1_700_000_000, 0)
	upstreams := []struct {
		name  string
		start func() *proxy.Session
	}{
		{"a server", func() *proxy.Session {
			c := clock.NewMock()
			c.Set(now)
			up := newWorld(c).upstream()
			calls = &up.calls
			return begin(up, c)
		}},
		{"Redis", func() *proxy.Session {
			c := clock.NewMock()
			c.Set(now)
			up := onRedis(startUpstream(), c)
			calls = &up.calls
			return begin(up, c)
		}},
	}
	for _, up := range upstreams {
		DescribeTable("over "+up.name,
			func(most int, twice []byte) {
				s := up.start()
				feed(s, commandBytes([]string{"SET", "session", "data", "EX", "1000"}))
				for range 2 { // the second time, what is there is changed
					calls.Store(0)
					Expect(string(feed(s, twice))).NotTo(ContainSubstring("-ERR"))
					Expect(calls.Load()).To(BeNumerically("<=", most))
				}
				Expect(calls.Load()).To(BeNumerically(">", 0))
			},
			Entry("for the touch of an Express session", 2, commandBytes([]string{"EXPIRE", "session", "2000"})),
			Entry("for set_many of Django", 2, setMany(100, true)),
			Entry("for the same without MULTI", 1, setMany(100, false)),
			Entry("for a limiter's fixed window", 2, eval(fixedWindow, "limit", "60")),
			Entry("for a limiter's sliding window", 2, eval(slidingWindow, "window", "1700000000", "request")),
		)
	}
})
