package sim_test

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sim"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// seedsThat returns the first seeds whose scripts have such an action, and which all
// tiers can run.
func seedsThat(has func(*script.Action) bool, count int) (all []*script.Script) {
	for seed := uint64(0); len(all) < count; seed++ {
		s := script.Generate(seed)
		if s.OneTier() {
			continue
		}
		for i := range s.Actions {
			if has(&s.Actions[i]) {
				all = append(all, s)
				break
			}
		}
	}
	return all
}

var _ = Describe("a world of locks", func() {
	locking := func() []*script.Script {
		return seedsThat(func(a *script.Action) bool { return a.Verb.IsLocking() }, 10)
	}

	It("keeps every promise, and is the same every time", func() {
		for _, s := range locking() {
			first := sim.Run(s, sim.Options{})
			if first.Failure != nil {
				Fail(fmt.Sprintf("seed %d: %v", s.Seed, first.Failure))
			}
			Expect(sim.Run(parse(s.String()), sim.Options{}).Hash).To(Equal(first.Hash), "seed %d", s.Seed)
		}
	})

	It("does so with the product's locks, step by step", func() {
		var wrong []string // no assertion inside: a bubble has no way to pass its failure on
		sim.InBubble(suiteT, func(run func(*script.Script, sim.Options) *sim.Result) {
			for _, s := range locking() {
				if first, second := run(s, sim.Options{}), run(s, sim.Options{}); first.Failure != nil || first.Hash != second.Hash {
					wrong = append(wrong, fmt.Sprintf("seed %d: %v, %x, %x", s.Seed, first.Failure, first.Hash, second.Hash))
				}
			}
		})
		Expect(wrong).To(BeEmpty())
	})

	It("does so with goroutines at liberty", func() {
		for _, s := range locking() {
			if r := sim.Stress(s, "pipe", sim.Options{}); r.Failure != nil {
				Fail(fmt.Sprintf("seed %d: %v", s.Seed, r.Failure))
			}
		}
	})
})
