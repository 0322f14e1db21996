package pipeline

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// Errors for calls that an Engine refuses, and for servers that break the protocol.
// The latter are final: it is no longer certain where the next answer starts.
var (
	ErrTooManyCalls     = errors.New("too many calls in flight")
	ErrUnsolicited      = errors.New("answer without a request")
	ErrUnexpectedStatus = errors.New("status does not answer the request")
	ErrAnswerTooLarge   = errors.New("answer is too large")
)

const (
	// receiveSize is the receive buffer: answers that fit are parsed in place,
	// larger ones are received straight into the call's own buffer.
	receiveSize = 32 << 10

	// firstBody is the most that is allocated for a large answer before its bytes arrive,
	// in bytes. After that the buffer doubles, so that memory follows what
	// arrives and not what a header claims.
	firstBody = 1 << 20

	// keepOutgoing is the largest outgoing buffer that is kept once it is empty.
	keepOutgoing = 1 << 20
)

// An Engine is the client side of one connection as a state machine: calls and
// received bytes go in, bytes to send and completed calls come out. It does no
// I/O, reads no clock and is not safe for concurrent use; Conn drives it over
// a net.Conn, a simulator drives it directly.
//
//	Submit ──► outgoing bytes ──► Outgoing, Sent
//	   └─────► queue of calls
//	                │ in order
//	Buffer, Received ──► answers ──► Completed
//
// Answers carry no request id: the n-th answer belongs to the n-th request.
// Everything here keeps that one invariant, which is why a cancelled call
// keeps its place and why a violation of the protocol ends the connection.
//
// Times are nanoseconds on any clock that does not go back.
type Engine struct {
	limits EngineLimits
	// err is set once the connection has failed.
	err error

	// queue is a ring whose length is a power of two.
	queue []slot
	// first is the place of the oldest unanswered call.
	first uint64
	// next is the place of the next call.
	next uint64
	// inFlight is how many bytes the unanswered requests have.
	inFlight  int
	completed []*Call

	out []byte
	// sent is how many bytes of out have been sent.
	sent int
	// handed is the place of the first call that Outgoing has not returned yet.
	handed uint64
	sendProgress

	// in is the receive buffer.
	in []byte
	// read is where in has been parsed up to: in[read:written] is still to be parsed.
	read    int
	written int
	// body receives a large answer.
	body []byte
	// bodySize is the whole size of that answer; 0 when none is arriving.
	bodySize int
	// heard is when the last bytes arrived.
	heard int64
	// answered is when the last answer was complete.
	answered int64
	// expired is the place of the first call that is not known to have taken too long.
	expired uint64
}

// A slot is a call's place in the queue. Its call is nil once cancelled.
type slot struct {
	call *Call
	// since is when the call was submitted.
	since int64
	// end is where its request ends in the bytes of all requests.
	end uint64
	// left is when the request's last byte was sent, 0 before that.
	left    int64
	size    int
	command wire.Command
}

// NewEngine returns the engine of a fresh connection.
func NewEngine(l EngineLimits) *Engine {
	return &Engine{limits: l.withDefaults(), queue: make([]slot, 16), in: make([]byte, receiveSize)}
}

// Submit encodes c's request behind the outgoing bytes and queues c for its
// answer. ErrBusy means that the limits are reached until answers come; other
// errors are a request that cannot be encoded and the error given to Fail.
func (e *Engine) Submit(now int64, c *Call) error {
	if e.err != nil {
		return e.err
	}
	if !e.fits(c) {
		return ErrTooManyCalls
	}
	out, err := wire.AppendRequest(e.out, &c.Request)
	if err != nil {
		return err
	}
	e.out = out
	if e.InFlight() == len(e.queue) {
		e.grow()
	}
	size := requestSize(c)
	e.submitted += uint64(size)
	*e.at(e.next) = slot{call: c, since: now, end: e.submitted, size: size, command: c.Request.Command}
	c.place, c.state = e.next, callPending
	c.Response, c.Err, c.MaybeApplied = wire.Response{}, nil, false
	e.next++
	e.inFlight += size
	return nil
}

