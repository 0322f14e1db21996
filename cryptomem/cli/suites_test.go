package cli

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("every suite of specs", func() {
	It("has a time limit for each of its specs", func() {
		suites := 0
		Expect(filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() {
				if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil && path != "../.." || entry.Name() == "testdata" {
					return filepath.SkipDir // another module, or no package
				}
				return nil
			}
			if !strings.HasSuffix(path, "_test.go") {
				return nil
			}
			text, err := os.ReadFile(path)
			if err != nil || !strings.Contains(string(text), "\n\tRunSpecs(") {
				return err
			}
			suites++
			Expect(string(text)).To(ContainSubstring(`_ "github.com/Zezezknight/cryptomem/testdata/deadline"`), path)
			return nil
		})).To(Succeed())
		Expect(suites).To(BeNumerically(">=", 45))
	})
})
