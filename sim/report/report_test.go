package report_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sim"
	"github.com/Zezezknight/cryptomem/sim/report"
	"github.com/Zezezknight/cryptomem/sim/script"
)

var _ = Describe("a report", func() {
	var r *report.Report

	BeforeEach(func() {
		s, err := script.Parse("clients 2\ndelay 1ms\n@0s c1 set k a\n@5ms c2 cut\n@6ms c2 get k => miss\n")
		Expect(err).NotTo(HaveOccurred())
		r = &report.Report{Script: s, Result: sim.Run(s, sim.Options{Record: true}), Seed: 9, Whole: 70, Replay: "task sim -- --seed 9"}
	})

	It("tells in text what broke, where, and how to see it again", func() {
		text := r.Text()
		Expect(text).To(HavePrefix(`expect broken at step 3, 8ms: @6ms c2 get k => miss, and it came to "a"`))
		Expect(text).To(ContainSubstring("seed 9, 3 actions of 70"))
		Expect(text).To(ContainSubstring("replay: task sim -- --seed 9"))
		Expect(text).To(MatchRegexp(`server +c1 +c2`))
		Expect(text).To(MatchRegexp(`1ms ● +│ +· +c1 SET "k" → ok`))
	})

	It("is a page that needs nothing from elsewhere", func() {
		var page strings.Builder
		Expect(r.HTML(&page)).To(Succeed())
		Expect(page.String()).To(ContainSubstring("<title>expect broken · seed 9</title>"))
		Expect(page.String()).To(ContainSubstring(`class="broken"`))
		Expect(page.String()).NotTo(ContainSubstring("http"))
	})
})
