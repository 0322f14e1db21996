package session_test

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// recorder answers every request OK with what it was asked.
type recorder struct{ requests []string }

func (r *recorder) Handle(now int64, dst []byte, q *wire.Request) []byte {
	line := fmt.Sprintf("%d %s %q %q %d", now, q.Command, q.Key, q.Value, q.TTL)
	r.requests = append(r.requests, line)
	return wire.AppendResponse(dst, wire.OK, q.Value)
}

// receive feeds input in pieces of at most size bytes and returns everything
// that the session answers.
func receive(s *session.Session, input []byte, size int) (answers []byte, err error) {
	for {
		err = s.Execute(1)
		pending := s.Pending()
		if len(pending) > 0 {
			for _, b := range pending {
				answers = append(answers, b...)
			}
			s.Sent(pendingSize(pending))
			continue
		}
		if err != nil || len(input) == 0 {
			return answers, err
		}
		n := copy(s.Buffer(), input[:min(size, len(input))])
		s.Received(n)
		input = input[n:]
	}
}

func pendingSize(pending [][]byte) (n int) {
	for _, b := range pending {
		n += len(b)
	}
	return n
}

func frame(c wire.Command, ttl int64, key, value string) []byte {
	b, err := wire.AppendRequest(nil, &wire.Request{Command: c, TTL: time.Duration(ttl), Key: []byte(key), Value: []byte(value)})
	Expect(err).NotTo(HaveOccurred())
	return b
}

