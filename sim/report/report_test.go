package report_test

import (
	"regexp"
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

	It("says in text what broke, where, and how to reproduce it", func() {
		text := r.Text()
		Expect(text).To(HavePrefix(`expect broken at step 3, 8ms: @6ms c2 get k => miss, and it came to "a"`))
		Expect(text).To(ContainSubstring("seed 9, 3 of 70 actions"))
		Expect(text).To(ContainSubstring("replay: task sim -- --seed 9"))
		Expect(text).To(MatchRegexp(`server +c1 +c2`))
		Expect(text).To(MatchRegexp(`1ms ● +│ +· +c1 SET "k" → ok`))
	})

	It("is a page that loads nothing from elsewhere", func() {
		var page strings.Builder
		Expect(r.HTML(&page)).To(Succeed())
		Expect(page.String()).To(ContainSubstring("<title>expect broken · seed 9</title>"))
		Expect(page.String()).To(ContainSubstring(`class="broken"`))
		Expect(page.String()).NotTo(ContainSubstring("http"))
	})

	It("draws the call that broke the rule, and names the file it came from", func() {
		r.File, r.Whole = "testdata/cut.txt", 3
		var page strings.Builder
		Expect(r.HTML(&page)).To(Succeed())
		Expect(page.String()).To(ContainSubstring("<title>expect broken · testdata/cut.txt</title>"))
		Expect(page.String()).To(ContainSubstring("testdata/cut.txt · 3 actions · virtual time 8ms"))
		Expect(page.String()).To(MatchRegexp(`<rect class="call broke"[^>]*><title>@6ms c2 get k =&gt; miss ⇒ a</title></rect><text class="short"[^>]*>get k<`))
		Expect(page.String()).To(MatchRegexp(`<text class="last"[^>]*>8ms<`))
	})

	It("draws calls that had not ended when the run did", func() {
		s, err := script.Parse("clients 2\ndelay 1ms\n@0s c1 set k a => miss\n@1.5ms c2 get k\n")
		Expect(err).NotTo(HaveOccurred())
		open := &report.Report{Script: s, Result: sim.Run(s, sim.Options{Record: true}), Whole: 2}
		var page strings.Builder
		Expect(open.HTML(&page)).To(Succeed())
		Expect(page.String()).To(ContainSubstring(`<title>@1.5ms c2 get k, and the run ended first</title>`))
		Expect(open.Text()).To(MatchRegexp(`2ms ✗✗✗ +·|2ms · +✗✗✗ +│`))
	})

	It("draws no call over another, and shows times that can be distinguished", func() {
		s, err := script.Parse("clients 1\ndelay 1ms\n@1.234567891s c1 set k a\n@1.234567892s c1 get k\n@1.2346s c1 get k\n")
		Expect(err).NotTo(HaveOccurred())
		clean := &report.Report{Script: s, Result: sim.Run(s, sim.Options{Record: true}), Seed: 9, Whole: 3}
		var page strings.Builder
		Expect(clean.HTML(&page)).To(Succeed())
		taken := map[string]bool{}
		for _, place := range regexp.MustCompile(`<rect class="call[^"]*" x="(\d+)" y="(\d+)"`).FindAllStringSubmatch(page.String(), 3) {
			Expect(taken[place[2]]).To(BeFalse(), "two calls in one row")
			taken[place[2]] = true
		}
		Expect(taken).To(HaveLen(3))
		Expect(page.String()).To(And(ContainSubstring(">1.235s<"), ContainSubstring(">&#43;1ns<")))
		Expect(page.String()).To(ContainSubstring("<td>1.234567892s</td>"), "the table has them whole")
	})

	It("uses singular and plural correctly", func() {
		Expect([]string{report.Count(0, "failure"), report.Count(1, "failure"), report.Count(2, "failure")}).To(Equal([]string{"0 failures", "1 failure", "2 failures"}))
	})
})
