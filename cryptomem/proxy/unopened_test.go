package proxy_test

import (
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/keyspace"
)

var _ = Describe("A value whose key is gone", func() {
	var (
		meter keyspace.Meter
		s     *proxy.Session
	)
	BeforeEach(func() {
		c := clock.NewMock()
		c.Set(time.Unix(1_700_000_000, 0))
		w := newWorld(c)
		former := sessionOn(keyspace.NewSealed(w.client("spec", cryptomem.WithSecret([]byte("a secret that is not used any mo"))), c), c)
		ask(former, "MSET", "session", "data", "n", "41")
		ask(former, "SADD", "set", "member")
		meter = keyspace.Meter{}
		s = sessionOn(meter.Watch(keyspace.NewSealed(w.client("spec"), c), c), c)
	})

	DescribeTable("is absent, whatever is asked,",
		func(want string, args ...string) {
			Expect(show(ask(s, args...))).To(Equal(want))
			Expect(meter.Failed(keyspace.NotAuthentic)).To(BeNumerically(">", 0), "and is counted")
		},
		Entry(nil, "_\r\n", "GET", "session"),
		Entry(nil, "*2\r\n_\r\n_\r\n", "MGET", "session", "n"),
		Entry(nil, ":-2\r\n", "TTL", "session"),
		Entry(nil, ":0\r\n", "EXISTS", "session"),
		Entry(nil, ":0\r\n", "EXPIRE", "session", "10"),
		Entry(nil, ":1\r\n", "INCR", "n"),
		Entry(nil, "+OK\r\n", "SET", "session", "new", "NX"),
		Entry(nil, "*0\r\n", "SMEMBERS", "set"),
		Entry(nil, ":1\r\n", "EVAL", "return redis.call('INCR', KEYS[1])", "1", "n"),
	)

	It("is replaced like nothing, and can be used again", func() {
		Expect(show(ask(s, "SET", "session", "new"))).To(Equal("+OK\r\n"))
		Expect(show(ask(s, "GET", "session"))).To(Equal("$3\r\nnew\r\n"))
		Expect(show(ask(s, "INCR", "n"))).To(Equal(":1\r\n"))
		Expect(show(ask(s, "INCR", "n"))).To(Equal(":2\r\n"))
	})
})
