package ring_test

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/ring"
)

const names = 100_000

func name(i int) []byte { return fmt.Appendf(nil, "user:%d", i) }

func named(servers ...string) []ring.Server {
	var all []ring.Server
	for _, s := range servers {
		all = append(all, ring.Server{Name: s})
	}
	return all
}

func newRing(servers []ring.Server) *ring.Ring {
	GinkgoHelper()
	r, err := ring.New(servers, ring.Failover{}, nil)
	Expect(err).NotTo(HaveOccurred())
	return r
}

// shares returns how many of the names belong to each server.
func shares(r *ring.Ring) []int {
	count := make([]int, len(r.Servers()))
	for i := range names {
		count[r.Home(name(i))]++
	}
	return count
}

var _ = Describe("A ring", func() {
	It("gives every server its share, to 2%", func() {
		for _, n := range shares(newRing(named("a:8080", "b:8080", "c:8080"))) {
			Expect(n).To(BeNumerically("~", names/3, names/3/50))
		}
	})

	It("gives shares by weight, to 2%", func() {
		got := shares(newRing([]ring.Server{{Name: "a"}, {Name: "b", Weight: 2}, {Name: "c", Weight: 0.5}}))
		for i, part := range []float64{1 / 3.5, 2 / 3.5, 0.5 / 3.5} {
			Expect(float64(got[i])).To(BeNumerically("~", part*names, part*names/50))
		}
	})

	It("moves a quarter of the names when a fourth server comes, and all of those to it", func() {
		three, four := newRing(named("a", "b", "c")), newRing(named("a", "b", "c", "d"))
		moved := 0
		for i := range names {
			if before, now := three.Home(name(i)), four.Home(name(i)); before != now {
				moved++
				Expect(now).To(Equal(3))
			}
		}
		Expect(moved).To(Equal(24_970), "of 100,000: docs/ring.md says so")
	})

	It("moves only from the others to a server that gets more weight", func() {
		before := newRing(named("a", "b", "c"))
		after := newRing([]ring.Server{{Name: "a"}, {Name: "b", Weight: 2}, {Name: "c"}})
		moved := 0
		for i := range names {
			if was, is := before.Home(name(i)), after.Home(name(i)); was != is {
				moved++
				Expect(is).To(Equal(1))
			}
		}
		Expect(moved).To(BeNumerically("~", names/2-names/3, names/300))
	})

	It("depends on the servers' names, and not on their order", func() {
		one, other := newRing(named("a", "b", "c")), newRing(named("c", "a", "b"))
		for i := range 1000 {
			Expect(one.Servers()[one.Home(name(i))]).To(Equal(other.Servers()[other.Home(name(i))]))
		}
	})

	It("is the same for every version and language", func() {
		r := newRing(named("a:8080", "b:8080", "c:8080"))
		weighted := newRing([]ring.Server{{Name: "a:8080"}, {Name: "b:8080", Weight: 3}, {Name: "c:8080"}})
		var homes, weights string
		for i := range 24 {
			homes += r.Servers()[r.Home(name(i))].Name[:1]
			weights += weighted.Servers()[weighted.Home(name(i))].Name[:1]
		}
		Expect(homes).To(Equal("acbaabaaaccbaccbaabcbbbb"))
		Expect(weights).To(Equal("bcbbabaaaccbabcbabbcbbbb"))
	})

	DescribeTable("is refused:", func(servers []ring.Server, f ring.Failover, why string) {
		_, err := ring.New(servers, f, nil)
		Expect(err).To(MatchError(ContainSubstring(why)))
	},
		Entry("without servers", nil, ring.Failover{}, "0 servers"),
		Entry("with too many", make([]ring.Server, 65), ring.Failover{}, "65 servers do not make a ring, limits 1 and 64"),
		Entry("with a name twice", named("a", "b", "a"), ring.Failover{}, `two servers of a ring are named "a"`),
		Entry("without a name", named("a", ""), ring.Failover{}, "no name"),
		Entry("with a negative weight", []ring.Server{{Name: "a", Weight: -1}}, ring.Failover{}, `server "a": weight -1 is not positive`),
		Entry("with a pause and no TTL", named("a"), ring.Failover{Pause: time.Second}, "must be positive"),
	)
})

