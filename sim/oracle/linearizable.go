package oracle

import (
	"strings"

	"github.com/anishathalye/porcupine"

	"github.com/Zezezknight/cryptomem/sim/script"
)

// Limits of what Linearizable takes on. Its search is exponential in how many
// operations overlap; what exceeds the limits is for Zones alone.
const (
	MaxOps     = 400
	MaxOverlap = 8
)

// Tractable reports whether a key's history is within the limits.
func Tractable(ops []Op) bool {
	if len(ops) > MaxOps {
		return false
	}
	for i := range ops {
		overlap := 0
		for j := range ops {
			if ops[j].Call <= ops[i].Call && ops[j].Return >= ops[i].Call {
				overlap++
			}
		}
		if overlap > MaxOverlap {
			return false
		}
	}
	return true
}

// Linearizable searches an order of the operations on one key that respects
// their times and explains their answers. With evict, an item may vanish at
// any time.
//
// It checks one key at a time, so it knows of no order between two keys. For a call
// with an unknown outcome, it accepts any outcome that fits.
func Linearizable(ops []Op, evict bool) *Violation {
	history := make([]porcupine.Operation, len(ops))
	for i := range ops {
		history[i] = porcupine.Operation{ClientId: ops[i].Client, Input: &ops[i]}
		history[i].Call, history[i].Return = ops[i].span()
	}
	nondeterministic := porcupine.NondeterministicModel{
		Init: func() []any { return []any{state{}} },
		Step: func(s, input, _ any) []any { return step(s.(state), input.(*Op), evict) },
	}
	model := nondeterministic.ToModel()
	if porcupine.CheckOperationsTimeout(model, history, 0) == porcupine.Ok {
		return nil
	}
	return violation(RuleLinearizable, "no order explains\n%s", list(ops))
}

// span is when the operation may have been executed, in turns if there are any. Both
// ends are included.
func (o *Op) span() (from, to int64) {
	switch {
	case o.Began == 0:
		return o.Call, o.Return
	case o.Return == Never:
		return int64(o.Began), Never
	}
	return int64(o.Began), int64(o.Ended)
}

// state is what is known of a key after some operations: its value, the times
// between which it expires, and its version as far as anyone has seen it.
type state struct {
	// "" when there is no item.
	label string
	// Expiry, both ends included; to is Never if it may not expire.
	from, to int64
	version  uint64
}

// present reports whether the item may be there during o, absent whether it may
// not be.
func (s state) present(o *Op) bool { return s.label != "" && o.Call < s.to }

func (s state) absent(o *Op, evict bool) bool {
	return s.label == "" || evict || o.Return >= s.from
}

// written is the state after o's write.
func (s state) written(o *Op) state {
	return state{label: o.Label, from: add(o.Call, o), to: add(o.Return, o), version: o.Got}
}

func add(at int64, o *Op) int64 {
	if o.TTL == 0 || at == Never || int64(o.TTL) > Never-at {
		return Never
	}
	return at + int64(o.TTL)
}

// step returns the states that o may leave behind; none if its answer is not
// possible in s.
func step(s state, o *Op, evict bool) (next []any) {
	may := func(ok bool, after state) {
		if ok {
			next = append(next, after)
		}
	}
	hit, miss := s.present(o), s.absent(o, evict)
	unknown := o.Outcome == Unknown
	done := unknown || o.Outcome == Done
	missed := unknown || o.Outcome == Miss
	switch o.Verb {
	case wipe:
		may(true, state{})
		may(unknown, s)
	case script.Get, script.GetV:
		seen := s
		if o.Got != 0 {
			seen.version = o.Got
		}
		may(o.Outcome == Done && hit && s.label == o.Seen && (o.Got == 0 || s.version == 0 || s.version == o.Got), seen)
		may(o.Outcome == Miss && miss, state{})
		may(unknown, s)
	case script.GetDel, script.Delete:
		may(done && hit && (unknown || o.Verb == script.Delete || s.label == o.Seen), state{})
		may(missed && miss, state{})
	case script.Set:
		may(done, s.written(o))
	case script.Add:
		may(done && miss, s.written(o))
		may((unknown || o.Outcome == Exists) && hit, s)
	case script.Replace:
		may(done && hit, s.written(o))
		may(missed && miss, state{})
	case script.CAS:
		same := s.version == 0 || s.version == o.Version
		may(done && hit && same, s.written(o))
		may((unknown || o.Outcome == Exists) && hit && (s.version == 0 || s.version != o.Version), s)
		may(missed && miss, state{})
	case script.Touch, script.Prolong:
		touched := s
		touched.from, touched.to, touched.version = add(o.Call, o), add(o.Return, o), 0
		may(done && hit, touched)
		may(missed && miss, state{})
	}
	return next
}

// list prints operations a line each, the last ones if there are many.
func list(ops []Op) string {
	const most = 30
	var b strings.Builder
	if len(ops) > most {
		b.WriteString("…\n")
		ops = ops[len(ops)-most:]
	}
	for i := range ops {
		b.WriteString(ops[i].String() + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}
