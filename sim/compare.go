package sim

import (
	"fmt"
	"slices"

	"github.com/Zezezknight/cryptomem/sim/script"
)

// RuleTiers is the rule that a script comes to the same answers on every tier
// that decides whose turn it is.
const RuleTiers = "tiers"

// Compare returns the first call of a script that came to one answer in x and to
// another in y, two runs with Options.Answers; nil if there is none. Where bits
// flip, which ones is drawn for each tier, and so calls without a demand may
// differ.
func Compare(s *script.Script, x, y *Result) *Failure {
	if slices.ContainsFunc(s.Actions, func(a script.Action) bool { return a.Verb.Corrupts() }) {
		return nil
	}
	for i := range s.Actions {
		a := &s.Actions[i]
		if one, other := x.Answers[a], y.Answers[a]; one != other {
			return &Failure{RuleTiers, fmt.Sprintf("%v came to %q and to %q", a, one, other), i + 1, a.At}
		}
	}
	return nil
}
