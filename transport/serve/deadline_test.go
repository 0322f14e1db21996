package serve

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/session"
)

// interruptible is a connection that notes whether it was interrupted.
type interruptible struct {
	net.Conn
	interrupted atomic.Bool
}

func (i *interruptible) SetDeadline(time.Time) error { i.interrupted.Store(true); return nil }
func (i *interruptible) RemoteAddr() net.Addr        { return &net.UnixAddr{} }
func (i *interruptible) Close() error                { return nil }

// watched returns a server and n connections of it without goroutines.
func watched(clk clock.Clock, n int) (*Server, []*serverConn) {
	s := NewServer(ServerConfig{NewHandler: func(net.Conn) session.Handler { return nil }, Clock: clk})
	conns := make([]*serverConn, n)
	for i := range conns {
		conns[i] = s.enter(new(interruptible))
	}
	return s, conns
}

var _ = Describe("the watchdog over deadlines", func() {
	It("interrupts each connection at its own, however often that moved, and no other", func() {
		for seed := range uint64(4) {
			random := rand.New(rand.NewPCG(seed, 1))
			clk := clock.NewMock()
			s, conns := watched(clk, 50)
			at := make([]int64, len(conns)) // 0: none
			over := make([]bool, len(conns))
			for range 100 {
				for range random.IntN(10) {
					i := random.IntN(len(conns))
					if conns[i] == nil || over[i] {
						continue
					}
					switch random.IntN(10) {
					case 0:
						at[i] = 0
					case 1:
						s.leave(conns[i])
						at[i], conns[i] = 0, nil
						continue
					default:
						at[i] = s.config.Now() + 1 + random.Int64N(50)
					}
					Expect(s.watchdog.set(conns[i], at[i])).To(BeTrue())
				}
				clk.Add(time.Duration(1 + random.IntN(5)))
				for i, c := range conns {
					if c == nil || over[i] {
						continue
					}
					if over[i] = at[i] != 0 && at[i] <= s.config.Now(); over[i] {
						Eventually(c.Conn.(*interruptible).interrupted.Load).Should(BeTrue(), "seed %d", seed)
						Expect(s.watchdog.set(c, 0)).To(BeFalse(), "it is being cut")
						continue
					}
					Expect(c.Conn.(*interruptible).interrupted.Load()).To(BeFalse(), "seed %d", seed)
				}
			}
			s.watchdog.stop()
		}
	})

	It("leaves a connection alone if its deadline has moved meanwhile", func() {
		clk := clock.NewMock()
		s, conns := watched(clk, 1)
		at := s.config.Now() + 1
		Expect(s.watchdog.set(conns[0], at)).To(BeTrue())
		Expect(s.watchdog.set(conns[0], 0)).To(BeTrue())
		clk.Add(1)
		s.watchdog.look()
		Expect(s.watchdog.set(conns[0], at+1)).To(BeTrue(), "it is not being cut")
		Expect(conns[0].Conn.(*interruptible).interrupted.Load()).To(BeFalse())
	})

	It("ends with its server", func() {
		s, conns := watched(clock.NewMock(), 1)
		Expect(s.watchdog.set(conns[0], s.config.Now()+1)).To(BeTrue())
		s.leave(conns[0])
		Expect(s.watchdog.stopped).To(BeFalse())
		Expect(s.Close()).To(Succeed())
		Expect(s.watchdog.stopped).To(BeTrue())
	})

	It("knows every instant but 0, from the first of the clock on", func() {
		clk := clock.NewMock()
		s, conns := watched(clk, 1)
		Expect(s.watchdog.set(conns[0], 1)).To(BeTrue())
		clk.Add(1)
		Eventually(conns[0].Conn.(*interruptible).interrupted.Load).Should(BeTrue())
	})
})

// BenchmarkDeadlines is what it costs that a deadline passes while other
// connections wait for theirs.
func BenchmarkDeadlines(b *testing.B) {
	for _, others := range []int{100, 10_000} {
		b.Run(fmt.Sprint(others, " others"), func(b *testing.B) {
			s, conns := watched(clock.NewMock(), others+1)
			for _, c := range conns[1:] {
				s.watchdog.set(c, 1<<40)
			}
			for b.Loop() {
				conns[0].deadline.at.Store(0)
				s.watchdog.armed = 1 // so that no timer is wanted
				s.watchdog.set(conns[0], 1)
				s.watchdog.look()
			}
		})
	}
}
