package sim_test

import (
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
