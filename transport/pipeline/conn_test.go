package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"
	. "github.com/onsi/gomega/gstruct"

	"github.com/Zezezknight/cryptomem/transport/pipeline"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

var _ = Describe("Conn", func() {
	var (
		ctx  = context.Background()
		mock *clock.Mock
		far  net.Conn
	)

	BeforeEach(func() {
		before := gleak.Goroutines()
		DeferCleanup(func() { Eventually(gleak.Goroutines).ShouldNot(gleak.HaveLeaked(before)) })
		mock = clock.NewMock()
	})

	pipe := func(l pipeline.EngineLimits) *pipeline.Conn {
		var near net.Conn
		near, far = net.Pipe()
		conn := pipeline.NewConn(near, mock, l)
		DeferCleanup(conn.Close)
		DeferCleanup(far.Close)
		return conn
	}

	// reads takes that many bytes from the other side.
	reads := func(n int) []byte {
		GinkgoHelper()
		b := make([]byte, n)
		_, err := io.ReadFull(far, b)
		Expect(err).NotTo(HaveOccurred())
		return b
	}

	const getSize = wire.RequestHeaderSize + 1

	begin := func(conn *pipeline.Conn, c *pipeline.Call) <-chan error {
		ended := make(chan error, 1)
		go func() { ended <- conn.Do(ctx, c) }()
		return ended
	}

	It("gives each caller its own answer, however many share the connection", func() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(l.Close)
		go answerKeys(l)
		nc, err := net.Dial("tcp", l.Addr().String())
		Expect(err).NotTo(HaveOccurred())
		conn := pipeline.NewConn(nc, mock, pipeline.EngineLimits{MaxCalls: 20, MaxBytes: 4000})
		DeferCleanup(conn.Close)
		var callers sync.WaitGroup
		for g := range 64 {
			callers.Go(func() {
				defer GinkgoRecover()
				var c pipeline.Call
				for i := range 50 {
					key := fmt.Append(nil, g, "/", i)
					c.Request = wire.Request{Command: wire.Get, Key: key}
					Expect(conn.Do(ctx, &c)).To(Succeed())
					Expect(c.Response.Value).To(Equal(key))
				}
			})
		}
		callers.Wait()
	})

	It("lets calls that wait for room in by the order of their coming", func() {
		conn := pipe(pipeline.EngineLimits{MaxCalls: 1})
		var ended []<-chan error
		for i := range 4 {
			ended = append(ended, begin(conn, get(fmt.Sprint(i))))
			if i == 0 {
				Expect(reads(getSize)[getSize-1:]).To(Equal([]byte("0")))
			} else {
				Eventually(func() int { return pipeline.Waiting(conn) }).Should(Equal(i))
			}
		}
		for i := range 4 {
			_, err := far.Write(answer(wire.NotFound, ""))
			Expect(err).NotTo(HaveOccurred())
			Eventually(ended[i]).Should(Receive(BeNil()))
			if i < 3 {
				Expect(reads(getSize)[getSize-1:]).To(Equal(fmt.Append(nil, i+1)))
			}
		}
	})

	It("tells for how long the server has owed an answer without a byte", func() {
		conn := pipe(pipeline.EngineLimits{})
		mock.Add(time.Second)
		Expect(conn.Quiet()).To(BeZero(), "it owes none")
		ended := begin(conn, get("k"))
		reads(getSize)
		Eventually(func() time.Duration { // counted from when all of it was written
			mock.Add(time.Second)
			return conn.Quiet()
		}).Should(Equal(3 * time.Second))
		whole := answer(wire.OK, "v")
		_, err := far.Write(whole[:1])
		Expect(err).NotTo(HaveOccurred())
		Eventually(conn.Heard).Should(BeEquivalentTo(1))
		Eventually(conn.Quiet).Should(BeZero())
		mock.Add(time.Second)
		Expect(conn.Quiet()).To(Equal(time.Second))
		_, err = far.Write(whole[1:])
		Expect(err).NotTo(HaveOccurred())
		Eventually(ended).Should(Receive(BeNil()))
		mock.Add(time.Second)
		Expect(conn.Quiet()).To(BeZero())

		ended = begin(conn, get("k"))
		reads(getSize)
		mock.Add(time.Second)
		Expect(conn.Close()).To(Succeed())
		Eventually(ended).Should(Receive(MatchError(pipeline.ErrConnClosed)))
		Expect(conn.Quiet()).To(BeZero(), "nobody waits for it any more")
	})

	It("has the request of a call that waited for room made anew, and of no other", func() {
		conn := pipe(pipeline.EngineLimits{MaxCalls: 1})
		renewed := &renewal{}
		first := pipeline.Call{Request: wire.Request{Command: wire.Get, Key: []byte("a")}, Renewer: renewed}
		second := pipeline.Call{Request: wire.Request{Command: wire.Get, Key: []byte("b")}, Renewer: renewed}
		third := pipeline.Call{Request: wire.Request{Command: wire.Get, Key: []byte("c")}, Renewer: renewed}
		firstEnded := begin(conn, &first)
		Expect(reads(getSize)).To(HaveSuffix("a"))
		secondEnded := begin(conn, &second)
		Eventually(func() int { return pipeline.Waiting(conn) }).Should(Equal(1))
		thirdEnded := begin(conn, &third)
		Eventually(func() int { return pipeline.Waiting(conn) }).Should(Equal(2))
		renewed.fail = "c"
		_, err := far.Write(wire.AppendResponse(nil, wire.NotFound, nil))
		Expect(err).NotTo(HaveOccurred())
		Expect(<-firstEnded).To(Succeed())
		Expect(reads(getSize)).To(HaveSuffix("B"))
		_, err = far.Write(wire.AppendResponse(nil, wire.NotFound, nil))
		Expect(err).NotTo(HaveOccurred())
		Expect(<-secondEnded).To(Succeed())
		Expect(<-thirdEnded).To(MatchError("no more"))
		Expect(third.MaybeApplied).To(BeFalse())
	})

	It("ends a call that waits for room when its context ends, and lets the others in by their order", func() {
		conn := pipe(pipeline.EngineLimits{MaxCalls: 1})
		first := begin(conn, get("0"))
		reads(getSize)
		ended := make([]<-chan error, 5)
		gone, leave := context.WithCancel(ctx)
		for i := range ended {
			call, until := get(fmt.Sprint(i)), ctx
			if i%2 == 0 { // the first, the last, and one between
				until = gone
			}
			result := make(chan error, 1)
			ended[i] = result
			go func() { result <- conn.Do(until, call) }()
			Eventually(func() int { return pipeline.Waiting(conn) }).Should(Equal(i + 1))
		}
		leave()
		for i := 0; i < len(ended); i += 2 {
			Eventually(ended[i]).Should(Receive(MatchError(context.Canceled)))
		}
		Expect(pipeline.Waiting(conn)).To(Equal(2))
		for _, waiting := range []<-chan error{first, ended[1], ended[3]} {
			_, err := far.Write(answer(wire.NotFound, ""))
			Expect(err).NotTo(HaveOccurred())
			Eventually(waiting).Should(Receive(BeNil()))
			switch waiting {
			case first:
				Expect(reads(getSize)[getSize-1:]).To(BeEquivalentTo("1"))
			case ended[1]:
				Expect(reads(getSize)[getSize-1:]).To(BeEquivalentTo("3"))
			}
		}
	})

	It("ends calls that have taken too long, whether they wait for room or for an answer", func() {
		conn := pipe(pipeline.EngineLimits{MaxCalls: 2, Total: time.Minute})
		slow := begin(conn, get("a"))
		reads(getSize)
		_, err := far.Write(answer(wire.OK, "a value of more bytes than will ever come")[:8])
		Expect(err).NotTo(HaveOccurred())
		mock.Add(4 * time.Second)
		behind := begin(conn, get("b"))
		reads(getSize)
		waiting := begin(conn, get("c"))
		Eventually(func() int { return pipeline.Waiting(conn) }).Should(Equal(1))
		for range 14 {
			_, err := far.Write([]byte("v"))
			Expect(err).NotTo(HaveOccurred())
			Eventually(conn.Quiet).Should(BeZero()) // before time goes on, the byte has been taken note of
			mock.Add(4 * time.Second)
		}
		for _, ended := range []<-chan error{slow, behind, waiting} {
			Eventually(ended).Should(Receive(MatchError(pipeline.ErrSlow)))
		}
		Expect(conn.Broken()).To(BeClosed())
	})

	It("ends calls that have waited for room too long, and goes on while answers come", func() {
		conn := pipe(pipeline.EngineLimits{MaxCalls: 1, Silence: -1, Total: time.Minute})
		first := begin(conn, get("a"))
		reads(getSize)
		var late []<-chan error
		for i, key := range []string{"b", "c", "d"} {
			late = append(late, begin(conn, get(key)))
			Eventually(func() int { return pipeline.Waiting(conn) }).Should(Equal(i + 1))
		}
		mock.Add(58 * time.Second)
		_, err := far.Write(answer(wire.OK, ""))
		Expect(err).NotTo(HaveOccurred())
		Eventually(first).Should(Receive(BeNil()))
		Expect(reads(getSize)).To(HaveSuffix("b"))
		mock.Add(2 * time.Second)
		for _, ended := range late {
			Eventually(ended).Should(Receive(MatchError(pipeline.ErrSlow)))
		}
		Expect(pipeline.Waiting(conn)).To(BeZero())
		next := begin(conn, get("e"))
		Eventually(func() int { return pipeline.Waiting(conn) }).Should(Equal(1))
		_, err = far.Write(answer(wire.OK, ""))
		Expect(err).NotTo(HaveOccurred())
		Expect(reads(getSize)).To(HaveSuffix("e"))
		_, err = far.Write(answer(wire.OK, ""))
		Expect(err).NotTo(HaveOccurred())
		Eventually(next).Should(Receive(BeNil()))
	})

	It("sends many calls in one write and takes their answers together", func() {
		conn := pipe(pipeline.EngineLimits{})
		calls := []*pipeline.Call{get("a"), get("b"), get("c")}
		ended := make(chan error, 1)
		go func() { ended <- conn.DoAll(ctx, calls) }()
		buffer := make([]byte, 1000)
		Expect(far.Read(buffer)).To(Equal(3 * getSize))
		for _, v := range []string{"1", "2", "3"} {
			_, err := far.Write(answer(wire.OK, v))
			Expect(err).NotTo(HaveOccurred())
		}
		Eventually(ended).Should(Receive(BeNil()))
		Expect(calls[2].Response.Value).To(Equal([]byte("3")))
	})

	It("is not broken by a request that takes its time to leave", func() {
		conn := pipe(pipeline.EngineLimits{Silence: time.Second})
		const size = 1 << 20
		ended := begin(conn, set("a", strings.Repeat("v", size)))
		for read := 1 << 16; read <= size; read += 1 << 16 {
			reads(1 << 16)
			Eventually(func() int { return pipeline.Unsent(conn) }).Should(BeNumerically("<=", size+getSize-read))
			mock.Add(900 * time.Millisecond)
			Expect(conn.Broken()).NotTo(BeClosed())
		}
		reads(getSize)
		_, err := far.Write(answer(wire.OK, ""))
		Expect(err).NotTo(HaveOccurred())
		Eventually(ended).Should(Receive(BeNil()))
	})

	It("is broken by silence, but not by an idle hour", func() {
		conn := pipe(pipeline.EngineLimits{Silence: time.Second})
		ended := begin(conn, get("a"))
		reads(getSize)
		_, err := far.Write(answer(wire.NotFound, ""))
		Expect(err).NotTo(HaveOccurred())
		Eventually(ended).Should(Receive(BeNil()))
		mock.Add(time.Hour)
		Expect(conn.Broken()).NotTo(BeClosed())

		call := get("b")
		ended = begin(conn, call)
		reads(getSize)
		Eventually(func() bool { return pipeline.Left(conn) }).Should(BeTrue())
		mock.Add(time.Second)
		Eventually(ended).Should(Receive(MatchError(pipeline.ErrSilent)))
		Expect(call.MaybeApplied).To(BeTrue())
		Expect(conn.Broken()).To(BeClosed())
	})

	It("tells what the server said before it hung up, though a write failed first", func() {
		near, far := net.Pipe()
		conn := pipeline.NewConn(&hungUp{Conn: near, wrote: make(chan struct{})}, mock, pipeline.EngineLimits{})
		DeferCleanup(conn.Close)
		go func() {
			defer GinkgoRecover()
			_, err := far.Write(wire.AppendResponse(nil, wire.Error, []byte("come back later")))
			Expect(err).NotTo(HaveOccurred())
			Expect(far.Close()).To(Succeed())
		}()
		call := &pipeline.Call{Request: wire.Request{Command: wire.Get, Key: []byte("k")}}
		Expect(conn.Do(ctx, call)).To(Succeed())
		Expect(call.Response.Value).To(BeEquivalentTo("come back later"))
		Eventually(conn.Broken()).Should(BeClosed())
	})

	It("fails the calls that the server leaves unanswered when it ends, as maybe applied", func() {
		conn := pipe(pipeline.EngineLimits{MaxCalls: 2})
		answered, unanswered, waiting := get("a"), get("b"), get("c")
		first := begin(conn, answered)
		reads(getSize)
		second := begin(conn, unanswered)
		reads(getSize)
		third := begin(conn, waiting)
		Eventually(func() int { return pipeline.Waiting(conn) }).Should(Equal(1))
		_, err := far.Write(wire.AppendResponse(nil, wire.OK, nil))
		Expect(err).NotTo(HaveOccurred())
		Expect(<-first).To(Succeed())
		reads(getSize) // the call that had to wait
		Expect(far.Close()).To(Succeed())
		for _, ended := range []<-chan error{second, third} {
			err := <-ended
			Expect(err).To(MatchError(pipeline.ErrConnClosed))
			Expect(err).To(MatchError("connection is closed by the server: unexpected EOF"))
		}
		Expect(unanswered.MaybeApplied).To(BeTrue())
		Expect(waiting.MaybeApplied).To(BeTrue())
	})

	It("fails all its calls when it is closed, those waiting for room as never sent", func() {
		conn := pipe(pipeline.EngineLimits{MaxCalls: 1})
		sent, waiting := get("a"), get("b")
		first := begin(conn, sent)
		reads(getSize)
		second := begin(conn, waiting)
		Eventually(func() int { return pipeline.Waiting(conn) }).Should(Equal(1))
		Expect(conn.Close()).To(Succeed())
		Expect(<-first).To(MatchError(pipeline.ErrConnClosed))
		Expect(<-second).To(MatchError(pipeline.ErrConnClosed))
		Expect(sent.MaybeApplied).To(BeTrue())
		Expect(waiting.MaybeApplied).To(BeFalse())
		Expect(conn.Do(ctx, get("c"))).To(MatchError(pipeline.ErrConnClosed))
	})

	It("sends nothing under a context that has ended, whatever became of the call before", func() {
		conn := pipe(pipeline.EngineLimits{})
		cancelled, cancel := context.WithCancel(ctx)
		call := get("a")
		ended := make(chan error, 1)
		go func() { ended <- conn.Do(cancelled, call) }()
		reads(getSize)
		cancel()
		Expect(<-ended).To(MatchError(context.Canceled))
		Expect(call.MaybeApplied).To(BeTrue())
		Expect(conn.Do(cancelled, call)).To(MatchError(context.Canceled))
		Expect(call.Err).To(MatchError(context.Canceled))
		Expect(call.MaybeApplied).To(BeFalse())
		used, again := pipeline.Call{MaybeApplied: true}, pipeline.Call{MaybeApplied: true}
		Expect(conn.DoAll(cancelled, []*pipeline.Call{&used, &again})).To(MatchError(context.Canceled))
		Expect([]pipeline.Call{used, again}).To(HaveEach(MatchFields(IgnoreExtras, Fields{
			"Err": MatchError(context.Canceled), "MaybeApplied": BeFalse(),
		})))
		next := begin(conn, get("b"))
		Expect(reads(getSize)).To(HaveSuffix("b"), "nothing was sent before")
		_, err := far.Write(wire.AppendResponse(wire.AppendResponse(nil, wire.OK, nil), wire.NotFound, nil))
		Expect(err).NotTo(HaveOccurred())
		Expect(<-next).To(Succeed())
	})
})

