package sim_test

import (
	"fmt"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sim"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// suiteT is the suite's own *testing.T, which a bubble needs.
var suiteT *testing.T

var _ = Describe("a run of real goroutines", func() {
	It("keeps every promise, and is the same every time", func() {
		// No assertion inside: a bubble has no way to pass its failure on.
		var wrong []string
		var ran, own, late int
		sim.InBubble(suiteT, func(run func(*script.Script, sim.Options) *sim.Result) {
			for seed := range uint64(12) {
				s := script.Generate(seed)
				if s.OneTier() {
					continue
				}
				ran++
				first, second := run(s, sim.Options{}), run(s, sim.Options{})
				own, late = own+first.OwnReads, late+first.LateReads
				if first.Failure != nil {
					wrong = append(wrong, fmt.Sprintf("seed %d: %v", seed, first.Failure))
				}
				if first.Hash != second.Hash {
					wrong = append(wrong, fmt.Sprintf("seed %d is not the same twice", seed))
				}
			}
		})
		Expect(wrong).To(BeEmpty())
		Expect(ran).To(BeNumerically(">=", 8))
		Expect(own).To(BeNumerically(">", 0), "answers that callers have read themselves")
		Expect(late).To(BeNumerically(">", 0), "answers that callers have left to the goroutine")
	})

	It("is the same every time, also where connections of one identity are counted", func() {
		var wrong []string // as above
		busy := 0
		sim.InBubble(suiteT, func(run func(*script.Script, sim.Options) *sim.Result) {
			for seed, ran := uint64(0), 0; ran < 4; seed++ {
				s := script.Generate(seed)
				if s.OneTier() || s.Config.Each == 0 {
					continue
				}
				ran++
				first, second := run(s, sim.Options{Answers: true}), run(s, sim.Options{})
				if first.Failure != nil || first.Hash != second.Hash {
					wrong = append(wrong, fmt.Sprintf("seed %d: %v, %x, %x", seed, first.Failure, first.Hash, second.Hash))
				}
				for _, answer := range first.Answers {
					if answer == script.WantBusy {
						busy++
					}
				}
			}
		})
		Expect(wrong).To(BeEmpty())
		Expect(busy).To(BeNumerically(">", 0), "calls of users who had no connection left")
	})

	It("is the same every time, also when a user has two connections at once", func() {
		hashes := map[uint64]int{}
		sim.InBubble(suiteT, func(run func(*script.Script, sim.Options) *sim.Result) {
			for range 3 {
				hashes[run(script.Generate(352), sim.Options{}).Hash]++
			}
		})
		Expect(hashes).To(HaveLen(1))
	})
})
