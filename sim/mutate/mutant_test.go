package mutate

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// shop is the package that the specs make mutants of.
func shop() *Package {
	GinkgoHelper()
	packages, err := Load("testdata/shop", "./...")
	Expect(err).NotTo(HaveOccurred())
	Expect(packages).To(HaveLen(1))
	return packages[0]
}

// changes lists the mutants of a kind as "old => new".
func changes(kind string) (all []string) {
	GinkgoHelper()
	for _, m := range shop().Mutants() {
		if m.Kind == kind {
			out, in := m.Change()
			all = append(all, strings.TrimSpace(strings.Join(out, "\n"))+" => "+strings.TrimSpace(strings.Join(in, "\n")))
		}
	}
	return all
}

var _ = Describe("the mutants of a package", func() {
	DescribeTable("are small changes to its source",
		func(kind string, want ...string) { Expect(changes(kind)).To(ContainElements(want)) },
		Entry(nil, Comparison, "if n >= 10 { => if n > 10 {", "if n >= 10 { => if n < 10 {"),
		Entry(nil, Arithmetic, "total := n * each => total := n / each", "return total - total/10 => return total + total/10"),
		Entry(nil, Constant, "if n >= 10 { => if n >= (10 + 1) {", "if n >= 10 { => if n >= (10 - 1) {"),
		Entry(nil, Condition, "if n >= 10 { => if true || (n >= 10) {", "if n >= 10 { => if false && (n >= 10) {"),
		Entry(nil, Dropped, "total = discount(total, n) => if false { total = discount(total, n) }", "log(n, total) => if false { log(n, total) }"),
		Entry(nil, Swapped, "total = discount(total, n) => total = discount(n, total)", "log(n, total) => log(total, n)"),
		Entry(nil, Early, "log(n, total) => if true { return 0 }; log(n, total)"),
	)

	It("are not made twice: another comparison is the negated condition", func() {
		Expect(changes(Condition)).NotTo(ContainElement(ContainSubstring("!(")))
	})

	It("compile when they are drawn, and each seed draws others", func() {
		packages := []*Package{shop()}
		first, again, other := Draw(packages, 1, 10), Draw(packages, 1, 5), Draw(packages, 2, 10)
		Expect(first).To(HaveLen(10))
		for i, m := range again {
			Expect(m.ID()).To(Equal(first[i].ID()))
		}
		Expect(other[0].ID()).NotTo(Equal(first[0].ID()))
		for _, m := range Draw(packages, 1, 1000) {
			Expect(m.Package.Compiles(m)).To(BeTrue(), m.Patch())
		}
		Expect(len(Draw(packages, 1, 1000))).To(BeNumerically("<=", len(shop().Mutants())))
	})

	It("have names that nothing else has", func() {
		seen := map[string]bool{}
		for _, m := range shop().Mutants() {
			Expect(seen).NotTo(HaveKey(m.ID()), m.Patch())
			seen[m.ID()] = true
		}
	})

	It("say their file, line, function and kind", func() {
		for _, m := range shop().Mutants() {
			if m.Kind == Swapped && m.Func == "Price" {
				Expect(m.String()).To(Equal("price.go:8 Price: swapped arguments"))
				return
			}
		}
		Fail("Price has no mutant with swapped arguments")
	})

	It("reach the compiler as an overlay", func() {
		dir := GinkgoT().TempDir()
		m := Draw([]*Package{shop()}, 1, 1)[0]
		name, err := m.Overlay(dir)
		Expect(err).NotTo(HaveOccurred())
		text, err := os.ReadFile(name)
		Expect(err).NotTo(HaveOccurred())
		var overlay struct{ Replace map[string]string }
		Expect(json.Unmarshal(text, &overlay)).To(Succeed())
		path, err := filepath.Abs("testdata/shop/price.go")
		Expect(err).NotTo(HaveOccurred())
		Expect(os.ReadFile(overlay.Replace[path])).To(Equal(m.Apply()))
	})

	It("come as patches that can be applied", func() {
		for _, m := range Draw([]*Package{shop()}, 3, 20) {
			dir := GinkgoT().TempDir()
			Expect(os.WriteFile(filepath.Join(dir, "price.go"), m.source, 0o600)).To(Succeed())
			apply := exec.Command("git", "apply", "-")
			apply.Dir, apply.Stdin = dir, strings.NewReader(m.Patch())
			text, err := apply.CombinedOutput()
			Expect(err).NotTo(HaveOccurred(), string(text)+m.Patch())
			Expect(os.ReadFile(filepath.Join(dir, "price.go"))).To(Equal(m.Apply()))
		}
	})

	It("can be made from patches", func() {
		p := shop()
		for _, m := range Draw([]*Package{p}, 4, 20) {
			again, err := Patched([]*Package{p}, m.Patch())
			Expect(err).NotTo(HaveOccurred())
			Expect(again.Apply()).To(Equal(m.Apply()))
			Expect([]any{again.File, again.Func, again.Line}).To(Equal([]any{m.File, m.Func, m.Line}), m.Patch())
		}
		_, err := Patched([]*Package{p}, "+++ b/elsewhere.go")
		Expect(err).To(MatchError("elsewhere.go is not in the packages"))
		_, err = Patched([]*Package{p}, "nothing")
		Expect(err).To(MatchError("the patch names no file"))
		_, err = Patched([]*Package{p}, "--- a/price.go\n+++ b/price.go\n@@ -1,1 +1,1 @@\n-no such line\n+another\n")
		Expect(err).To(MatchError(ContainSubstring("the patch does not fit price.go")))
	})

	It("are of packages of the module", func() {
		_, err := Load("testdata/shop", "fmt")
		Expect(err).To(MatchError(ContainSubstring("no package of this module matches")))
	})
})
