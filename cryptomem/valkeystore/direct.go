package valkeystore

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/Zezezknight/cryptomem/transport/socket"
)

const (
	// longestWait is what socket.LoneWait grows to for a caller that has waited for a
	// while.
	longestWait = time.Millisecond

	// loneBatch is how many commands may take a server twice as long as one.
	loneBatch = 32

	// largestBatch is the largest batch that a lone caller writes, in bytes, as what
	// others write while they read nothing (transport/pipeline).
	largestBatch = 32 << 10

	// largestDirect is the largest command that a lone caller writes, in bytes: an idle
	// socket takes as much without blocking.
	largestDirect = 8 << 10

	// minRead is the least room that there is for what is read, in bytes.
	minRead = 512
)

// A directPath lets a single caller bypass valkey-go on its connection: the caller writes
// its command and reads the answer itself, which saves waking two goroutines. Since
// the connection is the same, commands are still applied in the order sent.
//
// One party at a time reads:
//
//	the reader ──► none      a lone call was answered, and nothing else is in flight
//	none ──► a caller        a lone call begins
//	a caller ──► none        its answer came, and no other call has begun
//	a caller ──► the reader  other calls have begun, or the caller's context has ended
//	none ──► the reader      valkey-go writes, or the stream ends
//
// The reader is valkey-go's. It does not see the answer of a lone caller that gave up.
type directPath struct {
	nc   socket.PromptConn
	conn *conn

	// Held during writes; taken before mu.
	writing sync.Mutex

	// Guards the fields below.
	mu sync.Mutex
	by party
	// How often valkey-go has written, and up to which of these times it has surely
	// heard all answers. How often of the others it was just a PING.
	written, answered, pings uint64
	// wrote is its last write.
	wrote trace
	// An era ends with each write that was neither a call by itself nor a PING.
	era *era
	// The reader has to pause.
	wanted bool
	// The reader was woken by a deadline.
	kicked bool
	// What a caller has read for the reader.
	rest []byte
	// orphan is what the reader has to drop.
	orphan orphan

	// out and in belong to the caller who reads.
	out, in []byte
}

// pingCommand is what valkey-go asks when it has not heard anything for a while.
const pingCommand = "*1\r\n$4\r\nPING\r\n"

type party uint8

const (
	byReader party = iota
	byNone
	byCaller
)

// An era is a time in which only lone calls used a connection, and no connection was
// lost or made. While it lasts, the slots that the connection is known to serve stay
// the same.
type era struct {
	direct *directPath
	epoch  uint32
}

// An orphan is the answers whose caller has given up.
type orphan struct {
	// How many there are.
	answers int
	// Bytes of the first one, while its size is not known.
	head []byte
	// Bytes of it that are still to come, when it is.
	left int
}

func newDirectPath(nc socket.PromptConn, c *conn) *directPath {
	return &directPath{nc: nc, conn: c}
}

// announce notes that valkey-go is about to write. It requires writing.
func (a *directPath) announce(b []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.written++
	if string(b) == pingCommand {
		a.pings++
	}
	a.wrote = trace{size: len(b), turn: a.conn.network.writes.Add(1)}
	a.conn.network.last.Store(a)
	if a.by == byNone {
		a.resume()
	}
}

// resume gives the connection back to the reader, which does not have it. It
// requires mu.
func (a *directPath) resume() {
	a.by, a.wanted = byReader, false
	a.nc.Resume()
}

// kick wakes the reader. It requires mu.
func (a *directPath) kick() {
	a.kicked = true
	// fails if it is closed, and the reader awake
	_ = a.nc.SetReadDeadline(time.Unix(1, 0))
}

// settle notes that a call by itself was answered, if what valkey-go wrote last was that
// and nothing else. It returns the era, or nil.
func (a *directPath) settle(t trace) *era {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.wrote != t {
		return nil
	}
	epoch := a.conn.network.epoch.Load()
	if a.era == nil || a.era.epoch != epoch || a.written != a.answered+a.pings+1 {
		a.era = &era{a, epoch}
	}
	a.answered, a.pings = a.written, 0
	if a.by == byReader && !a.wanted {
		a.wanted = true
		a.kick()
	}
	return a.era
}

