package cryptomemtest

import (
	"net"
	"sync"
	"time"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A link carries one connection's requests to the server and the answers back, and
// does to them what the test asks for.
//
//	client ── requests ──► queue of fates, to the server ──► answers, when due ──► client
type link struct {
	server *Server
	// The far end of what the client holds.
	client net.Conn
	// up to the server.
	up net.Conn

	// Closed with the link.
	ended chan struct{}
	// One token: there are answers.
	wake chan struct{}
	end  sync.Once

	// Guards what follows.
	mu sync.Mutex
	// fates of the requests without an answer, in order.
	fates []fate
	// answers on their way to the client.
	answers []answer
}

// A fate is what happens to a request.
type fate struct {
	command wire.Command
	// refused is set if the answer is busy, without asking the server.
	refused bool
	// Carried out, and the connection ends before its answer.
	lost bool
}

// An answer goes to the client when it is due.
type answer struct {
	bytes []byte
	due   time.Time
	// End the connection in its place.
	last bool
}

// newLink connects to the server and returns the client's end.
func newLink(s *Server) net.Conn {
	near, client := net.Pipe()
	up, far := net.Pipe()
	l := &link{server: s, client: client, up: up, ended: make(chan struct{}), wake: make(chan struct{}, 1)}
	go s.server.ServeConn(far)
	go l.carryRequests()
	go l.readAnswers()
	go l.deliverAnswers()
	return near
}

func (l *link) close() {
	// always nil, as that of the other
	_ = l.client.Close()
	_ = l.up.Close()
	l.end.Do(func() { close(l.ended) })
}

// carryRequests hands whole requests to the server, but for those refused here.
func (l *link) carryRequests() {
	defer l.close()
	var in []byte
	chunk := make([]byte, 32<<10)
	for {
		n, err := l.client.Read(chunk)
		in = append(in, chunk[:n]...)
		for {
			r, size, e := wire.ParseRequest(in)
			if e != nil {
				return
			}
			if size == 0 {
				break
			}
			f := l.server.decide(&r)
			l.mu.Lock()
			l.fates = append(l.fates, f)
			l.refuse()
			l.mu.Unlock()
			if !f.refused {
				if _, e := l.up.Write(in[:size]); e != nil {
					return
				}
			}
			in = in[size:]
		}
		if err != nil {
			return
		}
	}
}

// readAnswers takes whole answers from the server, each for the next request that
// was sent to it.
func (l *link) readAnswers() {
	// behind the answers that are on their way
	defer l.answer(nil)
	var in []byte
	chunk := make([]byte, 32<<10)
	for {
		n, err := l.up.Read(chunk)
		in = append(in, chunk[:n]...)
		for {
			_, size, e := wire.ParseResponse(in)
			if e != nil {
				return
			}
			if size == 0 {
				break
			}
			l.answer(in[:size])
			in = in[size:]
		}
		if err != nil {
			return
		}
	}
}

// answer takes the server's next answer; nil is the end of them.
func (l *link) answer(response []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if response == nil {
		l.deliver(answer{last: true})
		return
	}
	var f fate
	if len(l.fates) > 0 {
		f, l.fates = l.fates[0], l.fates[1:]
	}
	l.deliver(answer{bytes: append([]byte(nil), response...), last: f.lost})
	l.refuse()
}

// refuse answers the requests at the head of the queue that the server is not sent.
// It requires mu.
func (l *link) refuse() {
	for len(l.fates) > 0 && l.fates[0].refused {
		why := wire.RefuseBusy("cryptomemtest was told to be")
		l.deliver(answer{bytes: why.Append(nil, l.fates[0].command)})
		l.fates = l.fates[1:]
	}
}

// deliver requires mu.
func (l *link) deliver(a answer) {
	a.due = l.server.Clock.Now().Add(l.server.delay())
	l.answers = append(l.answers, a)
	select {
	case l.wake <- struct{}{}:
	default: // there is a token
	}
}

// deliverAnswers hands the answers to the client, each when it is due.
func (l *link) deliverAnswers() {
	defer l.close()
	for {
		select {
		case <-l.wake:
		case <-l.ended:
			return
		}
		for _, a := range l.takeAnswers() {
			if a.last || !l.await(a.due) {
				return
			}
			if _, err := l.client.Write(a.bytes); err != nil {
				return
			}
		}
	}
}

func (l *link) takeAnswers() []answer {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.answers
	l.answers = nil
	return all
}

// await returns at an instant of the server's clock, or with false once the link is
// closed.
func (l *link) await(due time.Time) bool {
	wait := due.Sub(l.server.Clock.Now())
	if wait <= 0 {
		return true
	}
	timer := l.server.Clock.Timer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.ended:
		return false
	}
}
