package adapters_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// maxImporterSums is how long the go.sum of a program may be that imports package
// cryptomem and nothing else. What that package or its specs import counts, and
// what an adapter imports does not.
const maxImporterSums = 38

var _ = Describe("A program that imports cryptomem", func() {
	It("does not get what adapters and their frameworks depend on", func() {
		root, err := filepath.Abs("../..")
		Expect(err).NotTo(HaveOccurred())
		dir := GinkgoT().TempDir()
		write := func(name, text string) {
			Expect(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)).To(Succeed())
		}
		write("go.mod", "module example.org/importer\n\ngo 1.25.0\n\nreplace github.com/Zezezknight/cryptomem => "+root+"\n")
		write("main.go", "package main\n\nimport _ \"github.com/Zezezknight/cryptomem/cryptomem\"\n\nfunc main() {}\n")
		tidy := exec.Command("go", "mod", "tidy")
		tidy.Dir = dir
		output, err := tidy.CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(output))

		sums, err := os.ReadFile(filepath.Join(dir, "go.sum"))
		Expect(err).NotTo(HaveOccurred())
		Expect(bytes.Count(sums, []byte("\n"))).To(BeNumerically("<=", maxImporterSums), string(sums))
	})
})
