package session_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// member answers every request; from AUTH on it has an identity.
type member struct {
	recorder
	share *session.Share
	known bool
}

func (m *member) Handle(now int64, dst []byte, r *wire.Request) []byte {
	m.known = m.known || r.Command == wire.Auth
	return m.recorder.Handle(now, dst, r)
}

func (m *member) Share() *session.Share {
	if !m.known {
		return nil
	}
	return m.share
}

var _ = Describe("what a session keeps for its peer", func() {
	var memory *session.Budget
	BeforeEach(func() {
		memory = session.NewBudget(1 << 20)
		DeferCleanup(func() { Expect(memory.Used()).To(BeZero(), "all is given back") })
	})
	start := func(h session.Handler, peer *session.Share) *session.Session {
		s := session.New(h, session.Limits{Memory: memory, Peer: peer})
		DeferCleanup(s.Close)
		return s
	}
	// half sends the first n bytes of a SET of 100 KB and waits for more.
	half := func(s *session.Session, n int) {
		GinkgoHelper()
		for input := frame(wire.Set, 0, "k", strings.Repeat("v", 100_000))[:n]; len(input) > 0; {
			n := copy(s.Buffer(), input)
			s.Received(n)
			Expect(s.Execute(1)).To(Succeed())
			input = input[n:]
		}
		s.Release()
	}

	DescribeTable("is charged while it waits for the rest of a request: it sent", func(sent, most int) {
		s := start(&recorder{}, nil)
		half(s, sent)
		Expect(memory.Used()).To(And(BeNumerically(">=", sent), BeNumerically("<=", most)))
		s.Buffer()
		s.Release()
		Expect(memory.Used()).To(And(BeNumerically(">=", sent), BeNumerically("<=", most)), "again and again")
		s.Close()
		Expect(memory.Used()).To(BeZero())
	},
		Entry("a header and two bytes", 19, 19),
		Entry("a kilobyte", 1<<10, 1<<10),
		Entry("a little more, for which it keeps a small block", 1<<10+1, 20<<10),
		Entry("more than that, for which it keeps a large one", 50_000, 64<<10),
		Entry("nearly all", 100_000, 128<<10),
	)

	It("costs nothing once the request is whole", func() {
		s := start(&recorder{}, nil)
		whole := frame(wire.Set, 0, "k", strings.Repeat("v", 5000))
		s.Received(copy(s.Buffer(), whole[:2000]))
		Expect(s.Execute(1)).To(Succeed())
		s.Release()
		Expect(memory.Used()).To(BeNumerically(">=", 2000))
		_, err := receive(s, whole[2000:], 1<<20)
		Expect(err).NotTo(HaveOccurred())
		s.Release()
		Expect(memory.Used()).To(BeZero())
	})

	It("is refused when memory is used up, and the connection goes on", func() {
		memory.SetLimit(100)
		r := &recorder{}
		s := start(r, nil)
		whole := frame(wire.Set, 0, "k", strings.Repeat("v", 5000))
		s.Received(copy(s.Buffer(), whole[:2000]))
		Expect(s.Execute(1)).To(Succeed())
		s.Release()
		Expect(memory.Used()).To(BeZero())
		got, err := receive(s, append(whole[2000:], frame(wire.Ping, 0, "", "x")...), 1<<20)
		Expect(err).NotTo(HaveOccurred())
		answer, n, err := wire.ParseResponse(got)
		Expect(err).NotTo(HaveOccurred())
		Expect(answer.Status).To(Equal(wire.Error))
		Expect(string(answer.Value)).To(HavePrefix("busy: "))
		Expect(got[n:]).To(Equal(wire.AppendResponse(nil, wire.OK, []byte("x"))))
		Expect(r.requests).To(HaveLen(1))
	})

	It("is charged while answers wait for their reader", func() {
		s := start(&recorder{}, nil)
		s.Received(copy(s.Buffer(), frame(wire.Ping, 0, "", "x")))
		Expect(s.Execute(1)).To(Succeed())
		Expect(memory.Used()).To(BeZero())
		Expect(s.Hold()).To(BeTrue())
		Expect(memory.Used()).To(BeEquivalentTo(84 << 10))
		Expect(s.Hold()).To(BeTrue())
		Expect(memory.Used()).To(BeEquivalentTo(84<<10), "once")
		s.Sent(s.Unsent())
		s.Release()
		Expect(memory.Used()).To(BeZero())
	})

	It("may not wait for its reader when memory is used up, unless it is very small", func() {
		memory.SetLimit(100)
		long, short := start(&recorder{}, nil), start(&recorder{}, nil)
		long.Received(copy(long.Buffer(), frame(wire.Ping, 0, "", strings.Repeat("x", 2000))))
		Expect(long.Execute(1)).To(Succeed())
		Expect(long.Hold()).To(BeFalse())
		Expect(memory.Used()).To(BeZero())

		short.Received(copy(short.Buffer(), frame(wire.Ping, 0, "", "x")))
		Expect(short.Execute(1)).To(Succeed())
		short.Sent(3)
		Expect(short.Hold()).To(BeTrue())
		Expect(memory.Used()).To(BeEquivalentTo(5))
		Expect(short.Pending()).To(HaveLen(1))
		Expect(short.Pending()[0]).To(Equal(wire.AppendResponse(nil, wire.OK, []byte("x"))[3:]))
		short.Sent(5)
		Expect(memory.Used()).To(BeZero())
		got, err := receive(short, frame(wire.Ping, 0, "", "y"), 100)
		Expect(err).NotTo(HaveOccurred())
		Expect(got).To(Equal(wire.AppendResponse(nil, wire.OK, []byte("y"))))
	})

	It("is at most three quarters of all memory for one peer, over all its sessions", func() {
		memory.SetLimit(80_000)
		var peer, other session.Share
		var sessions []*session.Session
		for range 4 {
			s := start(&recorder{}, &peer)
			half(s, 2000)
			sessions = append(sessions, s)
		}
		Expect(peer.Used()).To(BeNumerically("<=", 60_000))
		Expect(peer.Used()).To(BeNumerically(">=", 40_000))
		half(start(&recorder{}, &other), 2000)
		Expect(other.Used()).To(BeEquivalentTo(20<<10), "there is room for others")
		for _, s := range sessions {
			s.Close()
		}
		Expect(peer.Used()).To(BeZero())
	})

	It("counts for the identity of the peer, from any address", func() {
		var here, there, alice session.Share
		first := start(&member{share: &alice}, &here)
		second := start(&member{share: &alice}, &there)
		for _, s := range []*session.Session{first, second} {
			_, err := receive(s, frame(wire.Auth, 0, "alice", "token"), 1<<20)
			Expect(err).NotTo(HaveOccurred())
			half(s, 2000)
		}
		Expect(here.Used()).To(BeEquivalentTo(20 << 10))
		Expect(there.Used()).To(BeEquivalentTo(20 << 10))
		Expect(alice.Used()).To(BeEquivalentTo(40 << 10))
		Expect(memory.Used()).To(BeEquivalentTo(40 << 10))
		first.Close()
		Expect(alice.Used()).To(BeEquivalentTo(20 << 10))
	})

	It("goes over to the identity that its peer shows to be while it is held", func() {
		var here, alice session.Share
		s := start(&member{share: &alice}, &here)
		s.Received(copy(s.Buffer(), frame(wire.Ping, 0, "", "x")))
		Expect(s.Execute(1)).To(Succeed())
		Expect(s.Hold()).To(BeTrue())
		login := frame(wire.Auth, 0, "alice", strings.Repeat("t", 5000))
		for _, part := range [][]byte{login[:2000], login[2000:]} {
			s.Received(copy(s.Buffer(), part))
			Expect(s.Execute(1)).To(Succeed())
			s.Release()
			Expect(here.Used()).To(BeEquivalentTo(memory.Used()))
		}
		Expect(alice.Used()).To(And(BeNumerically(">", 0), BeEquivalentTo(memory.Used())))
		s.Sent(s.Unsent())
		s.Release()
		Expect([]int64{alice.Used(), here.Used()}).To(Equal([]int64{0, 0}))
	})
})
