package sim_test

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sim"
	"github.com/Zezezknight/cryptomem/sim/script"
)

var _ = Describe("a world of several servers that go and come back", func() {
	It("keeps every promise, whatever the seed", func() {
		for seed := range uint64(150) {
			Expect(broken(script.GenerateRing(seed))).To(BeEmpty(), "seed %d", seed)
		}
	})

	It("is the same every time, and from its text", func() {
		for seed := range uint64(10) {
			s := script.GenerateRing(seed)
			first := sim.Run(s, sim.Options{})
			Expect(sim.Run(s, sim.Options{}).Hash).To(Equal(first.Hash))
			Expect(sim.Run(parse(s.String()), sim.Options{}).Hash).To(Equal(first.Hash))
		}
	})

	It("keeps every promise as servers and clients of their own, and is the same every time", func() {
		var wrong []string // no assertion inside: a bubble has no way to pass its failure on
		ran := 0
		sim.InBubble(suiteT, func(run func(*script.Script, sim.Options) *sim.Result) {
			for seed := range uint64(10) {
				s := script.GenerateRing(seed)
				if s.OneTier() {
					continue
				}
				ran++
				if first, second := run(s, sim.Options{}), run(s, sim.Options{}); first.Failure != nil || first.Hash != second.Hash {
					wrong = append(wrong, fmt.Sprintf("seed %d: %v, %x, %x", seed, first.Failure, first.Hash, second.Hash))
				}
			}
		})
		Expect(wrong).To(BeEmpty())
		Expect(ran).To(BeNumerically(">=", 5))
	})

	It("is tier 1's alone with what the others do not have of it", func() {
		for _, line := range []string{"connections 2\n", "identities 1\n", "kernel 1\n", "@0s c1 ping", "@0s c1 prolong k ttl 1s", "@0s c1 load k v"} {
			Expect(parse("servers 2\n"+line).OneTier()).To(BeTrue(), line)
		}
		Expect(parse("servers 2\n@0s c1 get k\n@1s server2 unplug 1s").OneTier()).To(BeFalse())
	})

	It("has no flushes, lies or raw bytes", func() {
		for line, why := range map[string]string{
			"@0s c1 flush":          "c1 flush is for a world of one server",
			"@0s raw1 send 00":      "raw1 send is for a world of one server",
			"@0s server lie-swap":   "server lie-swap is for a world of one server",
			"@0s server4 freeze 1s": `there is no "server4": c1 to c1, raw1 to raw64, or server to server3`,
		} {
			_, err := script.Parse("servers 3\n" + line)
			Expect(err).To(MatchError("line 2: " + why))
		}
	})
})
