package proxy_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/keyspace"
)

var _ = Describe("Commands and answers on their way", func() {
	const limit = 1 << 20
	var p *proxy.Proxy
	BeforeEach(func() {
		c := clock.NewMock()
		c.Set(time.Unix(1_700_000_000, 0))
		w := newWorld(c)
		p = proxy.New(proxy.Settings{
			Clock: c, Random: rand.IntN, MaxInFlight: limit,
			Space: func(int) (*keyspace.Space, error) {
				return keyspace.New(keyspace.Config{Upstream: keyspace.NewSealed(w.client("spec"), c), Clock: c}), nil
			},
		})
		DeferCleanup(func() { Expect(p.Stats().InFlight).To(BeZero(), "nothing is held any more") })
	})
	connect := func() *proxy.Session {
		GinkgoHelper()
		s, err := p.NewSession("client", "proxy")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(s.Close)
		return s
	}
	const refused = "is refused: memory for commands and answers on their way is used up, limit 1048576 bytes (max_in_flight)"
	value := strings.Repeat("v", 700_000)
	whole := commandBytes([]string{"SET", "k", value})
	half := whole[:len(whole)/2]

	It("are refused beyond the limit, and the connection stays in step", func() {
		first, second := connect(), connect()
		Expect(feed(first, whole[:600_000])).To(BeEmpty())
		Expect(feed(second, half)).To(BeEmpty(), "the answer comes in its place")
		Expect(feed(second, append(append([]byte(nil), whole[len(half):]...), "PING\r\n"...))).
			To(BeEquivalentTo("-ERR 'SET' " + refused + "\r\n+PONG\r\n"))
		Expect(feed(first, whole[600_000:])).To(BeEquivalentTo("+OK\r\n"), "who was first is served")
		Expect(feed(second, whole)).To(BeEquivalentTo("+OK\r\n"), "and there is room again")
	})

	It("cost a crowd no more than the limit, however it cuts what it sends", func() {
		for i := range 200 {
			feed(connect(), whole[:i*len(whole)/200])
			Expect(p.Stats().InFlight).To(BeNumerically("<=", limit))
		}
		Expect(feed(connect(), []byte("PING\r\n"))).To(BeEquivalentTo("+PONG\r\n"), "what is small is served")
	})

	It("include a transaction that is not executed yet", func() {
		s := connect()
		feed(s, []byte("MULTI\r\n"))
		for i := range 20 {
			feed(s, commandBytes([]string{"SET", fmt.Sprint(i), strings.Repeat("v", 100_000)}))
		}
		Expect(p.Stats().InFlight).To(BeNumerically("<=", limit))
		Expect(feed(s, []byte("EXEC\r\n"))).To(HavePrefix("-EXECABORT"))
		Expect(p.Stats().InFlight).To(BeZero())
	})

	It("include what small arguments cost besides their bytes", func() {
		s := connect()
		feed(s, []byte("MULTI\r\n"))
		names := make([]string, 40_000)
		for i := range names {
			names[i] = "a"
		}
		Expect(feed(s, commandBytes(append([]string{"DEL"}, names...)))).To(BeEquivalentTo("-ERR 'DEL' " + refused + "\r\n"))
	})

	It("are still begun while they are skipped, so that command_timeout ends who stalls", func() {
		feed(connect(), whole[:600_000])
		s := connect()
		feed(s, half)
		_, begun := s.Begun()
		Expect(begun).To(BeTrue())
		feed(s, whole[len(half):])
		_, begun = s.Begun()
		Expect(begun).To(BeFalse())
	})

	It("include answers that nobody reads: who does not is disconnected", func() {
		Expect(feed(connect(), whole)).To(BeEquivalentTo("+OK\r\n"))
		hold := func() bool {
			s := connect()
			s.Received(copy(s.Buffer(), "GET k\r\n"))
			Expect(s.Execute(1)).To(Succeed())
			Expect(s.Unsent()).To(BeNumerically(">", len(value)))
			return s.Hold()
		}
		Expect(hold()).To(BeTrue())
		Expect(hold()).To(BeFalse())
	})
})
