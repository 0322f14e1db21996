package conformance

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// quiet is how long is waited for an answer that must not come.
const quiet = 100 * time.Millisecond

// longestAnswer bounds what an answer may be longer than the longest value, as one
// of STATS or SCAN is, in bytes.
const longestAnswer = 64 << 20

// A peer is one connection to the server, and what was asked on it.
type peer struct {
	trial *trial
	conn  net.Conn
	in    *bufio.Reader
	// Queued, not sent.
	out     []byte
	waiting []wire.Command
	// The end of the stream was seen, or is none of the case's business.
	over  bool
	close func()
}

// open uses conn until close, or until the trial's context ends.
func (p *peer) open(conn net.Conn) {
	p.conn, p.in = conn, bufio.NewReader(conn)
	stop := context.AfterFunc(p.trial.ctx, func() { _ = conn.Close() }) // which ends what is waited for
	p.close = func() {
		stop()
		// all that matters was said
		_ = conn.Close()
	}
}

// ask sends one request and returns its answer. A key that is not empty gets the
// trial's prefix.
func (p *peer) ask(c wire.Command, key, value string, ttl time.Duration) answer {
	p.queue(c, key, value, ttl)
	p.flush()
	return p.next()
}

// queue puts a request behind those that flush will send.
func (p *peer) queue(c wire.Command, key, value string, ttl time.Duration) {
	if key != "" {
		if p.trial.keys == nil {
			p.trial.keys = make(map[string]bool)
		}
		p.trial.keys[key] = true
		key = p.trial.prefix + key
	}
	p.queueRaw(wire.Request{Command: c, Key: []byte(key), Value: []byte(value), TTL: ttl})
}

// queueRaw is queue with the key as it is.
func (p *peer) queueRaw(r wire.Request) {
	out, err := wire.AppendRequest(p.out, &r)
	if err != nil {
		p.trial.fail("%w", err)
		return
	}
	p.out = out
	p.waiting = append(p.waiting, r.Command)
}

// flush sends what is queued.
func (p *peer) flush() {
	p.write(p.out)
	p.out = nil
}

// flushAllBut sends what is queued without its last n bytes, which stay.
func (p *peer) flushAllBut(n int) {
	cut := len(p.out) - n
	p.write(p.out[:cut])
	p.out = p.out[cut:]
}

// write sends bytes, whatever they are.
func (p *peer) write(b []byte) {
	t := p.trial
	if t.err != nil {
		return
	}
	_ = p.conn.SetWriteDeadline(t.now().Add(t.server.Timeout)) // or Write tells
	if _, err := p.conn.Write(b); err != nil {
		t.fail("send %d bytes: %w", len(b), err)
	}
}

// endWriting ends the sending side alone, and reports whether this kind of
// connection can.
func (p *peer) endWriting() bool {
	half, ok := p.conn.(interface{ CloseWrite() error })
	if ok && p.trial.err == nil {
		if err := half.CloseWrite(); err != nil {
			p.trial.fail("end the sending side: %w", err)
		}
	}
	return ok
}

// answer is what came back to a request. The zero one stands for what a failed trial
// would have been told.
type answer struct {
	wire.Response
	trial   *trial
	command wire.Command
}

// next returns the answer to the oldest request that has none yet, held to what
// every answer of its command is held to.
func (p *peer) next() answer {
	t := p.trial
	if t.err != nil || len(p.waiting) == 0 {
		t.fail("an answer was to be read that nothing was asked for")
		return answer{trial: t}
	}
	a := answer{trial: t, command: p.waiting[0]}
	p.waiting = p.waiting[1:]
	a.Response = p.receive(a.command.String(), t.server.Timeout)
	if t.err == nil {
		a.judge()
	}
	return a
}

// receive reads one frame.
func (p *peer) receive(what string, within time.Duration) wire.Response {
	t := p.trial
	if t.err != nil {
		return wire.Response{}
	}
	_ = p.conn.SetReadDeadline(t.now().Add(within)) // or reading tells
	frame := make([]byte, wire.ResponseHeaderSize)
	if n, err := io.ReadFull(p.in, frame); err != nil {
		t.fail("the answer to %s: %s after %d bytes of its header", what, reason(err), n)
		return wire.Response{}
	}
	if wire.BadMagic(frame) {
		t.fail("the answer to %s begins with %x, not with %q", what, frame[:2], "CM")
		return wire.Response{}
	}
	size := int64(frame[3])<<24 | int64(frame[4])<<16 | int64(frame[5])<<8 | int64(frame[6])
	if limit := int64(t.server.MaxValueSize) + longestAnswer; size > limit {
		t.fail("the answer to %s declares a value of %d bytes", what, size)
		return wire.Response{}
	}
	value := make([]byte, size)
	if n, err := io.ReadFull(p.in, value); err != nil {
		t.fail("the answer to %s: %s after %d of %d bytes of its value", what, reason(err), n, size)
		return wire.Response{}
	}
	return wire.Response{Status: wire.Status(frame[2]), Value: value}
}

