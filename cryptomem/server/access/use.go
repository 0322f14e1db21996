package access

import (
	"cmp"
	"slices"
)

// MaxUses is how many identities are reported one by one: an answer, a page or a scrape
// stays small, however many there are.
const MaxUses = 100

// A Use is what one identity did since it was listed. It starts over if an identity
// without a connection is listed again. One without a name is all the others together.
type Use struct {
	Identity string `json:"identity"`
	// How many identities this sums up, 0 for one that has a name.
	Others int `json:"others,omitempty"`
	// Open now.
	Connections int64 `json:"connections"`
	// Allowed and denied.
	Requests uint64 `json:"requests"`
	Denied   uint64 `json:"denied"`
	// Bytes that its items use.
	Memory int64 `json:"memory"`
	// Limit of that, 0 = none, or several together.
	MaxMemory int64 `json:"max_memory"`
	// Writes refused for that limit.
	MemoryRefused uint64 `json:"memory_refused"`
}

// Len returns how many identities are listed.
func (l *List) Len() (n int) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, m := range l.members {
		if m.identity.Load() != nil {
			n++
		}
	}
	return n
}

// Use returns the use of the identities that are listed, in the order of their
// names: of the MaxUses with the most requests, and behind them of all others
// together, where there are more.
func (l *List) Use() []Use {
	all := l.uses()
	byName := func(a, b Use) int { return cmp.Compare(a.Identity, b.Identity) }
	if len(all) <= MaxUses {
		slices.SortFunc(all, byName)
		return all
	}
	slices.SortFunc(all, func(a, b Use) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(b.Memory, a.Memory), byName(a, b))
	})
	var others Use
	for _, u := range all[MaxUses:] {
		others.Others++
		others.Connections += u.Connections
		others.Requests += u.Requests
		others.Denied += u.Denied
		others.Memory += u.Memory
		others.MemoryRefused += u.MemoryRefused
	}
	// a report is kept for longer than the rest is worth
	busiest := slices.Clone(all[:MaxUses])
	slices.SortFunc(busiest, byName)
	return append(busiest, others)
}

func (l *List) uses() []Use {
	l.mu.RLock()
	defer l.mu.RUnlock()
	all := make([]Use, 0, len(l.members))
	for name, m := range l.members {
		if m.identity.Load() == nil {
			continue
		}
		u := Use{Identity: name, Connections: m.connections.Load(), Requests: m.requests.Load(), Denied: m.denied.Load()}
		if a := m.account.Load(); a != nil {
			u.Memory, u.MaxMemory, u.MemoryRefused = a.Used(), a.Limit(), a.Refused()
		}
		all = append(all, u)
	}
	return all
}