var _ = Describe("a session", func() {
	It("answers in the order of the requests, whatever the pieces they arrive in", func() {
		input := bytes.Join([][]byte{
			frame(wire.Set, 0, "k", "value"), frame(wire.Get, 0, "k", ""), frame(wire.Ping, 0, "", "hi"),
			frame(99, 0, "k", "v"), frame(wire.Get, 0, "", ""), frame(wire.Delete, 0, "k", ""),
		}, nil)
		want, err := receive(session.New(&recorder{}, session.Limits{}), input, len(input))
		Expect(err).NotTo(HaveOccurred())
		Expect(string(want)).To(ContainSubstring("command 99 is unknown"))
		for size := 1; size < len(input); size++ {
			got, err := receive(session.New(&recorder{}, session.Limits{}), input, size)
			Expect(err).NotTo(HaveOccurred())
			Expect(got).To(Equal(want), "pieces of %d bytes", size)
		}
	})

	It("moves the beginning of a request to the front only once half of its buffer is used up", func() {
		s := session.New(&recorder{}, session.Limits{})
		room := len(s.Buffer())
		ping := func(size int) []byte { return frame(wire.Ping, 0, "", string(make([]byte, size))) }
		whole, second := ping(room/4), ping(room/4)
		receive := func(b []byte) {
			GinkgoHelper()
			Expect(copy(s.Buffer(), b)).To(Equal(len(b)))
			s.Received(len(b))
			Expect(s.Execute(1)).To(Succeed())
			s.Sent(s.Unsent())
		}
		receive(append(whole, second[:5]...))
		Expect(s.Buffer()).To(HaveLen(room-len(whole)-5), "there is room enough: what has begun stays where it is")
		receive(append(second[5:], whole[:5]...))
		Expect(s.Buffer()).To(HaveLen(room - 5))
	})

	It("drops a value over the limit without buffering it and stays in step", func() {
		handler := &recorder{}
		s := session.New(handler, session.Limits{MaxValueSize: 10})
		input := append(frame(wire.Set, 0, "k", string(make([]byte, 1<<20))), frame(wire.Ping, 0, "", "after")...)
		got, err := receive(s, input, 1<<20)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(got)).To(ContainSubstring("value is 1048576 bytes, limit 10"))
		Expect(string(got)).To(HaveSuffix("after"))
		Expect(handler.requests).To(HaveLen(1))
	})

	It("goes on at once behind a request that it refused", func() {
		s := session.New(&recorder{}, session.Limits{MaxValueSize: 10})
		s.Received(copy(s.Buffer(), slices.Concat(frame(wire.Set, 0, "k", "12345678901"), frame(wire.Ping, 0, "", "after"))))
		Expect(s.Execute(1)).To(Succeed())
		pending := s.Pending()
		Expect(pending).To(HaveLen(1))
		Expect(string(pending[0])).To(And(ContainSubstring("value is 11 bytes, limit 10"), HaveSuffix("after")))
	})

	It("fails on the first byte that no frame has", func() {
		s := session.New(&recorder{}, session.Limits{})
		got, err := receive(s, []byte("G"), 1)
		Expect(err).To(MatchError(wire.ErrFraming))
		Expect(string(got)).To(ContainSubstring("bad magic"))
	})

	It("takes a value larger than its buffers", func() {
		value := bytes.Repeat([]byte("0123456789abcdef"), 1<<14)
		got, err := receive(session.New(&recorder{}, session.Limits{}), frame(wire.Set, 0, "k", string(value)), 1000)
		Expect(err).NotTo(HaveOccurred())
		Expect(got[wire.ResponseHeaderSize:]).To(Equal(value))
	})

	It("goes on where it was when it gave its buffer back", func() {
		handler := &recorder{}
		s := session.New(handler, session.Limits{})
		for _, b := range bytes.Repeat(frame(wire.Set, 0, "key", "value"), 3) {
			s.Buffer()[0] = b
			s.Received(1)
			Expect(s.Execute(1)).To(Succeed())
			s.Release()
			Expect(s.Execute(1)).To(Succeed())
		}
		Expect(handler.requests).To(HaveLen(3))
	})

	It("pauses after a request that may take long, so that sending shows whether the client is still there", func() {
		r := &recorder{}
		s := session.New(r, session.Limits{})
		queue := bytes.Repeat(frame(wire.Flush, 0, "p", ""), 3)
		s.Received(copy(s.Buffer(), append(queue, frame(wire.Ping, 0, "", "")...)))
		for executed := range 3 {
			Expect(s.Execute(1)).To(Succeed())
			Expect(r.requests).To(HaveLen(executed + 1))
			s.Sent(pendingSize(s.Pending()))
		}
		Expect(s.Execute(1)).To(Succeed())
		Expect(r.requests).To(HaveLen(4))
	})

	It("pauses at the high-water mark until its answers are sent", func() {
		s := session.New(&recorder{}, session.Limits{HighWater: 100})
		input := bytes.Repeat(frame(wire.Ping, 0, "", "0123456789"), 100)
		s.Received(copy(s.Buffer(), input))
		Expect(s.Execute(1)).To(Succeed())
		Expect(pendingSize(s.Pending())).To(And(BeNumerically(">=", 100), BeNumerically("<", 200)))
	})

	It("charges all that answers take beyond a block, until they are sent", func() {
		memory := session.NewBudget(1 << 20)
		s := session.New(grower(300_000), session.Limits{Memory: memory})
		s.Received(copy(s.Buffer(), frame(wire.Stats, 0, "", "")))
		Expect(s.Execute(1)).To(Succeed())
		Expect(s.Unsent()).To(BeNumerically(">", 300_000))
		Expect(memory.Used()).To(BeNumerically("~", 350_000, 51_000))
		s.Sent(s.Unsent())
		Expect(memory.Used()).To(BeZero())
	})

	It("is busy rather than hold an answer that there is no memory for", func() {
		memory := session.NewBudget(100_000)
		s := session.New(grower(300_000), session.Limits{Memory: memory})
		got, err := receive(s, append(frame(wire.Get, 0, "k", ""), frame(wire.Stats, 0, "", "")...), 100)
		Expect(err).NotTo(HaveOccurred())
		for range 2 {
			r, n, err := wire.ParseResponse(got)
			Expect(err).NotTo(HaveOccurred())
			Expect(string(r.Value)).To(HavePrefix("busy: "))
			got = got[n:]
		}
		Expect(got).To(BeEmpty())
		Expect(memory.Used()).To(BeZero())
	})

	It("serves another connection once it is idle, with that one's handler", func() {
		first, second := new(recorder), new(recorder)
		s := session.New(first, session.Limits{})
		Expect(s.Idle()).To(BeTrue())

		request := frame(wire.Ping, 0, "", "whole")
		s.Received(copy(s.Buffer(), request[:5]))
		Expect(s.Execute(1)).To(Succeed())
		s.Release()
		Expect(s.Idle()).To(BeFalse(), "part of a request has arrived")
		s.Received(copy(s.Buffer(), request[5:]))
		Expect(s.Execute(1)).To(Succeed())
		s.Release()
		Expect(s.Idle()).To(BeFalse(), "the answer is not sent")
		s.Sent(s.Unsent())
		Expect(s.Idle()).To(BeTrue())

		s.Reuse(second, nil)
		Expect(receive(s, frame(wire.Ping, 0, "", "again"), 1<<10)).To(Equal(wire.AppendResponse(nil, wire.OK, []byte("again"))))
		Expect(first.requests).To(HaveLen(1))
		Expect(second.requests).To(HaveLen(1))

		_, err := receive(s, []byte("GET / HTTP/1.1"), 1<<10)
		Expect(err).To(MatchError(wire.ErrFraming))
		s.Release()
		Expect(s.Idle()).To(BeFalse(), "it has failed")
	})
})

// grower answers every request with so many bytes.
type grower int

func (g grower) Handle(_ int64, dst []byte, _ *wire.Request) []byte {
	return wire.AppendResponse(dst, wire.OK, make([]byte, g))
}

var _ = Describe("The limits of a session", func() {
	It("are those of its documentation", func() {
		Expect([]int{session.DefaultMaxValueSize, session.DefaultHighWater, session.MaxPrefetch}).To(Equal([]int{1 << 20, 32 << 10, 16}))
	})
})