// answerKeys answers every request with its key.
func answerKeys(l net.Listener) {
	nc, err := l.Accept()
	if err != nil {
		return
	}
	defer nc.Close() //nolint:errcheck // the client has what it wants
	var in []byte
	chunk := make([]byte, 4096)
	for {
		n, err := nc.Read(chunk)
		if err != nil {
			return
		}
		in = append(in, chunk[:n]...)
		var out []byte
		for {
			r, n, err := wire.ParseRequest(in)
			if err != nil {
				return
			}
			if n == 0 {
				break
			}
			out = wire.AppendResponse(out, wire.OK, r.Key)
			in = in[n:]
		}
		if _, err := nc.Write(out); err != nil {
			return
		}
	}
}

// hungUp is a connection whose other side is gone when it is first written to,
// with its last words still to be read.
type hungUp struct {
	net.Conn
	once  sync.Once
	wrote chan struct{}
}

func (h *hungUp) Write([]byte) (int, error) {
	h.once.Do(func() { close(h.wrote) })
	return 0, syscall.EPIPE
}

func (h *hungUp) Read(b []byte) (int, error) {
	<-h.wrote
	return h.Conn.Read(b)
}

func (h *hungUp) Close() error {
	h.once.Do(func() { close(h.wrote) })
	return h.Conn.Close()
}

// A renewal makes keys anew in capital letters, and fails for one.
type renewal struct{ fail string }

func (n *renewal) RenewRequest(r *wire.Request) error {
	if string(r.Key) == n.fail {
		return errors.New("no more")
	}
	r.Key = bytes.ToUpper(r.Key)
	return nil
}
