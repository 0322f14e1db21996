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

var _ = DescribeTable("a world keeps every promise, and is the same every time",
	func(about func(script.Verb) bool) {
		worlds := seedsThat(func(a *script.Action) bool { return about(a.Verb) }, 5)
		for _, s := range worlds {
			first := sim.Run(s, sim.Options{})
			if first.Failure != nil {
				Fail(fmt.Sprintf("seed %d: %v", s.Seed, first.Failure))
			}
			Expect(sim.Run(parse(s.String()), sim.Options{}).Hash).To(Equal(first.Hash), "seed %d", s.Seed)
		}

		By("running the product's own, step by step")
		var wrong []string // no assertion inside: a bubble has no way to pass its failure on
		sim.InBubble(suiteT, func(run func(*script.Script, sim.Options) *sim.Result) {
			for _, s := range worlds {
				if first, second := run(s, sim.Options{}), run(s, sim.Options{}); first.Failure != nil || first.Hash != second.Hash {
					wrong = append(wrong, fmt.Sprintf("seed %d: %v, %x, %x", s.Seed, first.Failure, first.Hash, second.Hash))
				}
			}
		})
		Expect(wrong).To(BeEmpty())

		By("running it with goroutines in parallel")
		for _, s := range worlds {
			if r := sim.Stress(s, "pipe", sim.Options{}); r.Failure != nil {
				Fail(fmt.Sprintf("seed %d: %v", s.Seed, r.Failure))
			}
		}
	},
	Entry("of locks", script.Verb.IsLocking),
	Entry("of values that are loaded", script.Verb.IsLoading),
)
