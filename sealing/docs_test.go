package sealing_test

import (
	"os"
	"regexp"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("The threat model", func() {
	It("names specs that exist", func() {
		text, err := os.ReadFile("../docs/threat-model.md")
		Expect(err).NotTo(HaveOccurred())
		proof := regexp.MustCompile("`([a-z_/]+_test\\.go)`((?:[:;] \"[^\"]+\")+)")
		quoted := regexp.MustCompile(`"([^"]+)"`)
		count := 0
		for _, p := range proof.FindAllSubmatch(text, -1) {
			specs, err := os.ReadFile("../" + string(p[1]))
			Expect(err).NotTo(HaveOccurred())
			for _, q := range quoted.FindAllSubmatch(p[2], -1) {
				Expect(string(specs)).To(ContainSubstring(string(q[1])), "%s", p[1])
				count++
			}
		}
		Expect(count).To(BeNumerically(">", 20))
	})
})
