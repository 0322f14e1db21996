package proxy

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/command"
)

// counts are of what a Proxy has done.
type counts struct {
	connections atomic.Int64
	// commands by command.Command.Index.
	commands [command.Kinds]atomic.Int64
	// Answers that an upstream's error took the place of.
	failures atomic.Int64

	// Guards what follows.
	mu      sync.Mutex
	refused map[refusal]uint64
}

// A refusal is who was refused what.
type refusal struct{ client, command string }

// maxRefusals is how many refusals are told apart. Whatever else is refused is
// counted under "other": clients choose their names, and what they ask for.
const maxRefusals = 256

var otherRefusal = refusal{"other", "other"}

// note counts a failure of the upstream.
func (p *Proxy) note(error) { p.counts.failures.Add(1) }

// refused counts a command that is not spoken, or spoken wrongly.
func (s *Session) refused(args [][]byte) {
	const longest = 32
	what := refusal{s.peer.called(), strings.ToLower(printable(args[0][:min(len(args[0]), longest)]))}
	c := &s.proxy.counts
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.refused[what]; !known && len(c.refused) >= maxRefusals {
		what = otherRefusal
	}
	if c.refused == nil {
		c.refused = make(map[refusal]uint64)
	}
	c.refused[what]++
}

// called returns what a client calls itself, or its library.
func (p *peer) called() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.name != "":
		return p.name
	case p.library != "":
		return p.library
	}
	return "unnamed"
}

// Stats is a snapshot of what a Proxy has done.
type Stats struct {
	Clients int `json:"clients"` // now
	// So far.
	Connections int64 `json:"connections"`
	// By name, including those that were answered with an error. Commands before AUTH
	// do not count.
	Commands map[string]int64 `json:"commands"`
	// Commands that failed because of the upstream.
	Failures int64 `json:"failures"`
	// Unknown commands, and wrong arguments.
	Refused []Refused `json:"refused"`
	// Changes that went along with another one.
	Coalesced int64 `json:"coalesced"`
	// Swaps that came too late and were done again.
	Lost int64 `json:"lost"`
	// Bytes of incomplete commands and unsent answers, and their limit.
	InFlight    int64 `json:"in_flight"`
	MaxInFlight int64 `json:"max_in_flight"`
}

// Refused counts how often a command of a client was refused.
type Refused struct {
	// Client is its name, or its library's.
	Client  string `json:"client"`
	Command string `json:"command"`
	Count   uint64 `json:"count"`
}

// Stats returns a snapshot.
func (p *Proxy) Stats() Stats {
	c := &p.counts
	s := Stats{Connections: c.connections.Load(), Failures: c.failures.Load(), Commands: make(map[string]int64), InFlight: p.inFlight.Load(), MaxInFlight: p.settings.MaxInFlight}
	for _, cmd := range command.All() {
		if n := c.commands[cmd.Index].Load(); n > 0 {
			s.Commands[cmd.Name] = n
		}
	}
	c.mu.Lock()
	for r, n := range c.refused {
		s.Refused = append(s.Refused, Refused{r.client, r.command, n})
	}
	c.mu.Unlock()
	slices.SortFunc(s.Refused, func(a, b Refused) int {
		if n := strings.Compare(a.Client, b.Client); n != 0 {
			return n
		}
		return strings.Compare(a.Command, b.Command)
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Clients = len(p.sessions)
	for _, space := range p.spaces {
		if space != nil {
			is := space.Stats()
			s.Coalesced += is.Coalesced
			s.Lost += is.Lost
		}
	}
	return s
}

// processed returns how many commands were answered, with an error or without.
func (c *counts) processed() (n int64) {
	for i := range c.commands {
		n += c.commands[i].Load()
	}
	return n
}