const (
	pause   = 2 * time.Second
	standIn = time.Minute
)

// A history is a ring of a, b and c, and its time.
type history struct {
	*ring.Ring
	now time.Time
}

func newHistory() *history {
	GinkgoHelper()
	h := &history{now: time.Unix(0, 0)}
	var err error
	h.Ring, err = ring.New(named("a", "b", "c"), ring.Failover{Pause: pause, StandIn: standIn}, func() time.Time { return h.now })
	Expect(err).NotTo(HaveOccurred())
	return h.after(standIn + pause)
}

func (h *history) after(d time.Duration) *history { h.now = h.now.Add(d); return h }

// gone lets a server be silent until it is away.
func (h *history) gone(server int) *history {
	GinkgoHelper()
	h.Failed(server)
	h.after(pause).Failed(server)
	Expect(h.State(server)).To(Equal(ring.Away))
	return h
}

// place returns where a name goes that belongs to the server.
func (h *history) place(server int) int {
	GinkgoHelper()
	for i := range names {
		if h.Home(name(i)) == server {
			at, home := h.Place(name(i))
			Expect(home).To(Equal(at == server))
			return at
		}
	}
	Fail("no name belongs to the server")
	return 0
}

var _ = Describe("A server of a ring with failover", func() {
	It("is away once it was silent for the pause, and its names alone go to others", func() {
		h := newHistory()
		h.Failed(0)
		Expect(h.place(0)).To(Equal(0), "it is still asked")
		Expect(h.after(pause/4 - 1).place(0)).To(Equal(0))
		Expect(h.after(1).place(0)).To(Equal(-1), "others may have a stand-in by the time it answers")
		h.after(pause - pause/4 - 1).Failed(0)
		Expect(h.State(0)).To(Equal(ring.Doubted))
		h.after(1).Failed(0)
		Expect(h.place(0)).To(BeElementOf(1, 2))
		Expect(h.place(1)).To(Equal(1))
		Expect(h.place(2)).To(Equal(2))
	})

	It("sends each of its names to the next by score, which all others share", func() {
		h := newHistory().gone(0)
		two := newRing(named("b", "c"))
		count := make([]int, 3)
		for i := range names {
			at, home := h.Place(name(i))
			if h.Home(name(i)) == 0 {
				Expect(home).To(BeFalse())
				Expect(at).To(Equal(two.Home(name(i)) + 1))
				count[at]++
			}
		}
		Expect(count[1]).To(BeNumerically("~", count[2], names/100))
	})

	It("was never away if it answers within half the pause", func() {
		h := newHistory()
		h.Failed(0)
		h.after(pause/2 - 1).Answered(0)
		Expect(h.State(0)).To(Equal(ring.Up))
		h.after(pause).Failed(0)
		Expect(h.State(0)).To(Equal(ring.Doubted))
	})

	It("is not away while it refuses: others may use it", func() {
		h := newHistory()
		h.Refused(0)
		Expect(h.place(0)).To(Equal(0))
		h.after(standIn).Refused(0)
		Expect(h.place(0)).To(Equal(-1))
		h.after(pause - 1).Failed(0)
		Expect(h.State(0)).To(Equal(ring.Doubted))
		h.after(1).Failed(0)
		Expect(h.State(0)).To(Equal(ring.Away))
	})

	It("is back when it refuses, since others may use it again", func() {
		h := newHistory().gone(0)
		h.Refused(0)
		Expect(h.State(0)).To(Equal(ring.Back))
		h.Failed(0)
		Expect(h.State(0)).To(Equal(ring.Lost))
		h.Refused(0)
		Expect(h.State(0)).To(Equal(ring.Back))
		h.Failed(0)
		h.after(standIn + pause - 1).Failed(0)
		Expect(h.State(0)).To(Equal(ring.Lost), "until what its stand-ins hold is over")
		h.after(1).Failed(0)
		Expect(h.State(0)).To(Equal(ring.Away))
	})

	It("has to be emptied if it answers later: others may have noticed earlier, and used a stand-in", func() {
		h := newHistory()
		h.Failed(0)
		h.after(pause / 2).Answered(0)
		Expect(h.State(0)).To(Equal(ring.Back))
	})

	It("is not believed until it answered for the pause and what it held is removed", func() {
		h := newHistory().gone(0)
		h.after(time.Hour).Answered(0)
		Expect(h.place(0)).To(Equal(-1), "neither it nor a stand-in: others may use either")
		Expect(h.after(pause - 1).Due(0)).To(BeFalse())
		Expect(h.after(1).Due(0)).To(BeTrue())
		Expect(h.place(0)).To(Equal(-1), "it is not emptied yet")
		h.Believe(0)
		Expect(h.place(0)).To(Equal(0))
		Expect(h.Due(0)).To(BeFalse())
	})

	It("is away again only when what its stand-ins hold is over", func() {
		h := newHistory().gone(0)
		h.Answered(0)
		h.after(pause).Believe(0)
		h.after(time.Second).Failed(0)
		h.after(standIn - time.Second - 1).Failed(0)
		Expect(h.place(0)).To(Equal(-1))
		h.after(1).Failed(0)
		Expect(h.place(0)).To(BeElementOf(1, 2))
	})

	It("that is lost before it is believed has to come back, and be emptied, all the same", func() {
		h := newHistory().gone(0)
		h.Answered(0)
		h.after(pause / 2).Failed(0)
		h.Believe(0)
		Expect(h.place(0)).To(Equal(-1))
		h.after(pause / 2).Answered(0)
		Expect(h.Due(0)).To(BeFalse(), "the pause begins anew")
		Expect(h.place(0)).To(Equal(-1))
		h.after(standIn).Failed(0)
		h.after(pause).Failed(0)
		Expect(h.State(0)).To(Equal(ring.Away))
	})

	It("has a stand-in for its stand-in", func() {
		h := newHistory().gone(0).gone(1)
		Expect(h.place(0)).To(Equal(2))
		Expect(h.place(1)).To(Equal(2))
		h.gone(2)
		Expect(h.place(2)).To(Equal(-1))
	})

	It("is not away for who has just begun: what stand-ins hold may be of an earlier absence", func() {
		h := newHistory().after(-standIn - pause)
		h.Failed(0)
		h.after(standIn + pause - 1).Failed(0)
		Expect(h.State(0)).To(Equal(ring.Doubted))
		h.after(1).Failed(0)
		Expect(h.State(0)).To(Equal(ring.Away))
	})

	It("that nobody has looked after for longer than the pause may be in use again: its names go nowhere", func() {
		h := newHistory().gone(0)
		Expect(h.after(pause).place(0)).To(BeElementOf(1, 2))
		Expect(h.after(1).place(0)).To(Equal(-1))
		h.Failed(0)
		Expect(h.place(0)).To(BeElementOf(1, 2))
	})

	It("never is away where nobody is to stand in", func() {
		r := newRing(named("a", "b"))
		for range 100 {
			r.Failed(0)
		}
		Expect(r.State(0)).To(Equal(ring.Up))
	})
})

func BenchmarkPlace(b *testing.B) {
	for _, n := range []int{3, 16, 64} {
		var servers []ring.Server
		for i := range n {
			servers = append(servers, ring.Server{Name: fmt.Sprint("server", i)})
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r, _ := ring.New(servers, ring.Failover{}, nil)
			key := []byte("sessions:0123456789abcdef")
			b.ReportAllocs()
			for b.Loop() {
				r.Place(key)
			}
		})
	}
}