// reason puts an error of reading into words.
func reason(err error) string {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "nothing came in time"
	case isEnd(err):
		return "the connection ended"
	}
	return err.Error()
}

func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// judge holds an answer to what docs/protocol.md says of every one of its command.
func (a answer) judge() {
	known := a.command.Known()
	switch {
	case known && !a.command.MayAnswer(a.Status), !known && a.Status != wire.Error:
		a.trial.fail("%s is answered %q, which it cannot be", a.command, a.Status)
	case (a.Status == wire.NotFound || a.Status == wire.Exists) && len(a.Value) > 0:
		a.trial.fail("%s is answered %q with a value of %d bytes, which has none", a.command, a.Status, len(a.Value))
	case a.Status > wire.OK && a.Status != wire.Exists && (len(a.Value) == 0 || !utf8.Valid(a.Value)):
		a.trial.fail("%s is answered %q with a message that is no text in UTF-8: %x", a.command, a.Status, first(a.Value))
	case a.Status != wire.OK:
	case answersEmpty(a.command) && len(a.Value) > 0:
		a.trial.fail("%s is answered OK with a value of %d bytes, which has none", a.command, len(a.Value))
	case a.command == wire.GetV && len(a.Value) < wire.ItemSize:
		a.trial.fail("GETV is answered OK with %d bytes, the least is %d", len(a.Value), wire.ItemSize)
	case (a.command == wire.CAS || a.command == wire.Flush) && len(a.Value) != wire.VersionSize:
		a.trial.fail("%s is answered OK with %d bytes, it is a number of %d", a.command, len(a.Value), wire.VersionSize)
	}
}

// answersEmpty reports whether OK is all that the command's answer says.
func answersEmpty(c wire.Command) bool {
	switch c {
	case wire.Set, wire.Delete, wire.Add, wire.Replace, wire.Touch, wire.Auth:
		return true
	}
	return false
}

// is demands a status.
func (a answer) is(want wire.Status) answer {
	if a.Status != want {
		a.trial.fail("%s is answered %s, not %q", a.command, a.said(), want)
	}
	return a
}

// holds demands OK and a value.
func (a answer) holds(want string) answer {
	a.is(wire.OK)
	if string(a.Value) != want {
		a.trial.fail("%s is answered with %s, not with %s", a.command, shown(a.Value), shown([]byte(want)))
	}
	return a
}

// said is an answer in words.
func (a answer) said() string {
	if a.Status > wire.OK && len(a.Value) > 0 {
		return wire.Quote([]byte(a.Status.String())) + " (" + string(first(a.Value)) + ")"
	}
	return wire.Quote([]byte(a.Status.String()))
}

// shown is a value for a message: long ones by their beginning.
func shown(b []byte) string { return wire.Quote(b) }

func first(b []byte) []byte { return b[:min(len(b), wire.MaxMessage)] }

// login authenticates.
func (p *peer) login() answer { return p.auth(p.trial.server.Identity, string(p.trial.server.Token)) }

func (p *peer) auth(identity, token string) answer {
	p.queueRaw(wire.Request{Command: wire.Auth, Key: []byte(identity), Value: []byte(token)})
	p.flush()
	return p.next()
}

// silent demands that nothing comes for a moment, and that the connection stays.
func (p *peer) silent(while string) {
	t := p.trial
	if t.err != nil {
		return
	}
	_ = p.conn.SetReadDeadline(t.now().Add(quiet)) // or reading tells
	_, err := p.in.Peek(1)
	switch {
	case err == nil:
		t.fail("the server says something while %s", while)
	case !errors.Is(err, os.ErrDeadlineExceeded):
		t.fail("%s while %s", reason(err), while)
	}
}

// begins waits until an answer has begun to arrive.
func (p *peer) begins() {
	t := p.trial
	if t.err != nil {
		return
	}
	_ = p.conn.SetReadDeadline(t.now().Add(t.server.Timeout)) // or reading tells
	if _, err := p.in.Peek(1); err != nil {
		t.fail("an answer: %s", reason(err))
	}
}

// ends demands that the server closes the connection and says nothing more.
func (p *peer) ends(within time.Duration) {
	t := p.trial
	if t.err != nil {
		return
	}
	p.over = true
	_ = p.conn.SetReadDeadline(t.now().Add(within)) // or reading tells
	_, err := p.in.ReadByte()
	switch {
	case err == nil:
		t.fail("the server says more behind its last answer")
	case !isEnd(err):
		t.fail("the server leaves the connection open: %s", reason(err))
	}
}

// finish demands that no answer is left where every request has had one.
func (p *peer) finish() {
	if p.conn == nil || p.over || p.trial.err != nil || len(p.waiting) > 0 {
		return
	}
	if p.endWriting() {
		p.ends(p.trial.server.Timeout)
	}
}

// long is a value of n bytes that tells where it was cut.
func long(n int) string {
	const ruler = "0123456789abcdefghijklmnopqrstuvwxyz"
	return strings.Repeat(ruler, n/len(ruler)+1)[:n]
}
