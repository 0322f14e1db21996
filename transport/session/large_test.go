package session_test

import (
	"bytes"
	"net"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// warehouse receives values into pieces of its own; those under "full/" it refuses
// once they are there.
type warehouse struct {
	recorder
	// ended says that the next request was the last.
	ended bool
	// open is how many values are on their way.
	open   int
	stored map[string]string
}

func (w *warehouse) Ended() bool { return w.ended }

func (w *warehouse) HandleLarge(now int64, dst []byte, r *wire.Request, _ func(int) bool) ([]byte, session.Reference) {
	return w.Handle(now, dst, r), nil
}

func (w *warehouse) BeginUpload(_ int64, r *wire.Request, size int) (session.Upload, error) {
	w.open++
	return &delivery{to: w, key: string(r.Key), value: make([]byte, size)}, nil
}

type delivery struct {
	to    *warehouse
	key   string
	value []byte
	n     int
}

func (d *delivery) Buffer() ([]byte, error) { return d.value[d.n:min(d.n+10_000, len(d.value))], nil }
func (d *delivery) Advance(n int)           { d.n += n }
func (d *delivery) Release()                { d.to.open-- }

func (d *delivery) Finish(_ int64, dst []byte) []byte {
	if strings.HasPrefix(d.key, "full/") {
		return wire.AppendResponse(dst, wire.Busy, nil)
	}
	d.to.stored[d.key] = string(d.value)
	return wire.AppendResponse(dst, wire.OK, []byte("stored"))
}

var _ session.LargeHandler = (*warehouse)(nil)

var _ = Describe("a large value", func() {
	const size = 100_000

	var (
		handler *warehouse
		meter   *session.Meter
		s       *session.Session
		now     int64
	)
	value := strings.Repeat("0123456789", size/10)
	ping, set := frame(wire.Ping, 0, "", "hi"), frame(wire.Set, 0, "k", value)

	BeforeEach(func() {
		handler, meter = &warehouse{stored: map[string]string{}}, session.NewMeter(false)
		memory := session.NewBudget(1 << 20)
		s, now = session.New(handler, session.Limits{Meter: meter, Memory: memory}), 1
		DeferCleanup(func() {
			Expect(handler.open).To(BeZero(), "each is released once")
			s.Close()
			Expect(memory.Used()).To(BeZero())
		})
	})

	// arrives has those bytes arrive and be executed, and returns what is answered, which
	// is not sent yet.
	arrives := func(input []byte) (pieces net.Buffers, err error) {
		for len(input) > 0 && err == nil {
			n := copy(s.Buffer(), input)
			s.Received(n)
			input = input[n:]
			err = s.Execute(now)
		}
		return s.Pending(), err
	}

	It("goes into its handler's memory, and is answered behind what came before it", func() {
		answers, err := arrives(slices.Concat(ping, set))
		Expect(err).NotTo(HaveOccurred())
		Expect(string(answers[0])).To(Equal(string(wire.AppendResponse(wire.AppendResponse(nil, wire.OK, []byte("hi")), wire.OK, []byte("stored")))))
		Expect(handler.stored).To(HaveKeyWithValue("k", value))
		Expect(handler.requests).To(HaveLen(1), "only PING is handled as usual")
	})

	It("is counted once it is there: its command, how it went, and the bytes of both frames", func() {
		answers, err := arrives(slices.Concat(ping, set))
		Expect(err).NotTo(HaveOccurred())
		s.Sent(len(answers[0]))
		_, err = arrives(frame(wire.Set, 0, "full/k", value))
		Expect(err).NotTo(HaveOccurred())
		s.Measure(1, 2)
		st := meter.Stats(2)
		Expect(st.Requests).To(ConsistOf(
			session.RequestCount{Command: "PING", Status: "ok", Count: 1},
			session.RequestCount{Command: "SET", Status: "ok", Count: 1},
			session.RequestCount{Command: "SET", Status: "busy", Count: 1},
		))
		Expect(st.Largest).To(HaveLen(1))
		Expect(st.Largest[0].Largest).To(BeEquivalentTo(wire.RequestHeaderSize + len("k") + size + wire.ResponseHeaderSize + len("stored")))
	})

	It("has begun until its last byte is there, and no longer", func() {
		_, err := arrives(set[:len(set)-1])
		Expect(err).NotTo(HaveOccurred())
		_, begun := s.Begun()
		Expect(begun).To(BeTrue())
		now = 7
		_, err = arrives(append(bytes.Clone(set[len(set)-1:]), ping[:5]...))
		Expect(err).NotTo(HaveOccurred())
		since, begun := s.Begun()
		Expect(begun).To(BeTrue(), "the next request has")
		Expect(since).To(BeEquivalentTo(7))
	})

	It("may be the last of its connection", func() {
		handler.ended = true
		answers, err := arrives(slices.Concat(set, ping))
		Expect(err).To(MatchError(session.ErrEnded))
		Expect(string(answers[0])).To(HaveSuffix("stored"))
		Expect(handler.requests).To(BeEmpty(), "what came after it is dropped")
	})
})
