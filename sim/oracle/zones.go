package oracle

import (
	"slices"

	"github.com/Zezezknight/cryptomem/sim/script"
)

// A zone is when a value was certainly stored: from the first moment at which
// an operation on it had ended to the last at which one had not begun. (If the
// second comes before the first, one moment within was enough.)
type zone struct {
	label string
	write *Op
	// Least Return and greatest Call of the operations that saw it.
	from, to int64
	// The one that began last.
	last *Op
}

// Zones checks the history of one key in O(n log n). No value is written twice,
// so once a value is gone it never comes back, and therefore:
//
//   - a value that is read was written, and the read does not end before the
//     write begins, nor begin after the latest possible expiry;
//   - no two values were certainly stored at the same time;
//   - while a value was certainly stored, no operation took place that found
//     nothing, took it away, or replaced it.
//
// It misses what only the order among more than two values shows; that is what
// Linearizable is for.
func Zones(ops []Op) *Violation {
	zones, v := collect(ops)
	if v != nil {
		return v
	}
	forward := zones[:0:0]
	for _, z := range zones {
		if z.from < z.to {
			forward = append(forward, z)
		}
	}
	slices.SortFunc(forward, func(a, b *zone) int {
		switch {
		case a.from < b.from:
			return -1
		case a.from > b.from:
			return 1
		}
		return 0
	})
	for i := 1; i < len(forward); i++ {
		if a, b := forward[i-1], forward[i]; a.to > b.from {
			return violation(RuleZones, "%s and %s were both stored in [%d, %d]:\n%v\n%v", a.label, b.label, b.from, min(a.to, b.to), a.last, b.last)
		}
	}
	return within(ops, forward)
}

// collect builds the zone of each value, in the order of their first writes.
func collect(ops []Op) ([]*zone, *Violation) {
	byLabel := map[string]*zone{}
	var zones []*zone
	for i := range ops {
		o := &ops[i]
		if o.Label == "" || o.Outcome != Done && o.Outcome != Unknown {
			continue
		}
		z := &zone{label: o.Label, write: o, from: o.Return, to: o.Call, last: o}
		byLabel[o.Label] = z
		zones = append(zones, z)
	}
	for i := range ops {
		o := &ops[i]
		if o.Outcome != Done || o.Seen == "" {
			continue
		}
		z := byLabel[o.Seen]
		if z == nil {
			return nil, violation(RuleZones, "a value that no client wrote there:\n%v", o)
		}
		if o.Return < z.write.Call {
			return nil, violation(RuleZones, "a value before it was written:\n%v\n%v", o, z.write)
		}
		z.from = min(z.from, o.Return)
		if o.Call > z.to {
			z.to, z.last = o.Call, o
		}
	}
	return zones, expired(ops, zones)
}

// expired finds reads of a value that began after it was certainly past its
// expiry. A key that was touched has a later one; Linearizable and the model
// see to those.
func expired(ops []Op, zones []*zone) *Violation {
	for i := range ops {
		if v := ops[i].Verb; (v == script.Touch || v == script.Prolong) && ops[i].Outcome != Miss {
			return nil
		}
	}
	for _, z := range zones {
		if latest := add(z.write.Return, z.write); z.to >= latest && z.last != z.write {
			return violation(RuleZones, "a value past its expiry:\n%v\n%v", z.last, z.write)
		}
	}
	return nil
}

// within finds operations inside a zone that cannot have happened there. The
// zones are sorted and do not overlap.
func within(ops []Op, forward []*zone) *Violation {
	for i := range ops {
		o := &ops[i]
		if !destroys(o) {
			continue
		}
		// The last zone that begins before o does is the only one it can be in.
		n, _ := slices.BinarySearchFunc(forward, o.Call, func(z *zone, at int64) int {
			if z.from < at {
				return -1
			}
			return 1
		})
		if n == 0 {
			continue
		}
		if z := forward[n-1]; o.Label != z.label && o.Seen != z.label && o.Return < z.to {
			return violation(RuleZones, "%s was stored in [%d, %d]:\n%v\n%v", z.label, z.from, z.to, o, z.last)
		}
	}
	return nil
}

// destroys reports whether no value that was there before o is there after it.
func destroys(o *Op) bool {
	switch o.Outcome {
	case Miss:
		return true
	case Done:
		switch o.Verb {
		case script.Set, script.Add, script.Replace, script.CAS, script.Delete, script.GetDel, wipe:
			return true
		}
	}
	return false
}
