package ring

import "time"

// A State is what a ring thinks of a server.
type State uint32

// The states of a server. Without a Failover all are always Up.
const (
	Up      State = iota // serves its names
	Doubted              // did not answer lately, or refused; is still asked for an Interval, and then its names go nowhere
	Away                 // its names go to the next
	Lost                 // was back, is silent again, and must not count as away yet: its names go nowhere
	Back                 // answers again; its names go nowhere until the pause is over and what it holds is removed
)

var stateNames = [...]string{Up: "up", Doubted: "in doubt", Away: "away", Lost: "lost again", Back: "back, and not believed yet"}

// String returns the state in words.
func (s State) String() string { return stateNames[s] }

// members are what is known of each server, besides its state.
type members []member

type member struct {
	// since of the state.
	since time.Time
	// silent is when the server last failed to answer.
	silent time.Time
	// spoke is when it last refused.
	spoke time.Time
	// When a stand-in was last in use; at first, when the ring was made.
	stood time.Time
}

// looks is how often within a pause every server is to be asked for a sign of life.
const looks = 4

// Interval returns how often to ask every server for a sign of life, and how long to
// wait for it. An absence, and its end, is then noticed within half a pause, by
// clients without requests, too.
func (f Failover) Interval() time.Duration { return max(f.Pause/looks, 1) }

// Lend returns the TTL that a stand-in is given in place of ttl, where 0 is no end.
func (f Failover) Lend(ttl time.Duration) time.Duration {
	if ttl == 0 {
		return f.StandIn
	}
	return min(ttl, f.StandIn)
}

// State returns what the ring thinks of a server.
func (r *Ring) State(server int) State { return State(r.states[server].Load()) }

// Answered is called when a server has answered, whatever the answer is.
func (r *Ring) Answered(server int) {
	if s := r.State(server); s == Up || s == Back {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch s := r.State(server); {
	case s == Doubted && r.now().Sub(r.members[server].since) < r.failover.Pause/2:
		// no request can have found it away yet
		r.turn(server, Up)
	case s == Doubted, s == Away, s == Lost:
		r.turn(server, Back)
	}
}

// Failed is called when a server could not be reached, or did not answer.
func (r *Ring) Failed(server int) {
	if r.failover.Pause == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	m, now := &r.members[server], r.now()
	m.silent = now
	switch r.State(server) {
	case Up:
		r.turn(server, Doubted)
	case Back:
		r.turn(server, Lost)
	case Doubted, Lost:
		// What stand-ins were given before has to be over.
		over := now.Sub(m.stood) >= r.failover.StandIn+r.failover.Pause
		if over && now.Sub(m.since) >= r.failover.Pause && now.Sub(m.spoke) >= r.failover.Pause {
			r.turn(server, Away)
		}
	}
}

// Refused is called when a server has answered, but refuses this client. Others may be
// served: it is not away, and is used again as one that was.
func (r *Ring) Refused(server int) {
	if r.failover.Pause == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members[server].spoke = r.now()
	switch r.State(server) {
	case Up:
		r.turn(server, Doubted)
	case Away, Lost:
		r.turn(server, Back)
	}
}

// Due reports whether a server has been back for long enough. What it holds of
// this ring's names is then to be removed, and Believe to be called.
func (r *Ring) Due(server int) bool {
	if r.State(server) != Back {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.State(server) == Back && r.now().Sub(r.members[server].since) >= r.failover.Pause
}

// Believe takes into use again a server from which what it held was removed. It
// does nothing to one that is no longer back.
func (r *Ring) Believe(server int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.State(server) == Back {
		r.turn(server, Up)
	}
}

// worthTrying reports whether a server in doubt is still to be asked. It is not when
// others may have noticed earlier and use a stand-in already.
func (r *Ring) worthTrying(server int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now().Sub(r.members[server].since) < r.failover.Interval()
}

// surelyAway reports whether a server that is away was found so within the pause.
// A process that was stopped in between does not know: others may use the server
// again.
func (r *Ring) surelyAway(server int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.State(server) == Away && r.now().Sub(r.members[server].silent) <= r.failover.Pause
}

func (r *Ring) turn(server int, s State) {
	m, now := &r.members[server], r.now()
	if s == Back && r.State(server) != Lost {
		m.stood = now // stand-ins may have been used until then
	}
	m.since = now
	r.states[server].Store(uint32(s))
}
