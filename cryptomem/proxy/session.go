package proxy

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/command"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/keyspace"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
)

// Sizes of what a session holds, in bytes.
const (
	blockSize = 16 << 10 // of pooled memory for input, and for answers
	highWater = 64 << 10 // of answers not sent at which execution pauses
)

var blocks = sync.Pool{New: func() any { return new([blockSize]byte) }}

// A Session is the proxy's side of one connection: received bytes go in, answers
// come out. It knows no sockets; its calls wait for the upstream alone. It is for
// one goroutine at a time.
//
// The life of a connection is a loop: read into Buffer, tell Received, then
// Execute and send Pending until nothing is pending. A client that does not
// read its answers therefore stops being read from.
type Session struct {
	proxy  *Proxy
	parser *resp.Parser
	peer   peer

	id       int64
	version  resp.Version
	database int
	space    *keyspace.Space
	// Has given the password, or none is asked for.
	trusted   bool
	replyMode replyMode
	tx        transaction
	// batch is nil while nothing is collected.
	batch *batch
	// width of the next one.
	width int

	// A block, or larger for a large command.
	in []byte
	// in[start:end] is received and not executed.
	start, end int
	// The instant at which the unfinished command was first seen, 0 = none.
	begun int64
	out   []byte
	// Bytes of out that are sent.
	sent int
	held held
	err  error
}

// A peer is what CLIENT LIST tells of a session. Others read it.
type peer struct {
	remote, local string
	// Unix milliseconds.
	since int64

	// Unix milliseconds.
	active atomic.Int64
	// When it was told last.
	database atomic.Int32
	version  atomic.Int32

	// Guards what follows; only its own session changes it.
	mu         sync.Mutex
	name       string
	library    string
	libraryVer string
}

// NewSession returns a session for a connection between the addresses, which are only
// shown to people. The caller has to close it.
func (p *Proxy) NewSession(remote, local string) (*Session, error) {
	space, err := p.space(0)
	if err != nil {
		return nil, err
	}
	s := &Session{
		proxy:   p,
		parser:  resp.NewParser(p.settings.Requests),
		version: resp.RESP2,
		space:   space,
		trusted: p.settings.Password == "",
	}
	s.peer.remote, s.peer.local = remote, local
	s.peer.since = p.settings.Clock.Now().UnixMilli()
	s.peer.active.Store(s.peer.since)
	s.tell()
	p.enter(s)
	return s, nil
}

// Buffer returns where the next received bytes go.
func (s *Session) Buffer() []byte {
	if s.in == nil {
		s.in = blocks.Get().(*[blockSize]byte)[:]
	}
	if s.start == s.end {
		s.start, s.end = 0, 0
	}
	need := max(s.parser.Need(), s.end-s.start+1)
	switch {
	case s.start > 0 && need <= len(s.in) && len(s.in)-s.end < len(s.in)/2, s.start > 0 && need > len(s.in)-s.start && need <= len(s.in):
		s.end = copy(s.in, s.in[s.start:s.end])
		s.start = 0
	case need > len(s.in)-s.start:
		// Memory follows what has arrived: at most twice as much at a time.
		size := 2 * max(s.end-s.start, len(s.in))
		if known := s.parser.Need(); known > s.end-s.start {
			size = min(size, known)
		}
		all := size + s.parser.Held()
		if !s.charge(&s.held.input, all) {
			if s.skipUnfinished() {
				return s.Buffer()
			}
			s.chargeUnchecked(&s.held.input, all)
		}
		s.setInput(make([]byte, size))
	}
	return s.in[s.end:]
}

// setInput moves what is not executed to in.
func (s *Session) setInput(in []byte) {
	n := copy(in, s.in[s.start:s.end])
	s.recycleInput()
	s.in, s.start, s.end = in, 0, n
}

func (s *Session) freeInput() {
	s.recycleInput()
	s.in, s.start, s.end = nil, 0, 0
	s.charge(&s.held.input, 0)
}

func (s *Session) recycleInput() {
	if len(s.in) == blockSize {
		blocks.Put((*[blockSize]byte)(s.in))
	}
}

// Received says that n bytes have arrived in Buffer.
func (s *Session) Received(n int) { s.end += n }

// Release gives the input buffer back if it holds next to nothing, so that an idle
// connection needs none. The next call of Buffer borrows one again.
func (s *Session) Release() {
	const maxKept = 1 << 10
	switch rest := s.in[s.start:s.end]; {
	case len(rest) == 0:
		s.freeInput()
	case len(rest) <= maxKept && len(s.in) >= blockSize:
		rest = bytes.Clone(rest)
		s.freeInput()
		s.in, s.end = rest, len(rest)
	}
}

// Hold charges the answers that wait for their reader. If it reports false, all
// sessions together are at their limit, and the connection has to be closed.
func (s *Session) Hold() bool { return s.charge(&s.held.output, cap(s.out)) }

