package sim

import (
	"cmp"
	"fmt"
	"time"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A server takes so many connections, and a client has so long to authenticate. The
// product sees to that around its sessions, in transport/serve, which tier 1 does not
// run. So it is written here once more, from docs/protocol.md and docs/operations.md,
// and the other tiers, which run the product, have to come to the same.
const (
	// authTimeout is how long a client may take if nothing else is said.
	authTimeout = 10 * time.Second
	// refusalTimeout is how long a connection over the limit has for its first request.
	refusalTimeout = 5 * time.Second
	// maxRefusals is how many such connections are told the reason at a time.
	maxRefusals = 64
)

// enter finds a place for a new connection, and sets what handles its requests.
func (e *serverEnd) enter() {
	s, limit := e.conn.node, e.w.script.Config.MaxConnections
	if limit == 0 || s.entered < limit {
		s.entered++
		e.guard()
		e.awaitAuth()
		return
	}
	e.w.cover(StateOverLimit)
	e.overLimit = true
	e.handler = s.handler // which is not asked
	s.refusing++
	patience := refusalTimeout
	if s.refusing > maxRefusals {
		patience = 0
	}
	e.within(patience, func() { e.turnAway(nil) })
}

// within calls f after a time, unless the connection has ended by then.
func (e *serverEnd) within(d time.Duration, f func()) {
	e.w.events.push(e.w.now+int64(d), rankServer, e.conn.lane, func() {
		if !e.conn.gone && !e.over {
			f()
		}
	})
}

// awaitAuth ends the connection if its client has not authenticated in time.
func (e *serverEnd) awaitAuth() {
	if e.guarded == nil {
		return
	}
	limit := cmp.Or(e.w.script.Config.AuthTimeout, authTimeout)
	e.within(limit, func() {
		if e.visitor.Name() == "" {
			e.w.cover(StateAuthLate)
			e.turnAway(fmt.Errorf("no successful AUTH within %v", limit))
		}
	})
}

// turnAway ends a connection that nothing was executed for. A client that is in the
// middle of a request is told why, if there is a reason.
func (e *serverEnd) turnAway(why error) {
	e.turnedAway = true
	if _, begun := e.session.Begun(); begun && why != nil && !e.backlog {
		e.session.Abort(why)
		e.run()
	}
	e.close()
}

// close ends the server's side and gives the connection's place back. What arrives from
// now on is not looked at.
func (e *serverEnd) close() {
	e.over = true
	e.conn.down.close()
	e.leave()
}

// leave gives the connection's place back, once.
func (e *serverEnd) leave() {
	s := e.conn.node
	switch {
	case e.left:
	case e.overLimit:
		s.refusing--
	default:
		s.entered--
	}
	e.left = true
}

// refusal answers all that comes over a connection over the limit.
func (e *serverEnd) refusal() wire.Refusal {
	return wire.RefuseBusy("%d connections are open, limit %d", e.conn.node.entered, e.w.script.Config.MaxConnections)
}