func requestSize(c *Call) int {
	return wire.RequestHeaderSize + len(c.Request.Key) + len(c.Request.Value)
}

// fits reports whether the limits let c in.
func (e *Engine) fits(c *Call) bool {
	waiting := e.InFlight()
	return waiting == 0 || waiting < e.limits.MaxCalls && e.inFlight+requestSize(c) <= e.limits.MaxBytes
}

// Cancel gives c back to its caller and reports whether it was still waiting.
// Its place in the queue stays, for the answer to be read and dropped.
// The request has been or will be sent, so MaybeApplied is set.
func (e *Engine) Cancel(c *Call) bool {
	if c.state != callPending {
		return false
	}
	if e.bodySize > 0 && c.place == e.first {
		// bytes may be arriving in it right now
		c.Buffer = nil
	}
	e.at(c.place).call = nil
	c.state, c.MaybeApplied = callIdle, true
	return true
}

// InFlight returns the number of unanswered requests, including cancelled ones.
func (e *Engine) InFlight() int { return int(e.next - e.first) }

// Outgoing returns the bytes to send: those not yet reported by Sent. They
// stay valid, even when Submit is called, until the next Sent. From now on their
// calls count as MaybeApplied.
func (e *Engine) Outgoing() []byte {
	e.handed = e.next
	return e.out[e.sent:]
}

// Sent reports that the first n bytes of Outgoing have been sent.
func (e *Engine) Sent(n int, now int64) {
	e.noteSent(n, now)
	e.sent += n
	switch rest := len(e.out) - e.sent; {
	case rest == 0 && cap(e.out) > keepOutgoing:
		e.out, e.sent = nil, 0
	case rest == 0:
		e.out, e.sent = e.out[:0], 0
	case e.sent >= rest:
		e.out, e.sent = e.out[:copy(e.out, e.out[e.sent:])], 0
	}
}

// Buffer returns where the next received bytes go; it is never empty. It stays
// valid until the next Received.
func (e *Engine) Buffer() []byte {
	if e.bodySize > 0 {
		if len(e.body) == cap(e.body) {
			grown := make([]byte, len(e.body), min(2*cap(e.body), e.bodySize))
			copy(grown, e.body)
			e.body = grown
		}
		return e.body[len(e.body):min(cap(e.body), e.bodySize)]
	}
	if e.read > 0 {
		e.written, e.read = copy(e.in, e.in[e.read:e.written]), 0
	}
	return e.in[e.written:]
}

// Received reports that n bytes arrived in Buffer and completes the calls that
// they answer. An error is a violation of the protocol: calls answered before
// it are complete, and the caller has to call Fail and close the connection.
func (e *Engine) Received(n int, now int64) error {
	if e.err != nil {
		return e.err
	}
	first := e.first
	err := e.received(n)
	e.heard = now
	if e.first > first {
		e.answered = now
	}
	return err
}

func (e *Engine) received(n int) error {
	if e.bodySize > 0 {
		e.body = e.body[:len(e.body)+n]
		if len(e.body) < e.bodySize {
			return nil
		}
		e.completeBody()
		return nil
	}
	e.written += n
	for {
		more, err := e.parse()
		if err != nil || !more {
			return err
		}
	}
}

// Completed appends the calls completed since it was last called, in the order
// of their completion, and returns the extended slice.
func (e *Engine) Completed(dst []*Call) []*Call {
	dst = append(dst, e.completed...)
	clear(e.completed)
	e.completed = e.completed[:0]
	return dst
}

