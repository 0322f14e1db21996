package pipeline_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/pipeline"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// feed gives the engine received bytes, at most step at a time.
func feed(e *pipeline.Engine, now int64, step int, b []byte) error {
	for len(b) > 0 {
		n := copy(e.Buffer(), b[:min(step, len(b))])
		b = b[n:]
		if err := e.Received(n, now); err != nil {
			return err
		}
	}
	return nil
}

func get(key string) *pipeline.Call {
	return &pipeline.Call{Request: wire.Request{Command: wire.Get, Key: []byte(key)}}
}

func set(key, value string) *pipeline.Call {
	return &pipeline.Call{Request: wire.Request{Command: wire.Set, Key: []byte(key), Value: []byte(value)}}
}

func answer(s wire.Status, value string) []byte {
	return wire.AppendResponse(nil, s, []byte(value))
}

var _ = Describe("Engine", func() {
	var engine *pipeline.Engine

	BeforeEach(func() { engine = pipeline.NewEngine(pipeline.EngineLimits{}) })

	submit := func(calls ...*pipeline.Call) {
		GinkgoHelper()
		for _, c := range calls {
			Expect(engine.Submit(0, c)).To(Succeed())
		}
	}

	It("puts requests on the wire in the order of their submission", func() {
		submit(set("a", "1"), get("b"))
		first, n, err := wire.ParseRequest(engine.Outgoing())
		Expect(err).NotTo(HaveOccurred())
		Expect(first).To(Equal(wire.Request{Command: wire.Set, Key: []byte("a"), Value: []byte("1")}))
		second, _, err := wire.ParseRequest(engine.Outgoing()[n:])
		Expect(err).NotTo(HaveOccurred())
		Expect(second.Key).To(Equal([]byte("b")))
	})

	It("keeps what was not sent, and goes on behind it", func() {
		submit(get("abc"))
		whole := bytes.Clone(engine.Outgoing())
		for range len(whole) {
			Expect(engine.Outgoing()).To(Equal(whole))
			engine.Sent(1, 0)
			whole = whole[1:]
		}
		Expect(engine.Outgoing()).To(BeEmpty())
		submit(get("d"))
		Expect(engine.Outgoing()).To(HaveLen(wire.RequestHeaderSize + 1))
	})

	It("gives answers out in the order of the requests, however they are cut", func() {
		var stream []byte
		for step := 1; step < 40; step++ {
			engine = pipeline.NewEngine(pipeline.EngineLimits{})
			calls := []*pipeline.Call{get("a"), set("b", "x"), get("c")}
			submit(calls...)
			stream = append(stream[:0], answer(wire.OK, "first")...)
			stream = append(stream, answer(wire.OK, "")...)
			stream = append(stream, answer(wire.NotFound, "")...)
			Expect(feed(engine, 0, step, stream)).To(Succeed())
			Expect(engine.Completed(nil)).To(Equal(calls))
			Expect(calls[0].Response.Value).To(Equal([]byte("first")))
			Expect(calls[2].Response.Status).To(Equal(wire.NotFound))
		}
	})

	It("receives an answer larger than its buffer without losing step", func() {
		large := bytes.Repeat([]byte("0123456789"), 30_000)
		for _, step := range []int{1000, 32 << 10, 1 << 20} {
			engine = pipeline.NewEngine(pipeline.EngineLimits{})
			before, big, after := get("a"), get("b"), get("c")
			submit(before, big, after)
			stream := append(answer(wire.OK, "x"), answer(wire.OK, string(large))...)
			Expect(feed(engine, 0, step, append(stream, answer(wire.OK, "y")...))).To(Succeed())
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
		Expect(feed(engine, 0, 4096, answer(wire.OK, string(make([]byte, 150_000))))).To(Succeed())
		Expect(&c.Response.Value[0]).To(BeIdenticalTo(&room[0]))
	})

	It("does not believe a header's length before the bytes are there", func() {
		engine = pipeline.NewEngine(pipeline.EngineLimits{MaxAnswer: 1 << 30})
		submit(get("a"))
		Expect(feed(engine, 0, 7, []byte{'C', 'M', 1, 0x3f, 0, 0, 0})).To(Succeed())
		Expect(len(engine.Buffer())).To(BeNumerically("<=", 1<<20))
	})

	Describe("cancelling", func() {
		It("drops the cancelled call's answer and keeps all others in their places", func() {
			a, b, c := get("a"), get("b"), get("c")
			submit(a, b, c)
			Expect(engine.Cancel(b)).To(BeTrue())
			stream := append(answer(wire.OK, "a"), answer(wire.OK, "b")...)
			Expect(feed(engine, 0, 3, append(stream, answer(wire.OK, "c")...))).To(Succeed())
			Expect(engine.Completed(nil)).To(Equal([]*pipeline.Call{a, c}))
			Expect(c.Response.Value).To(Equal([]byte("c")))
			Expect(b.Response.Value).To(BeNil())
		})

		It("takes the call's buffer when its answer is arriving in it", func() {
			a, b := get("a"), get("b")
			a.Buffer = make([]byte, 0, 100_000)
			submit(a, b)
			large := answer(wire.OK, string(make([]byte, 90_000)))
			Expect(feed(engine, 0, 1000, large[:50_000])).To(Succeed())
			Expect(engine.Cancel(a)).To(BeTrue())
			Expect(a.Buffer).To(BeNil())
			Expect(feed(engine, 0, 1000, large[50_000:])).To(Succeed())
			Expect(feed(engine, 0, 1000, answer(wire.OK, "b"))).To(Succeed())
			Expect(engine.Completed(nil)).To(Equal([]*pipeline.Call{b}))
		})

		It("is too late once the answer is there", func() {
			a := get("a")
			submit(a)
			Expect(feed(engine, 0, 100, answer(wire.OK, "a"))).To(Succeed())
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
			engine = pipeline.NewEngine(pipeline.EngineLimits{MaxCalls: 2})
			submit(get("a"), get("b"))
			Expect(engine.Submit(0, get("c"))).To(MatchError(pipeline.ErrTooManyCalls))
			Expect(feed(engine, 0, 100, answer(wire.NotFound, ""))).To(Succeed())
			submit(get("c"))
		})

		It("counts a cancelled call until its answer has come", func() {
			engine = pipeline.NewEngine(pipeline.EngineLimits{MaxCalls: 1})
			a := get("a")
			submit(a)
			engine.Cancel(a)
			Expect(engine.Submit(0, get("b"))).To(MatchError(pipeline.ErrTooManyCalls))
		})

		It("is busy at the limit of bytes, but lets one large request through alone", func() {
			engine = pipeline.NewEngine(pipeline.EngineLimits{MaxBytes: 100})
			submit(set("a", string(make([]byte, 500))))
			Expect(engine.Submit(0, get("b"))).To(MatchError(pipeline.ErrTooManyCalls))
			Expect(feed(engine, 0, 100, answer(wire.OK, ""))).To(Succeed())
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
			Entry("by bytes that are no answer", []byte("HTTP/1.1 400"), wire.ErrFraming),
			Entry("by the second byte already", []byte("CX"), wire.ErrFraming),
			Entry("by an unknown status", answer(9, ""), pipeline.ErrUnexpectedStatus),
			Entry("by a status that does not answer the command", answer(wire.NotFound, ""), pipeline.ErrUnexpectedStatus),
			Entry("by an extension's status to a base command", answer(wire.Exists, ""), pipeline.ErrUnexpectedStatus),
			Entry("by an answer above the limit", []byte{'C', 'M', 1, 0xff, 0xff, 0xff, 0xff}, pipeline.ErrAnswerTooLarge),
			Entry("by one answer too many", append(answer(wire.OK, ""), answer(wire.OK, "")...), pipeline.ErrUnsolicited),
		)

		It("may expect TLS, or be another kind of server, if that is how it begins", func() {
			submit(get("a"))
			Expect(feed(engine, 0, 100, answer(wire.OK, "1"))).To(Succeed())
			submit(get("b"))
			Expect(feed(engine, 0, 100, []byte("HTTP"))).To(MatchError(wire.ErrFraming.Error()))
			engine = pipeline.NewEngine(pipeline.EngineLimits{Silence: time.Second})
			submit(get("a"))
			Expect(feed(engine, 0, 100, []byte("HTTP"))).To(MatchError(HaveSuffix("; the server may expect TLS, or not be a cryptomem server")))
			engine = pipeline.NewEngine(pipeline.EngineLimits{Silence: time.Second})
			submit(get("a"))
			Expect(engine.Overdue(math.MaxInt64)).To(MatchError("server is silent: no byte for 1s, and no answer before; it may be slow, expect TLS, or not be a cryptomem server"))
		})

		It("may say why it turns the connection away", func() {
			err := feed(engine, 0, 1, answer(wire.Busy, "too many connections"))
			Expect(err).To(MatchError(pipeline.ErrUnsolicited))
			Expect(err).To(MatchError(ContainSubstring("too many connections")))
		})

		DescribeTable("is quoted for so many bytes", func(bytes int, quoted bool) {
			why := strings.Repeat("w", bytes)
			err := feed(engine, 0, 1, answer(wire.Busy, why))
			Expect(err).To(MatchError(pipeline.ErrUnsolicited))
			Expect(strings.Contains(err.Error(), why)).To(Equal(quoted))
		},
			Entry("as many as there may be", 1024, true),
			Entry("not one more", 1025, false),
		)

		It("does not lose the answers before the violation", func() {
			a, b := get("a"), get("b")
			submit(a, b)
			stream := append(answer(wire.OK, "1"), "garbage"...)
			Expect(feed(engine, 0, 100, stream)).To(MatchError(wire.ErrFraming))
			engine.Fail(wire.ErrFraming)
			Expect(engine.Completed(nil)).To(Equal([]*pipeline.Call{a, b}))
			Expect(a.Err).NotTo(HaveOccurred())
			Expect(b.Err).To(MatchError(wire.ErrFraming))
		})
	})

	Describe("failing", func() {
		It("tells apart what may have been applied from what was never sent", func() {
			sent, unsent := set("a", "1"), set("b", "2")
			submit(sent)
			engine.Sent(len(engine.Outgoing()), 0)
			submit(unsent)
			cause := errors.New("cable cut")
			engine.Fail(cause)
			Expect(engine.Completed(nil)).To(Equal([]*pipeline.Call{sent, unsent}))
			Expect(sent.Err).To(MatchError(cause))
			Expect(sent.MaybeApplied).To(BeTrue())
			Expect(unsent.MaybeApplied).To(BeFalse())
		})

		It("takes the call's buffer when its answer is arriving in it", func() {
			a, b := get("a"), get("b")
			a.Buffer, b.Buffer = make([]byte, 0, 100_000), make([]byte, 0, 100_000)
			submit(a, b)
			Expect(feed(engine, 0, 1000, answer(wire.OK, string(make([]byte, 90_000)))[:50_000])).To(Succeed())
			engine.Fail(errors.New("cable cut"))
			Expect(engine.Completed(nil)).To(Equal([]*pipeline.Call{a, b}))
			Expect(a.Buffer).To(BeNil())
			Expect(b.Buffer).NotTo(BeNil())
		})

		It("is final", func() {
			cause := errors.New("cable cut")
			engine.Fail(cause)
			engine.Fail(errors.New("again"))
			Expect(engine.Submit(0, get("a"))).To(MatchError(cause))
			Expect(engine.Received(0, 0)).To(MatchError(cause))
		})

		It("completes every call at whichever byte of an answer the connection is cut", func() {
			stream := append(answer(wire.OK, "first"), answer(wire.OK, string(make([]byte, 40_000)))...)
			for cut := range 100 {
				engine = pipeline.NewEngine(pipeline.EngineLimits{})
				a, b := get("a"), get("b")
				submit(a, b)
				engine.Outgoing()
				Expect(feed(engine, 0, 1<<20, stream[:cut*len(stream)/100])).To(Succeed())
				engine.Fail(errors.New("cut"))
				Expect(engine.Completed(nil)).To(Equal([]*pipeline.Call{a, b}))
				Expect(b.Err).To(HaveOccurred())
				Expect(b.MaybeApplied).To(BeTrue())
			}
		})
	})

	Describe("a silent server", func() {
		BeforeEach(func() { engine = pipeline.NewEngine(pipeline.EngineLimits{Silence: time.Second}) })

		It("is given the limit from the oldest request on", func() {
			_, ok := engine.Deadline()
			Expect(ok).To(BeFalse())
			Expect(engine.Submit(100, get("a"))).To(Succeed())
			Expect(engine.Submit(200, get("b"))).To(Succeed())
			deadline, ok := engine.Deadline()
			Expect(ok).To(BeTrue())
			Expect(deadline).To(Equal(100 + int64(time.Second)))
		})

		It("is given more time by every byte", func() {
			submit(get("a"))
			Expect(feed(engine, 500, 1, []byte("C"))).To(Succeed())
			deadline, _ := engine.Deadline()
			Expect(deadline).To(Equal(500 + int64(time.Second)))
		})

		It("is given it from when the request has left, however long that takes", func() {
			Expect(engine.Submit(0, set("a", strings.Repeat("v", 1000)))).To(Succeed())
			for sent := int64(1); sent <= 10; sent++ { // 9 s on the way
				engine.Sent(100, sent*9e8)
				Expect(engine.Overdue(sent*9e8+int64(time.Second)-1)).To(Succeed(), "%d00 bytes have left", sent)
			}
			engine.Sent(len(engine.Outgoing()), 95e8)
			Expect(engine.Overdue(95e8 + int64(time.Second) - 1)).To(Succeed())
			Expect(engine.Overdue(95e8 + int64(time.Second))).To(MatchError(pipeline.ErrSilent))
		})

		It("is not given it by requests that leave behind one that it owes an answer", func() {
			Expect(engine.Submit(0, get("a"))).To(Succeed())
			engine.Sent(len(engine.Outgoing()), 100)
			Expect(engine.Submit(200, set("b", "1"))).To(Succeed())
			engine.Sent(len(engine.Outgoing()), 9e8)
			Expect(engine.Overdue(100 + int64(time.Second))).To(MatchError(pipeline.ErrSilent))
		})

		It("is found out when it takes nothing, either", func() {
			Expect(engine.Submit(0, set("a", strings.Repeat("v", 1000)))).To(Succeed())
			engine.Sent(100, 5e8)
			Expect(engine.Overdue(5e8 + int64(time.Second))).To(MatchError(pipeline.ErrSilent))
		})

		It("owes nothing when all is answered", func() {
			submit(get("a"))
			Expect(feed(engine, 500, 100, answer(wire.NotFound, ""))).To(Succeed())
			_, ok := engine.Deadline()
			Expect(ok).To(BeFalse())
		})
	})

	Describe("a slow server", func() {
		const total = int64(time.Minute)

		trickle := func(from, to int64) {
			GinkgoHelper()
			for now := from; now < to; now += 4e9 {
				Expect(feed(engine, now, 1, []byte("v"))).To(Succeed())
				Expect(engine.Overdue(now)).To(Succeed())
			}
		}

		It("does not hold a call for longer than the limit, byte by byte", func() {
			submit(get("a"))
			Expect(feed(engine, 0, 100, []byte{'C', 'M', 1, 0, 1, 0, 0})).To(Succeed())
			trickle(1, total)
			deadline, _ := engine.Deadline()
			Expect(deadline).To(Equal(total))
			Expect(engine.Overdue(total)).To(MatchError(pipeline.ErrSlow))
		})

		It("does not hold the calls behind a slow answer either, whose own answers are dropped", func() {
			a, b, c := get("a"), get("b"), get("c")
			submit(a, b)
			Expect(engine.Submit(total/2, c)).To(Succeed())
			Expect(feed(engine, total-3e9, 100, answer(wire.OK, "1"))).To(Succeed())
			Expect(engine.Overdue(total)).To(Succeed(), "an answer came whole within the limit")
			Expect(engine.Completed(nil)).To(Equal([]*pipeline.Call{a, b}))
			Expect(a.Err).NotTo(HaveOccurred())
			Expect(b.Err).To(MatchError(pipeline.ErrSlow))
			Expect(b.MaybeApplied).To(BeTrue())
			Expect(feed(engine, total, 100, append(answer(wire.OK, "2"), answer(wire.OK, "3")...))).To(Succeed())
			Expect(engine.Completed(nil)).To(Equal([]*pipeline.Call{c}))
			Expect(c.Response.Value).To(BeEquivalentTo("3"))
		})

		It("may be as slow as it likes without a limit", func() {
			engine = pipeline.NewEngine(pipeline.EngineLimits{Total: -1, Silence: -1})
			submit(get("a"))
			_, ok := engine.Deadline()
			Expect(ok).To(BeFalse())
			Expect(engine.Overdue(1 << 62)).To(Succeed())
		})
	})

	It("writes requests where those before have been sent from, and keeps no room that it will rarely need", func() {
		sent := func(n int) { engine.Sent(n, 0) }
		begin := func() *byte { return &engine.Outgoing()[0] }
		submit(get("a"), get("a"))
		first := begin()
		sent(len(engine.Outgoing()))
		submit(get("b"), get("c"))
		Expect(begin()).To(BeIdenticalTo(first), "all was sent")
		half := bytes.Clone(engine.Outgoing()[len(engine.Outgoing())/2:])
		sent(len(half))
		Expect(begin()).To(BeIdenticalTo(first), "half was sent")
		Expect(engine.Outgoing()).To(Equal(half))
		sent(len(half))
		for range 2 {
			submit(set("d", strings.Repeat("v", 600<<10)))
		}
		sent(len(engine.Outgoing()))
		Expect(engine.Outgoing()).To(HaveCap(0))
	})

	It("serves thousands of calls in flight", func() {
		var calls []*pipeline.Call
		var stream []byte
		for i := range 5000 {
			calls = append(calls, get(fmt.Sprint(i)))
			stream = append(stream, answer(wire.OK, fmt.Sprint(i))...)
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
		reply := answer(wire.OK, "value")
		var done []*pipeline.Call
		Expect(testing.AllocsPerRun(1000, func() {
			_ = engine.Submit(0, c)
			engine.Sent(len(engine.Outgoing()), 0)
			_ = feed(engine, 0, 100, reply)
			done = engine.Completed(done[:0])
		})).To(BeZero())
	})
})

var _ = Describe("The limits of an engine", func() {
	It("are those of its documentation", func() {
		Expect([]any{
			pipeline.DefaultMaxCalls, pipeline.DefaultMaxBytes, pipeline.DefaultMaxAnswer, pipeline.DefaultSilence, pipeline.DefaultTotal,
		}).To(Equal([]any{16384, 16 << 20, 1 << 20, 5 * time.Second, time.Minute}))
	})
})
