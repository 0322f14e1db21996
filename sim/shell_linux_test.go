package sim_test

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sim"
	"github.com/Zezezknight/cryptomem/sim/script"
	"github.com/Zezezknight/cryptomem/testdata"
)

var _ = Describe("a server on a simulated kernel", func() {
	It("keeps every promise, and is the same every time", func() {
		// No assertion inside: a bubble has no way to pass its failure on.
		var wrong []string
		var ran int
		sim.InBubble(suiteT, func(run func(*script.Script, sim.Options) *sim.Result) {
			for seed := range uint64(10) {
				s := script.Generate(seed)
				if s.OneTier() || s.PipesOnly() {
					continue
				}
				ran++
				s.Config.Kernel = 1 + int(seed)
				first, second := run(s, sim.Options{}), run(s, sim.Options{})
				if first.Failure != nil {
					wrong = append(wrong, fmt.Sprintf("seed %d: %v", seed, first.Failure))
				}
				if first.Hash != second.Hash {
					wrong = append(wrong, fmt.Sprintf("seed %d is not the same twice", seed))
				}
			}
		})
		Expect(wrong).To(BeEmpty())
		Expect(ran).To(BeNumerically(">=", 6))
	})

	It("answers every scenario as tier 1 does, whatever the kernel's faults", func() {
		scenarios, err := testdata.Scenarios()
		Expect(err).NotTo(HaveOccurred())
		var wrong []string
		var ran int
		sim.InBubble(suiteT, func(run func(*script.Script, sim.Options) *sim.Result) {
			for _, file := range scenarios {
				s, err := script.Parse(file.Text)
				if err != nil || s.OneTier() || s.PipesOnly() || s.Config.Clients > 100 { // a thousand clients take the race detector a minute
					continue
				}
				ran++
				r := run(s, sim.Options{Answers: true, Shell: true})
				if r.Failure == nil {
					r.Failure = sim.Compare(s, sim.Run(s, sim.Options{Answers: true}), r)
				}
				if r.Failure != nil {
					wrong = append(wrong, fmt.Sprintf("%s: %v", file.File, r.Failure))
				}
			}
		})
		Expect(wrong).To(BeEmpty())
		Expect(ran).To(BeNumerically(">", len(scenarios)/2))
	})
})