// Execute executes complete commands until the input is used up or enough answers are
// pending. The instant now is for Begun. After an error, send Pending and then close
// the connection.
func (s *Session) Execute(now int64) error {
	if s.in == nil {
		return s.err
	}
	if s.start < s.end {
		s.peer.active.Store(s.space.Now())
	}
	began := s.proxy.settings.Clock.Now()
	for s.err == nil && s.Unsent() < highWater {
		args, n, err := s.parser.Next(s.in[s.start:s.end])
		s.start += n
		if args != nil || err != nil {
			s.begun = 0
		}
		switch {
		case errors.Is(err, resp.ErrTooLarge):
			s.refuseUnread("is", err)
		case errors.As(err, new(inFlightError)):
			s.refuseUnread("is refused:", err)
		case err != nil:
			s.flush()
			s.fail("ERR " + err.Error())
			s.end = s.start
			s.err = err
		case args != nil:
			s.dispatch(args)
		case n == 0:
			s.flush()
			s.note(now, began)
			return s.err
		}
	}
	s.flush()
	s.note(now, began)
	return s.err
}

// note keeps the instant at which an unfinished command began. The instant now was at
// began: what was executed since has taken its time, which is not the client's.
func (s *Session) note(now int64, began time.Time) {
	if !s.tx.open {
		s.charge(&s.held.queued, 0)
	}
	if s.start == s.end && len(s.in) > blockSize {
		s.freeInput()
	}
	switch unfinished := s.start < s.end || s.parser.Unfinished(); {
	case !unfinished:
		s.begun = 0
	case s.begun == 0:
		s.begun = now + int64(s.proxy.settings.Clock.Since(began))
	}
}

// refuseUnread answers a command that has been skipped.
func (s *Session) refuseUnread(how string, err error) {
	s.flush()
	s.tx.spoil()
	s.fail("ERR '" + printable(s.parser.Name()) + "' " + how + " " + err.Error())
}

// dispatch executes one command, or adds it to those that are executed together.
func (s *Session) dispatch(args [][]byte) {
	c, text := s.find(args)
	if text != "" {
		s.flush()
		s.tx.spoil()
		s.refused(args)
		s.fail(text)
		return
	}
	if !s.trusted && c.Flags&command.NoAuth == 0 {
		s.flush()
		s.fail("NOAUTH Authentication required.")
		return
	}
	s.proxy.counts.commands[c.Index].Add(1)
	if s.tx.open && !endsQueue(c.Name) {
		s.queue(c, args)
		return
	}
	if c.Run != nil {
		s.collect(c, args)
		return
	}
	s.flush()
	s.call(c, args)
}

// find returns the command that args is, a subcommand included, or the text of
// the error that it is answered with.
func (s *Session) find(args [][]byte) (c *command.Command, text string) {
	c = command.Find(args[0])
	if c == nil {
		return nil, command.ErrUnknown(args)
	}
	if c.Subcommands != nil && len(args) > 1 {
		sub := c.Sub(args[1])
		if sub == nil {
			return nil, errSubcommand(c, args[1])
		}
		c = sub
	}
	if !c.Takes(len(args)) {
		return nil, command.ErrArity(c.Name)
	}
	return c, ""
}

// call has a handler of the session answer.
func (s *Session) call(c *command.Command, args [][]byte) {
	start := len(s.output())
	handlers[c.Name](s, args)
	s.replyMode.apply(s, start)
}

// fail answers with an error.
func (s *Session) fail(text string) {
	start := len(s.output())
	s.out = resp.AppendError(s.out, text)
	s.replyMode.apply(s, start)
}

// output returns the answers so far, ready to be appended to.
func (s *Session) output() []byte {
	if s.out == nil {
		s.out = blocks.Get().(*[blockSize]byte)[:0]
	}
	return s.out
}

// Pending returns the answers that have not been sent, empty if there are none.
// It is valid until the next call of Execute or Sent.
func (s *Session) Pending() net.Buffers {
	if s.Unsent() == 0 {
		return nil
	}
	return net.Buffers{s.out[s.sent:]}
}

// Unsent returns the number of bytes not sent yet.
func (s *Session) Unsent() int { return len(s.out) - s.sent }

// Sent says that the first n bytes of Pending have been sent.
func (s *Session) Sent(n int) {
	s.sent += n
	if s.Unsent() > 0 {
		return
	}
	if cap(s.out) == blockSize {
		blocks.Put((*[blockSize]byte)(s.out[:blockSize]))
	}
	s.out, s.sent = nil, 0
	s.charge(&s.held.output, 0)
}

// Begun returns the instant at which the first bytes of the unfinished command
// were seen, and false if none is unfinished.
func (s *Session) Begun() (since int64, ok bool) { return s.begun, s.begun != 0 }

// Abort gives up the unfinished command: it is answered with reason, and nothing more
// is executed.
func (s *Session) Abort(reason error) {
	if s.err == nil {
		s.fail("ERR " + reason.Error())
		s.start, s.end, s.err = 0, 0, reason
	}
}

// Close gives back all memory, pending answers included.
func (s *Session) Close() {
	s.proxy.leave(s)
	s.freeInput()
	s.Sent(s.Unsent())
	s.charge(&s.held.queued, 0)
}
