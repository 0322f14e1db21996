package mutate

import (
	"cmp"
	"slices"

	"github.com/Zezezknight/cryptomem/sim/script"
)

// Draw returns n mutants of the packages, drawn by a seed, fewer if there are
// not so many. Every mutant that compiles is as likely as any other. A larger n
// draws the same ones first.
func Draw(packages []*Package, seed uint64, n int) []*Mutant {
	type ticket struct {
		m    *Mutant
		draw uint64
	}
	var all []ticket
	for _, p := range packages {
		for _, m := range p.Mutants() {
			h := uint64(0)
			for _, b := range []byte(m.File + m.with) {
				h = (h ^ uint64(b)) * 1099511628211
			}
			all = append(all, ticket{m, script.Draw(seed, h, uint64(m.from), uint64(m.to))})
		}
	}
	slices.SortFunc(all, func(a, b ticket) int { return cmp.Compare(a.draw, b.draw) })
	var drawn []*Mutant
	for _, t := range all {
		if len(drawn) == n {
			break
		}
		if t.m.Package.Compiles(t.m) {
			drawn = append(drawn, t.m)
		}
	}
	return drawn
}
