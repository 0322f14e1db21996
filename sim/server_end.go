package sim

import (
	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
	"github.com/Zezezknight/cryptomem/transport/session"
)

// A serverEnd is the server's end of a connection, and the handler of its
// session.
type serverEnd struct {
	w       *world
	conn    *conn
	session *session.Session
	// handler of the product for this connection, and, where identities count,
	// what it is behind.
	handler interface {
		session.LargeHandler
		session.Prefetcher
	}
	guarded guarded
	visitor *oracle.Visitor
	// The server has ended the connection, most often behind an answer.
	over bool
	// It was one too many, or its client has not authenticated in time; and it has given
	// back its place.
	overLimit, turnedAway, left bool
	// A large value is arriving.
	staging bool
	// What is refused now was let in when it began.
	letIn bool
	// Hashes of the answers given, in order.
	answers []uint64
	// A batch is under way since began, and so many answers have left in it.
	measuring bool
	began     int64
	answered  int
	// The session has answered what was no whole request.
	failed bool
	reader answerReader
	// Answers wait for room in the pipe.
	backlog bool
	// The client sends no more.
	noMore bool
	// The connection dies before the next answer is out.
	cut bool
}

// receive hands bytes to the session and lets it execute. While answers wait
// it takes nothing, which is how a client that does not read is held back.
func (e *serverEnd) receive(b []byte) (n int) {
	if e.over {
		return len(b)
	}
	for n < len(b) && !e.backlog && !e.conn.gone {
		buffer := e.session.Buffer()
		if len(buffer) == 0 {
			// the session has failed and does not read any more
			return len(b)
		}
		got := copy(buffer, b[n:])
		e.session.Received(got)
		n += got
		e.run()
	}
	if !e.conn.gone {
		// The product's shell does so before it waits for more.
		if script.Draw(e.w.script.Seed, uint64(e.w.now))&1 == 0 {
			e.session.Release()
		}
		if _, partial := e.session.Begun(); partial {
			e.w.cover(StatePartialFrame)
		}
	}
	return n
}

// run executes and sends until nothing is left to do.
func (e *serverEnd) run() {
	for {
		now := e.conn.node.cache.Now()
		e.begin(now)
		err := e.session.Execute(now)
		e.lastWord(err)
		pending := e.session.Pending()
		if len(pending) == 0 {
			e.measure(now)
			if err != nil || e.noMore {
				e.conn.down.close()
			}
			return
		}
		if e.cut {
			e.w.cover(StateCutAnswer)
			e.conn.cut("before the answer")
			return
		}
		sent, whole := 0, true
		for _, b := range pending {
			n := e.conn.down.send(b)
			e.sends(b[:n])
			sent += n
			if whole = n == len(b); !whole {
				break
			}
		}
		e.session.Sent(sent)
		if !whole {
			if !e.session.Hold() {
				e.w.cover(StateHeldTooMuch)
				e.conn.cut("no memory for answers")
				return
			}
			if !e.backlog {
				e.w.cover(StateBackpressure)
			}
			e.backlog = true
			return
		}
		if e.overLimit {
			e.close()
			return
		}
	}
}

func (e *serverEnd) drained() {
	if !e.backlog || e.conn.gone || e.conn.down.room() == 0 {
		return
	}
	if e.w.now < e.conn.node.frozen {
		e.w.events.push(e.conn.node.frozen, rankServer, e.conn.lane, e.drained)
		return
	}
	e.backlog = false
	e.run()
	if !e.backlog && !e.conn.gone {
		e.conn.up.unblock()
	}
}

func (e *serverEnd) ended() {
	e.noMore = true
	e.w.cover(StateHalfClosed)
	if !e.backlog {
		e.run()
	}
}

func (e *serverEnd) lost(error) {
	if _, partial := e.session.Begun(); partial {
		e.w.cover(StateCutPartial)
	}
	if e.backlog {
		e.w.cover(StateCutBacklog)
	}
	for _, b := range e.session.Pending() {
		e.sends(b)
	}
	e.measure(e.conn.node.cache.Now())
	e.session.Close()
	e.leave()
	if e.guarded != nil {
		e.visitor.Leave()
		_ = e.guarded.Close() // always nil
	}
}
