package sealing_test

import (
	"os"
	"regexp"
	"strings"

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

	It("claims nothing that no spec proves", func() {
		text, err := os.ReadFile("../docs/threat-model.md")
		Expect(err).NotTo(HaveOccurred())
		_, claims, _ := strings.Cut(string(text), "\n## What they cannot do\n")
		claims, _, _ = strings.Cut(claims, "\n## ")
		file := regexp.MustCompile("`([a-z_/]+_test\\.go)`")
		rows := 0
		for line := range strings.Lines(claims) {
			if !strings.HasPrefix(line, "| ") || strings.HasSuffix(line, "| proved by |\n") {
				continue
			}
			proofs := file.FindAllStringSubmatch(line, -1)
			Expect(proofs).NotTo(BeEmpty(), line)
			for _, proof := range proofs {
				Expect("../" + proof[1]).To(BeAnExistingFile())
			}
			rows++
		}
		Expect(rows).To(BeNumerically(">=", 20))
	})
})