// read is conn.Read for valkey-go.
func (a *directPath) read(b []byte) (int, error) {
	for {
		n, mine := a.turnOf(b)
		if n > 0 {
			return n, nil
		}
		if !mine {
			a.nc.AwaitNews()
			a.mu.Lock()
			if a.by == byNone {
				a.resume()
			}
			a.mu.Unlock()
			continue
		}
		n, err := a.nc.Read(b)
		if a.woken(err) {
			continue
		}
		n, bad := a.discard(b, n)
		if err == nil {
			err = bad
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// turnOf reports whether it is the reader's turn, and reads what a caller has left.
func (a *directPath) turnOf(b []byte) (n int, mine bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.kicked {
		a.kicked = false
		_ = a.nc.SetReadDeadline(time.Time{})
	}
	if a.by == byReader && len(a.rest) > 0 {
		n = copy(b, a.rest)
		a.rest = a.rest[n:]
		return n, true
	}
	if a.by == byReader && a.wanted {
		a.wanted = false
		if a.written == a.answered {
			a.by = byNone
			a.nc.Pause()
		}
	}
	return 0, a.by == byReader
}

// woken reports whether the error is only that of being woken.
func (a *directPath) woken(err error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.kicked
}

// discard takes orphans out of the n bytes and returns how many are left.
func (a *directPath) discard(b []byte, n int) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	o, at := &a.orphan, 0
	for o.answers > 0 && at < n {
		if o.left == 0 {
			known := len(o.head)
			o.head = append(o.head, b[at:n]...)
			_, size, err := answerSize(o.head)
			if size == 0 || err != nil {
				return 0, err
			}
			o.head, o.left = nil, size-known
		}
		dropped := min(n-at, o.left)
		at += dropped
		if o.left -= dropped; o.left == 0 {
			o.answers--
		}
	}
	return copy(b, b[at:n]), nil
}

// take gives the connection to a lone caller, who sends next, and reports whether it
// is free: not while another call is in flight, nor when the era is over.
func (a *directPath) take(e *era) bool {
	if !a.writing.TryLock() {
		return false
	}
	a.mu.Lock()
	free := a.by == byNone && a.written == a.answered && a.era == e && e.epoch == a.conn.network.epoch.Load()
	if free {
		a.by = byCaller
	}
	a.mu.Unlock()
	if !free {
		a.writing.Unlock()
	}
	return free
}

// send writes out, for the caller who took the connection and reads next.
func (a *directPath) send() error {
	_, err := a.nc.Write(a.out)
	a.writing.Unlock()
	if err != nil {
		a.end()
		return a.conn.failed(err)
	}
	return nil
}

// ask sends a command and waits for the answer, whose text it appends to dst. If it
// reports false, nothing was applied: nothing was sent because another call is in
// flight or the era is over, or the server refused.
func (a *directPath) ask(ctx context.Context, e *era, words []string, dst []byte, patience time.Duration) (r reply, ok bool, err error) {
	if !a.take(e) {
		return r, false, nil
	}
	a.out = appendCommand(a.out[:0], words)
	if err := a.send(); err != nil {
		return r, true, err
	}
	all := a.answers(1, patience)
	b, head, err := all.next(ctx)
	if err != nil {
		return r, true, err
	}
	r = parseAnswer(dst[:0], b, head)
	all.end()
	return r, !r.refused, nil
}

// finish ends a caller's turn; more is what it has read after its answer.
func (a *directPath) finish(more []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(more) == 0 && a.written == a.answered {
		a.by = byNone
		return
	}
	a.rest = append(a.rest[:0], more...)
	a.resume()
	if len(more) > 0 {
		a.kick()
	}
}

// giveUp ends the turn of a caller that stops waiting for so many answers, with a part
// of the first.
func (a *directPath) giveUp(answers int, part []byte, size int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.orphan = orphanOf(answers, part, size)
	a.resume()
}

// orphanOf is the rest of so many answers, of the first of which a part was read; size is
// 0 if it is not known.
func orphanOf(answers int, part []byte, size int) orphan {
	if size > 0 {
		return orphan{answers: answers, left: size - len(part)}
	}
	return orphan{answers: answers, head: slices.Clone(part)}
}

// end closes the connection for the reader to find out.
func (a *directPath) end() {
	a.mu.Lock()
	a.resume()
	a.mu.Unlock()
	_ = a.conn.Close()
}