// Fail reports that the connection is gone. Every unanswered call completes
// with err, and with MaybeApplied if Outgoing had returned its bytes; Submit and
// Received return err from now on. Only the first Fail counts.
func (e *Engine) Fail(err error) {
	if e.err != nil {
		return
	}
	e.err = err
	if e.bodySize > 0 {
		if c := e.at(e.first).call; c != nil {
			// bytes may be arriving in it right now
			c.Buffer = nil
		}
		e.body, e.bodySize = nil, 0
	}
	for ; e.first < e.next; e.first++ {
		if c := e.at(e.first).call; c != nil {
			c.Err, c.MaybeApplied, c.state = err, e.first < e.handed, callIdle
			e.completed = append(e.completed, c)
		}
	}
	e.queue, e.out, e.sent, e.inFlight = nil, nil, 0, 0
}

// parse takes one answer from the receive buffer and reports whether there may
// be another one.
func (e *Engine) parse() (more bool, err error) {
	b := e.in[e.read:e.written]
	if wire.BadMagic(b) {
		if e.first == 0 {
			return false, fmt.Errorf("%w; the server may expect TLS, or not be a cryptomem server", wire.ErrFraming)
		}
		return false, wire.ErrFraming
	}
	if len(b) < wire.ResponseHeaderSize {
		return false, nil
	}
	status, declared, value := wire.Status(b[2]), binary.BigEndian.Uint32(b[3:]), b[wire.ResponseHeaderSize:]
	if e.InFlight() == 0 {
		return false, unsolicited(status, declared, value)
	}
	head := e.at(e.first)
	if !head.command.MayAnswer(status) {
		return false, fmt.Errorf("%w: %q to %v", ErrUnexpectedStatus, status, head.command)
	}
	if uint64(declared) > uint64(e.limits.MaxAnswer) {
		return false, fmt.Errorf("%w: its value is %d bytes, limit %d", ErrAnswerTooLarge, declared, e.limits.MaxAnswer)
	}
	size := int(declared)
	if len(value) >= size {
		e.read += wire.ResponseHeaderSize + size
		if c := head.call; c != nil {
			c.Buffer = append(c.Buffer[:0], value[:size]...)
			c.Response = wire.Response{Status: status, Value: c.Buffer}
		}
		e.pop()
		return true, nil
	}
	if wire.ResponseHeaderSize+size > len(e.in) {
		e.beginBody(head.call, status, size, value)
	}
	return false, nil
}

// unsolicited returns the error for an answer without a request, nil while
// its message is incomplete. A server that turns a connection away says why in
// such an answer.
func unsolicited(status wire.Status, declared uint32, value []byte) error {
	const longest = 1024
	if status == wire.OK || status == wire.NotFound || declared > longest {
		return fmt.Errorf("%w: %q", ErrUnsolicited, status)
	}
	if len(value) < int(declared) {
		return nil
	}
	return fmt.Errorf("%w: %q, %q", ErrUnsolicited, status, value[:declared])
}

// beginBody moves a large answer out of the receive buffer, where it comes last, into
// the call's own buffer.
func (e *Engine) beginBody(c *Call, status wire.Status, size int, start []byte) {
	var body []byte
	if c != nil {
		body = c.Buffer[:0]
		c.Response.Status = status
	}
	if cap(body) < min(size, firstBody) {
		body = make([]byte, 0, min(size, firstBody))
	}
	e.body, e.bodySize = append(body, start...), size
	e.read, e.written = 0, 0
}

func (e *Engine) completeBody() {
	if c := e.at(e.first).call; c != nil {
		c.Buffer = e.body
		c.Response.Value = e.body
	}
	e.body, e.bodySize = nil, 0
	e.pop()
}

// pop completes the oldest call, whose answer is in place.
func (e *Engine) pop() {
	s := e.at(e.first)
	if s.call != nil {
		s.call.state = callIdle
		e.completed = append(e.completed, s.call)
	}
	e.inFlight -= s.size
	*s = slot{}
	e.first++
}

func (e *Engine) at(place uint64) *slot { return &e.queue[place&uint64(len(e.queue)-1)] }

func (e *Engine) grow() {
	old := e.queue
	e.queue = make([]slot, 2*len(old))
	for p := e.first; p < e.next; p++ {
		*e.at(p) = old[p&uint64(len(old)-1)]
	}
}
