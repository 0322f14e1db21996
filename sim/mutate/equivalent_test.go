package mutate

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("an equivalent mutant", func() {
	It("is recorded with the reason, and known again", func() {
		for _, m := range shop().Mutants() {
			all, err := parseEquivalents("\n" + m.Stanza("No user can see it.") + "\n\n# Another.\nprice.go discount\n- no\n+ yes\n")
			Expect(err).NotTo(HaveOccurred())
			Expect(all).To(HaveLen(2))
			Expect(all[0].Reason).To(Equal("No user can see it."))
			Expect(all[0].Is(m)).To(BeTrue(), m.Patch())
			Expect(all[1].Is(m)).To(BeFalse())
			Expect(all[0].Fits("testdata/shop")).To(BeTrue())
			Expect(all[1].Fits("testdata/shop")).To(BeFalse())
		}
	})

	It("has a reason, a place and lines", func() {
		for _, text := range []string{"a.go f\n- x", "# Why.\n- x", "# Why.\na.go f", "# Why.\na.go f\nb.go g\n- x"} {
			_, err := parseEquivalents(text)
			Expect(err).To(HaveOccurred(), text)
		}
	})

	It("fits the product as it is", func() {
		all, err := Equivalents()
		Expect(err).NotTo(HaveOccurred())
		for i := range all {
			Expect(all[i].Fits("../..")).To(BeTrue(), "%s %s: %s", all[i].File, all[i].Func, strings.Join(all[i].Out, " "))
		}
	})
})

var _ = Describe("code that is marked as covered", func() {
	It("is a file, or all in a folder", func() {
		const list = "# All of these.\ncache/shard.go\nsealing/\n"
		Expect(listedIn(list, "cache/shard.go")).To(BeTrue())
		Expect(listedIn(list, "cache/shard.goo")).To(BeFalse())
		Expect(listedIn(list, "sealing/open.go")).To(BeTrue())
		Expect(listedIn(list, "sealing")).To(BeFalse())
		Expect(listedIn(list, "")).To(BeFalse())
	})
})
