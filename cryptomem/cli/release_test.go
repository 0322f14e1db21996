package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// top is the repository's top level.
const top = "../.."

// first returns what the pattern's group matches first in a file.
func first(file, pattern string) string {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join(top, file))
	Expect(err).NotTo(HaveOccurred())
	found := regexp.MustCompile(pattern).FindSubmatch(text)
	Expect(found).NotTo(BeNil(), "%s: no match for %s", file, pattern)
	return string(found[1])
}

var _ = Describe("What is written about a release", func() {
	It("names the Go version that go.mod requires", func() {
		oldest := first("go.mod", `(?m)^go (\d+\.\d+)`)
		Expect(first("README.md", `for Go (\S+)\s+and later`)).To(Equal(oldest))
		Expect(first("docs/quickstart.md", `You need Go (\S+) `)).To(Equal(oldest))
		Expect(first("docs/compatibility.md", `(?m)^\| Go \| (\S+) and later`)).To(Equal(oldest))
	})

	It("names the image of the newest version", func() {
		version := first("docs/changelog.md", `(?m)^## (v\S+?),? `)
		Expect(version).To(MatchRegexp(`^v\d+\.\d+\.\d+$`))
		for _, file := range []string{"cryptomem/server/deploy/kubernetes.yaml", "cryptomem/server/deploy/compose.yaml", "cryptomem/proxy/deploy/kubernetes.yaml"} {
			Expect(first(file, `image: ghcr\.io/zezezknight/cryptomem:(\S+)`)).To(Equal(version), file)
		}
	})

	It("has badges that agree with the documents", func() {
		readme, err := os.ReadFile(filepath.Join(top, "README.md"))
		Expect(err).NotTo(HaveOccurred())
		var worn []string
		for _, m := range regexp.MustCompile(`!\[[^\]]*\]\(https://img\.shields\.io/badge/([^)]*)-\w+\)`).FindAllStringSubmatch(string(readme), -1) {
			worn = append(worn, m[1])
		}
		Expect(worn).To(ConsistOf(
			"Go-"+first("go.mod", `(?m)^go (\d+\.\d+)`)+"%2B",
			"license-"+first("LICENSE", `^(\w+) License`),
			"runs%20on-"+first("docs/compatibility.md", `(?m)^\| system and processor \| (\w+) on`),
		))
		Expect(strings.Count(string(readme), "img.shields.io")).To(Equal(len(worn)))
	})
})
