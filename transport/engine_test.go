package transport_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport"
)

// feed gives the engine received bytes, at most step at a time.
func feed(e *transport.Engine, now int64, step int, b []byte) error {
	for len(b) > 0 {
		n := copy(e.Buffer(), b[:min(step, len(b))])
		b = b[n:]
		if err := e.Received(n, now); err != nil {
			return err
		}
	}
	return nil
}

func get(key string) *transport.Call {
	return &transport.Call{Request: transport.Request{Command: transport.Get, Key: []byte(key)}}
}

func set(key, value string) *transport.Call {
	return &transport.Call{Request: transport.Request{Command: transport.Set, Key: []byte(key), Value: []byte(value)}}
}

func answer(s transport.Status, value string) []byte {
	return transport.AppendResponse(nil, s, []byte(value))
}

var _ = Describe("Engine", func() {
	var engine *transport.Engine

	BeforeEach(func() { engine = transport.NewEngine(transport.EngineLimits{}) })

	submit := func(calls ...*transport.Call) {
		GinkgoHelper()
		for _, c := range calls {
			Expect(engine.Submit(0, c)).To(Succeed())
		}
	}

	It("puts requests on the wire in the order of their submission", func() {
		submit(set("a", "1"), get("b"))
		first, n, err := transport.ParseRequest(engine.Outgoing())
		Expect(err).NotTo(HaveOccurred())
		Expect(first).To(Equal(transport.Request{Command: transport.Set, Key: []byte("a"), Value: []byte("1")}))
		second, _, err := transport.ParseRequest(engine.Outgoing()[n:])
		Expect(err).NotTo(HaveOccurred())
		Expect(second.Key).To(Equal([]byte("b")))
	})

	It("keeps what was not sent, and goes on behind it", func() {
		submit(get("abc"))
		whole := bytes.Clone(engine.Outgoing())
		for range len(whole) {
			Expect(engine.Outgoing()).To(Equal(whole))
			engine.Sent(1)
			whole = whole[1:]
		}
		Expect(engine.Outgoing()).To(BeEmpty())
		submit(get("d"))
		Expect(engine.Outgoing()).To(HaveLen(transport.RequestHeaderSize + 1))
	})

	It("gives answers out in the order of the requests, however they are cut", func() {
		var stream []byte
		for step := 1; step < 40; step++ {
			engine = transport.NewEngine(transport.EngineLimits{})
			calls := []*transport.Call{get("a"), set("b", "x"), get("c")}
			submit(calls...)
			stream = append(stream[:0], answer(transport.OK, "first")...)
			stream = append(stream, answer(transport.OK, "")...)
			stream = append(stream, answer(transport.NotFound, "")...)
			Expect(feed(engine, 0, step, stream)).To(Succeed())
			Expect(engine.Completed(nil)).To(Equal(calls))
			Expect(calls[0].Response.Value).To(Equal([]byte("first")))
			Expect(calls[2].Response.Status).To(Equal(transport.NotFound))
		}
	})

	It("receives an answer larger than its buffer without losing step", func() {
		large := bytes.Repeat([]byte("0123456789"), 30_000)
		for _, step := range []int{1000, 32 << 10, 1 << 20} {
			engine = transport.NewEngine(transport.EngineLimits{})
			before, big, after := get("a"), get("b"), get("c")
			submit(before, big, after)
			stream := append(answer(transport.OK, "x"), answer(transport.OK, string(large))...)
			Expect(feed(engine, 0, step, append(stream, answer(transport.OK, "y")...))).To(Succeed())
			Expect(engine.Completed(nil)).To(HaveLen(3))
			Expect(big.Response.Value).To(Equal(large))
			Expect(after.Response.Value).To(Equal([]byte("y")))
		}
	})

	It("receives a large answer into the caller's own buffer", func() {
		c := get("a")
		c.Buffer = make([]byte, 0, 200_000)
		room := c.Buffer[:1]
		submit(c)
		Expect(feed(engine, 0, 4096, answer(transport.OK, string(make([]byte, 150_000))))).To(Succeed())
		Expect(&c.Response.Value[0]).To(BeIdenticalTo(&room[0]))
	})

	It("does not believe a header's length before the bytes are there", func() {
		engine = transport.NewEngine(transport.EngineLimits{MaxAnswer: 1 << 30})
		submit(get("a"))
		Expect(feed(engine, 0, 7, []byte{'C', 'M', 1, 0x3f, 0, 0, 0})).To(Succeed())
		Expect(len(engine.Buffer())).To(BeNumerically("<=", 1<<20))
	})

	Describe("cancelling", func() {
		It("drops the cancelled call's answer and shifts nobody else's", func() {
			a, b, c := get("a"), get("b"), get("c")
			submit(a, b, c)
			Expect(engine.Cancel(b)).To(BeTrue())
			stream := append(answer(transport.OK, "a"), answer(transport.OK, "b")...)
			Expect(feed(engine, 0, 3, append(stream, answer(transport.OK, "c")...))).To(Succeed())
			Expect(engine.Completed(nil)).To(Equal([]*transport.Call{a, c}))
			Expect(c.Response.Value).To(Equal([]byte("c")))
			Expect(b.Response.Value).To(BeNil())
		})

		It("takes the call's buffer when its answer is arriving in it", func() {
			a, b := get("a"), get("b")
			a.Buffer = make([]byte, 0, 100_000)
			submit(a, b)
			large := answer(transport.OK, string(make([]byte, 90_000)))
			Expect(feed(engine, 0, 1000, large[:50_000])).To(Succeed())
			Expect(engine.Cancel(a)).To(BeTrue())
			Expect(a.Buffer).To(BeNil())
			Expect(feed(engine, 0, 1000, large[50_000:])).To(Succeed())
			Expect(feed(engine, 0, 1000, answer(transport.OK, "b"))).To(Succeed())
			Expect(engine.Completed(nil)).To(Equal([]*transport.Call{b}))
		})

		It("is too late once the answer is there", func() {
			a := get("a")
			submit(a)
			Expect(feed(engine, 0, 100, answer(transport.OK, "a"))).To(Succeed())
			Expect(engine.Cancel(a)).To(BeFalse())
		})

		It("says that the request may still take effect", func() {
			a := set("a", "1")
			submit(a)
			Expect(engine.Cancel(a)).To(BeTrue())
			Expect(a.MaybeApplied).To(BeTrue())
		})
	})

	Describe("limits", func() {
		It("is busy at the limit of calls until an answer comes", func() {
			engine = transport.NewEngine(transport.EngineLimits{MaxCalls: 2})
			submit(get("a"), get("b"))
			Expect(engine.Submit(0, get("c"))).To(MatchError(transport.ErrBusy))
			Expect(feed(engine, 0, 100, answer(transport.NotFound, ""))).To(Succeed())
			submit(get("c"))
		})

		It("counts a cancelled call until its answer has come", func() {
			engine = transport.NewEngine(transport.EngineLimits{MaxCalls: 1})
			a := get("a")
			submit(a)
			engine.Cancel(a)
			Expect(engine.Submit(0, get("b"))).To(MatchError(transport.ErrBusy))
		})

		It("is busy at the limit of bytes, but lets one large request through alone", func() {
			engine = transport.NewEngine(transport.EngineLimits{MaxBytes: 100})
			submit(set("a", string(make([]byte, 500))))
			Expect(engine.Submit(0, get("b"))).To(MatchError(transport.ErrBusy))
			Expect(feed(engine, 0, 100, answer(transport.OK, ""))).To(Succeed())
			submit(get("b"))
		})

		It("refuses a key that no header can describe, and stays in step", func() {
			Expect(engine.Submit(0, get(string(make([]byte, 1<<16))))).To(MatchError(ContainSubstring("limit 65535")))
			Expect(engine.Outgoing()).To(BeEmpty())
			Expect(engine.InFlight()).To(BeZero())
		})
	})

	Describe("a server that breaks the protocol", func() {
		DescribeTable("is found out", func(bytes []byte, expected error) {
			submit(set("a", "1"))
			Expect(feed(engine, 0, 1, bytes)).To(MatchError(expected))
		},
			Entry("by bytes that are no answer", []byte("HTTP/1.1 400"), transport.ErrFraming),
			Entry("by the second byte already", []byte("CX"), transport.ErrFraming),
			Entry("by a status that nobody knows", answer(9, ""), transport.ErrUnexpectedStatus),
			Entry("by a status that does not answer the command", answer(transport.NotFound, ""), transport.ErrUnexpectedStatus),
			Entry("by an extension's status to a base command", answer(transport.Exists, ""), transport.ErrUnexpectedStatus),
			Entry("by an answer above the limit", []byte{'C', 'M', 1, 0xff, 0xff, 0xff, 0xff}, transport.ErrAnswerTooLarge),
			Entry("by one answer too many", append(answer(transport.OK, ""), answer(transport.OK, "")...), transport.ErrUnsolicited),
		)

		It("may say why it turns the connection away", func() {
			err := feed(engine, 0, 1, answer(transport.Busy, "too many connections"))
			Expect(err).To(MatchError(transport.ErrUnsolicited))
			Expect(err).To(MatchError(ContainSubstring("too many connections")))
		})

		It("does not lose the answers before the violation", func() {
			a, b := get("a"), get("b")
			submit(a, b)
			stream := append(answer(transport.OK, "1"), "garbage"...)
			Expect(feed(engine, 0, 100, stream)).To(MatchError(transport.ErrFraming))
			engine.Fail(transport.ErrFraming)
			Expect(engine.Completed(nil)).To(Equal([]*transport.Call{a, b}))
			Expect(a.Err).NotTo(HaveOccurred())
			Expect(b.Err).To(MatchError(transport.ErrFraming))
		})
	})

	Describe("failing", func() {
		It("tells apart what may have been applied from what was never sent", func() {
			sent, unsent := set("a", "1"), set("b", "2")
			submit(sent)
			engine.Sent(len(engine.Outgoing()))
			submit(unsent)
			cause := errors.New("cable cut")
			engine.Fail(cause)
			Expect(engine.Completed(nil)).To(Equal([]*transport.Call{sent, unsent}))
			Expect(sent.Err).To(MatchError(cause))
			Expect(sent.MaybeApplied).To(BeTrue())
			Expect(unsent.MaybeApplied).To(BeFalse())
		})

		It("is final", func() {
			cause := errors.New("cable cut")
			engine.Fail(cause)
			engine.Fail(errors.New("again"))
			Expect(engine.Submit(0, get("a"))).To(MatchError(cause))
			Expect(engine.Received(0, 0)).To(MatchError(cause))
		})

		It("completes every call at whichever byte of an answer the connection is cut", func() {
			stream := append(answer(transport.OK, "first"), answer(transport.OK, string(make([]byte, 40_000)))...)
			for cut := range 100 {
				engine = transport.NewEngine(transport.EngineLimits{})
				a, b := get("a"), get("b")
				submit(a, b)
				engine.Outgoing()
				Expect(feed(engine, 0, 1<<20, stream[:cut*len(stream)/100])).To(Succeed())
				engine.Fail(errors.New("cut"))
				Expect(engine.Completed(nil)).To(Equal([]*transport.Call{a, b}))
				Expect(b.Err).To(HaveOccurred())
				Expect(b.MaybeApplied).To(BeTrue())
			}
		})
	})

	Describe("a silent server", func() {
		BeforeEach(func() { engine = transport.NewEngine(transport.EngineLimits{Silence: time.Second}) })

		It("is given the limit from the oldest request on", func() {
			_, ok := engine.Oldest()
			Expect(ok).To(BeFalse())
			Expect(engine.Submit(100, get("a"))).To(Succeed())
			Expect(engine.Submit(200, get("b"))).To(Succeed())
			deadline, ok := engine.Oldest()
			Expect(ok).To(BeTrue())
			Expect(deadline).To(Equal(100 + int64(time.Second)))
		})

		It("is given more time by every byte", func() {
			submit(get("a"))
			Expect(feed(engine, 500, 1, []byte("C"))).To(Succeed())
			deadline, _ := engine.Oldest()
			Expect(deadline).To(Equal(500 + int64(time.Second)))
		})

		It("owes nothing when all is answered", func() {
			submit(get("a"))
			Expect(feed(engine, 500, 100, answer(transport.NotFound, ""))).To(Succeed())
			_, ok := engine.Oldest()
			Expect(ok).To(BeFalse())
		})
	})

	It("serves thousands of calls in flight", func() {
		var calls []*transport.Call
		var stream []byte
		for i := range 5000 {
			calls = append(calls, get(fmt.Sprint(i)))
			stream = append(stream, answer(transport.OK, fmt.Sprint(i))...)
		}
		submit(calls[:3000]...)
		half := len(stream) / 3
		Expect(feed(engine, 0, 999, stream[:half])).To(Succeed())
		submit(calls[3000:]...)
		Expect(feed(engine, 0, 999, stream[half:])).To(Succeed())
		Expect(engine.Completed(nil)).To(HaveLen(5000))
		for i, c := range calls {
			Expect(string(c.Response.Value)).To(Equal(fmt.Sprint(i)))
		}
	})

	It("does not allocate per call", func() {
		c := get("key")
		c.Buffer = make([]byte, 0, 64)
		reply := answer(transport.OK, "value")
		var done []*transport.Call
		Expect(testing.AllocsPerRun(1000, func() {
			_ = engine.Submit(0, c)
			engine.Sent(len(engine.Outgoing()))
			_ = feed(engine, 0, 100, reply)
			done = engine.Completed(done[:0])
		})).To(BeZero())
	})
})
