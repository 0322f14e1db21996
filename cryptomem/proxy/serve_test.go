package proxy_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/keyspace"
	"github.com/Zezezknight/cryptomem/transport/serve"
)

// A line speaks to a served proxy as a person at a terminal does.
type line struct {
	net.Conn
	in *bufio.Reader
}

func (l line) send(text string) {
	GinkgoHelper()
	_, err := io.WriteString(l, text)
	Expect(err).NotTo(HaveOccurred())
}

func (l line) next() string {
	GinkgoHelper()
	text, err := l.in.ReadString('\n')
	Expect(err).NotTo(HaveOccurred())
	return text[:len(text)-2]
}

func (l line) ended() {
	GinkgoHelper()
	_, err := l.in.ReadByte()
	Expect(err).To(MatchError(io.EOF))
}

// slow is an upstream of which each call takes a second.
type slow struct {
	keyspace.Upstream
	clock *clock.Mock
}

func (s slow) Do(ctx context.Context, rs []*keyspace.Request) {
	s.clock.Add(time.Second)
	s.Upstream.Do(ctx, rs)
}

var _ = Describe("A served proxy", func() {
	var (
		c        *clock.Mock
		w        *world
		meter    keyspace.Meter
		settings proxy.Settings
		limits   proxy.Limits
		srv      *serve.Server
		p        *proxy.Proxy
		addr     string
	)
	BeforeEach(func() {
		c = clock.NewMock()
		c.Set(time.Unix(1_700_000_000, 0))
		w = newWorld(c)
		meter, limits = keyspace.Meter{}, proxy.Limits{}
		sealed := keyspace.NewSealed(w.client("spec"), c)
		settings = proxy.Settings{
			Clock: c, Random: rand.IntN,
			Space: func(int) (*keyspace.Space, error) {
				return keyspace.New(keyspace.Config{Upstream: meter.Watch(sealed, c), Clock: c}), nil
			},
		}
	})
	JustBeforeEach(func() {
		p = proxy.New(settings)
		srv = p.NewServer(limits)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		addr = l.Addr().String()
		go func() { _ = srv.Serve(l) }() // ends with the server
		DeferCleanup(srv.Close)
	})
	connect := func() line {
		GinkgoHelper()
		conn, err := net.Dial("tcp", addr)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { _ = conn.Close() }) // a spec may have
		return line{conn, bufio.NewReader(conn)}
	}

	It("answers on as many connections as there are, in order", func() {
		one, other := connect(), connect()
		one.send("SET a 1\r\nINCR a\r\nNOSUCH\r\nGET a\r\n")
		other.send("PING\r\n")
		Expect(other.next()).To(Equal("+PONG"))
		Expect([]string{one.next(), one.next(), one.next(), one.next(), one.next()}).
			To(Equal([]string{"+OK", ":2", "-ERR unknown command 'NOSUCH', with args beginning with: ", "$1", "2"}))
	})

	Describe("whose upstream takes its time", func() {
		BeforeEach(func() {
			limits.CommandTimeout = 3 * time.Second
			up := slow{keyspace.NewSealed(w.client("spec"), c), c}
			settings.Space = func(int) (*keyspace.Space, error) {
				return keyspace.New(keyspace.Config{Upstream: up, Clock: c}), nil
			}
		})

		It("counts the time of a command from when it could be read on", func() {
			l := connect()
			four := strings.Repeat("INCR a\r\nPING\r\n", 4) // one by one, since PING is in between
			answered := func(n int) {
				GinkgoHelper()
				for i := range 4 {
					Expect([]string{l.next(), l.next()}).To(Equal([]string{fmt.Sprint(":", n+i), "+PONG"}))
				}
			}
			l.send(four + "GET")
			answered(1)
			for i := range 3 {
				c.Add(2 * time.Second)
				l.send(" a\r\n" + four + "GET")
				Expect(l.next()).To(HavePrefix("$"))
				Expect(l.next()).To(Equal(fmt.Sprint(4*i + 4)))
				answered(4*i + 5)
			}
			before := srv.Stats().BytesReceived
			l.send(" ")
			Eventually(func() int64 { return srv.Stats().BytesReceived }).Should(Equal(before + 1))
			Expect(srv.Stats().FrameTimeouts).To(BeZero())
			Eventually(func() uint64 { c.Add(time.Second); return srv.Stats().FrameTimeouts }).Should(BeEquivalentTo(1))
			Expect(l.next()).To(Equal("-ERR request did not arrive whole within 3s"))
			l.ended()
		})
	})

	It("executes nothing of what a web page has a browser send", func() {
		for request, refused := range map[string]int{"POST / HTTP/1.1": 0, "PUT / HTTP/1.1": 1, "GET / HTTP/1.1": 1} {
			l := connect()
			l.send(request + "\r\nHost: localhost:6379\r\nContent-Length: 15\r\n\r\nSET planted 1\r\n")
			for range refused {
				Expect(l.next()).To(HavePrefix("-ERR"), request)
			}
			Expect(l.next()).To(Equal("-ERR Protocol error: an HTTP request"))
			l.ended()
		}
		l := connect()
		l.send("EXISTS planted\r\n")
		Expect(l.next()).To(Equal(":0"))
	})

	It("answers what has arrived whole when it is shut down, and ends behind it", func() {
		l := connect()
		l.send("PING\r\n")
		Expect(l.next()).To(Equal("+PONG"))
		l.send("SET a 1\r\nGET a\r\nSET b")
		done := make(chan error, 1)
		Eventually(func() int64 { return srv.Stats().BytesReceived }).Should(BeNumerically(">=", 6))
		go func() { done <- srv.Shutdown(context.Background()) }()
		Expect([]string{l.next(), l.next(), l.next()}).To(Equal([]string{"+OK", "$1", "1"}))
		l.ended()
		Expect(l.Close()).To(Succeed())
		Eventually(done).Should(Receive(BeNil()))
	})

	Context("with room for one connection", func() {
		BeforeEach(func() { limits.MaxConnections = 1 })

		It("tells the next one so, as Redis does", func() {
			one := connect()
			one.send("PING\r\n")
			Expect(one.next()).To(Equal("+PONG"))
			next := connect()
			Expect(next.next()).To(Equal("-ERR max number of clients reached"))
			next.ended()
			one.send("PING\r\n")
			Expect(one.next()).To(Equal("+PONG"))
		})
	})

	Context("with a password", func() {
		BeforeEach(func() { settings.Password = "open sesame" })

		It("does nothing before it has it", func() {
			l := connect()
			l.send("GET a\r\nAUTH wrong\r\nAUTH \"open sesame\"\r\nGET a\r\n")
			Expect(l.next()).To(Equal("-NOAUTH Authentication required."))
			Expect(l.next()).To(HavePrefix("-WRONGPASS "))
			Expect(l.next()).To(Equal("+OK"))
			Expect(l.next()).To(Equal("$-1"))
		})

		It("ends a connection that never gives it", func() {
			l := connect()
			l.send("PING\r\n")
			Expect(l.next()).To(Equal("-NOAUTH Authentication required."))
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_, _ = l.in.ReadByte()
			}()
			Eventually(func() bool {
				c.Add(time.Second)
				select {
				case <-ended:
					return true
				default:
					return false
				}
			}).Should(BeTrue())
			Expect(srv.Stats().AuthTimeouts).To(Equal(uint64(1)))
		})
	})

	Context("with touch slack", func() {
		BeforeEach(func() { settings.Commands.TouchSlack = 0.1 })

		It("lengthens a life only when that is due, and shortens it always", func() {
			l := connect()
			touch := func(command, answer, ttl string) (requests uint64) {
				GinkgoHelper()
				before := meter.Stats().Requests
				l.send(command + "\r\n")
				Expect(l.next()).To(Equal(answer))
				requests = meter.Stats().Requests - before
				l.send("TTL s\r\n")
				Expect(l.next()).To(Equal(ttl))
				return requests
			}
			touch("SET s 1 EX 3600", "+OK", ":3600")
			c.Add(300 * time.Second)
			Expect(touch("EXPIRE s 3600", ":1", ":3300")).To(BeEquivalentTo(1))
			c.Add(100 * time.Second)
			Expect(touch("EXPIRE s 3600", ":1", ":3600")).To(BeEquivalentTo(2))
			touch("EXPIRE s 3590", ":1", ":3590")
			touch("EXPIRE s 3600 NX", ":0", ":3590")
			touch("PERSIST s", ":1", ":-1")
			touch("EXPIRE s 3600", ":1", ":3600")
		})
	})

	Context("with a default TTL", func() {
		BeforeEach(func() { settings.Commands.DefaultTTL = time.Minute })

		It("keeps nothing for longer that was stored without a TTL, and changes do not prolong it", func() {
			l := connect()
			l.send("SET a 1\r\nTTL a\r\nSET b 1 EX 100\r\nTTL b\r\nINCR n\r\nTTL n\r\n")
			Expect([]string{l.next(), l.next(), l.next(), l.next(), l.next(), l.next()}).To(Equal([]string{"+OK", ":60", "+OK", ":100", ":1", ":60"}))
			c.Add(30 * time.Second)
			l.send("INCR n\r\nTTL n\r\nPERSIST n\r\nTTL n\r\n")
			Expect([]string{l.next(), l.next(), l.next(), l.next()}).To(Equal([]string{":2", ":30", ":1", ":60"}))
			c.Add(60 * time.Second)
			l.send("EXISTS a n\r\n")
			Expect(l.next()).To(Equal(":0"))
		})
	})

	It("counts commands by name, what it refused to whom, and why the upstream failed", func() {
		l := connect()
		l.send("CLIENT SETNAME cart\r\nSET a 1\r\nGET a\r\nGET a\r\nSELECT 99\r\nSUBSCRIBE x\r\nGET\r\n")
		for range 9 {
			l.next()
		}
		s := p.Stats()
		Expect(s.Commands).To(Equal(map[string]int64{"client": 1, "set": 1, "get": 2, "select": 1}))
		Expect(s.Refused).To(Equal([]proxy.Refused{{Client: "cart", Command: "get", Count: 1}, {Client: "cart", Command: "subscribe", Count: 1}}))
		Expect(s.Clients).To(Equal(1))
		Expect(meter.Stats().Requests).To(BeNumerically(">=", 3))

		stranger := w.client("spec", cryptomem.WithSecret([]byte("another secret of the same length!")[:32]))
		Expect(stranger.Set(context.Background(), "forged", []byte("x"))).To(Succeed())
		l.send("GET forged\r\n")
		Expect(l.next()).To(Equal("$-1"))
		Expect(meter.Stats().Failed).To(HaveKeyWithValue("not_authentic", uint64(1)))
		Expect(p.Stats().Failures).To(BeZero())

		Expect(w.client("spec").Set(context.Background(), "odd", []byte("\xc1CMh\x01"))).To(Succeed())
		l.send("GET odd\r\n")
		Expect(l.next()).To(HavePrefix("-ERR "))
		Expect(p.Stats().Failures).To(Equal(int64(1)))
	})

	// words sends one command and returns all that is answered.
	words := func(l line, text string) []string {
		GinkgoHelper()
		l.send(text + "\r\nPING end\r\n")
		var all []string
		for {
			if w := l.next(); w == "end" {
				return all[:len(all)-1] // but for its length
			} else if w[0] != '$' || w == "$3" {
				all = append(all, w)
			}
		}
	}

	It("lists names by pattern, all of them and no others", func() {
		l := connect()
		for i := range 250 {
			l.send("SET page:" + strconv.Itoa(i) + " 1\r\n")
			Expect(l.next()).To(Equal("+OK"))
		}
		l.send("HSET other f v\r\nDBSIZE\r\nSCAN x\r\n")
		Expect([]string{l.next(), l.next(), l.next()}).To(Equal([]string{":1", ":251", "-ERR invalid cursor"}))
		Expect(words(l, "KEYS page:1?")).To(HaveLen(1 + 10))
		Expect(words(l, "KEYS nothing*")).To(Equal([]string{"*0"}))
		found := make(map[string]bool)
		for cursor := "0"; ; {
			answer := words(l, "SCAN "+cursor+" MATCH page:* COUNT 40")
			for _, name := range answer[3:] {
				found[name] = true
			}
			if cursor = answer[1]; cursor == "0" {
				break
			}
		}
		Expect(found).To(HaveLen(250))
		l.send("FLUSHDB\r\nDBSIZE\r\n")
		Expect([]string{l.next(), l.next()}).To(Equal([]string{"+OK", ":0"}))
	})

	Context("where names are blind", func() {
		BeforeEach(func() {
			sealed := keyspace.NewSealed(w.client("spec", cryptomem.WithBlindNames()), c)
			settings.Space = func(int) (*keyspace.Space, error) {
				return keyspace.New(keyspace.Config{Upstream: sealed, Clock: c}), nil
			}
		})

		It("says that they cannot be listed", func() {
			l := connect()
			l.send("SET a 1\r\nSCAN 0\r\nKEYS *\r\nGET a\r\n")
			Expect(l.next()).To(Equal("+OK"))
			for range 2 {
				Expect(l.next()).To(HavePrefix("-ERR names are blind in this namespace"))
			}
			Expect([]string{l.next(), l.next()}).To(Equal([]string{"$1", "1"}))
		})

		Context("with empty scans", func() {
			BeforeEach(func() { settings.EmptyScans = true })

			It("answers as if there were none, for clients that lose step", func() {
				l := connect()
				l.send("SCAN 0\r\nKEYS *\r\nPING\r\n")
				Expect([]string{l.next(), l.next(), l.next(), l.next(), l.next(), l.next()}).To(Equal([]string{"*2", "$1", "0", "*0", "*0", "+PONG"}))
			})
		})
	})

	It("tells refusals apart up to a limit only", func() {
		l := connect()
		for i := range 300 {
			l.send("NO" + string(rune('A'+i/26)) + string(rune('A'+i%26)) + "\r\n")
			l.next()
		}
		refused := p.Stats().Refused
		Expect(refused).To(HaveLen(257))
		Expect(refused).To(ContainElement(proxy.Refused{Client: "other", Command: "other", Count: 300 - 256}))
	})
})
