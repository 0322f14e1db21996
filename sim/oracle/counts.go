package oracle

import (
	"encoding/binary"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// Counts are what a store says that it has done.
type Counts struct {
	Hits, Misses, Sets, Deleted, Expired, Evicted uint64
	// There now.
	Items uint64
}

// Busy takes note of a request that was answered so for want of memory in flight.
func (m *Model) Busy(r *wire.Request) { m.count(r, wire.Response{Status: wire.Error}) }

// count takes note of what an answered request did. An error says that nothing was
// done, but for a read: its value was found, and then found no room on its way.
func (m *Model) count(r *wire.Request, a wire.Response) {
	found := a.Status == wire.OK
	switch r.Command {
	case wire.Get, wire.GetV, wire.GetDel:
		switch {
		case found:
			m.counts.Hits++
		case a.Status == wire.Error:
			m.unsure++
		default:
			m.counts.Misses++
		}
		if found && r.Command == wire.GetDel {
			m.counts.Deleted++
		}
	case wire.Set, wire.Add, wire.Replace, wire.CAS:
		if found {
			m.counts.Sets++
		}
	case wire.Delete:
		if found {
			m.counts.Deleted++
		}
	case wire.Flush:
		if found && len(a.Value) == 8 {
			m.counts.Deleted += binary.BigEndian.Uint64(a.Value)
		}
	}
}

// CheckCounts compares what a store says that it has done with what the map saw:
// reads, writes and deletions to the last one. And each item that was ever there
// has been deleted, has expired, was evicted, or is there still. How many of the
// gone ones expired and how many were evicted, it cannot see, nor which writes
// replaced an item that was evicted unnoticed.
func (m *Model) CheckCounts(c Counts) *Violation {
	want := m.counts
	if c.Hits < want.Hits || c.Hits > want.Hits+m.unsure || c.Misses != want.Misses {
		return violation(RuleModel, "%d hits and %d misses were counted; there were %d and %d, and %d that failed", c.Hits, c.Misses, want.Hits, want.Misses, m.unsure)
	}
	if c.Sets != want.Sets || c.Deleted < want.Deleted || c.Deleted > want.Deleted+m.unsure {
		return violation(RuleModel, "%d writes and %d deletions were counted; there were %d and %d", c.Sets, c.Deleted, want.Sets, want.Deleted)
	}
	gone := c.Deleted + c.Expired + c.Evicted
	if m.Evicted == nil && c.Items+gone != m.made || c.Items+gone < m.made || c.Items+gone > want.Sets {
		return violation(RuleModel, "%d items were made; %d are there, %d were deleted, %d expired, %d evicted", m.made, c.Items, c.Deleted, c.Expired, c.Evicted)
	}
	return nil
}
