package mutate

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("a campaign", func() {
	It("continues where it was interrupted, and keeps the survivors", func() {
		m := Draw([]*Package{shop()}, 1, 3)
		dir := GinkgoT().TempDir()
		known := `{"ID":"` + m[0].ID() + `","File":"price.go","Run":true,"By":"specs","How":"shop"}
{"ID":"` + m[1].ID() + `","File":"price.go"}
{"ID":"` + m[2].ID() + `","File":"price.go"}
{"ID":"torn`
		Expect(os.WriteFile(filepath.Join(dir, "verdicts.jsonl"), []byte(known), 0o600)).To(Succeed())
		excuse, err := parseEquivalents(m[2].Stanza("No user can see it."))
		Expect(err).NotTo(HaveOccurred())
		var out bytes.Buffer
		c := Campaign{Trial: &Trial{}, Equivalents: excuse, Dir: dir, Workers: 2, Out: &out}
		verdicts, err := c.Run(m)
		Expect(err).NotTo(HaveOccurred())
		Expect(verdicts).To(HaveLen(3))
		Expect(verdicts[0].By).To(Equal("specs"))
		Expect(verdicts[1].Survived()).To(BeTrue())
		Expect(verdicts[2].Equivalent).To(Equal("No user can see it."))
		Expect(os.ReadFile(filepath.Join(dir, m[1].ID()+".patch"))).To(BeEquivalentTo(m[1].Patch()))
		Expect(filepath.Join(dir, m[2].ID()+".patch")).NotTo(BeAnExistingFile())
		Expect(out.String()).To(ContainSubstring("3/3"))
		Expect(Table(verdicts)).To(MatchRegexp(`(?m)^all +3 +0 +1 +1 +1 +50\.0% +0\.0%`))
	})
})

var _ = Describe("a program with a mutant in it", func() {
	var t *Trial
	BeforeEach(func() { t = &Trial{Clock: clock.New()} })

	It("is ended when it takes too long, with all that it has started", func() {
		_, _, err := t.run(".", cost{time: lookEvery / 2}, nil, "sh", "-c", "sleep 1000 & sleep 1000")
		Expect(err).To(MatchError(errHangs))
	})

	It("is ended when it loops forever, however busy the machine is", func() {
		_, took, err := t.run(".", cost{time.Hour, lookEvery / 2}, nil, "sh", "-c", "while :; do :; done")
		Expect(err).To(MatchError(errSpins))
		Expect(took.cpu).To(BeNumerically(">", lookEvery/2))
	})

	It("is run with flags that make it stop at its first failure", func() {
		t.Root = "../.."
		f, err := t.listFlags(modulePath + "sim/mutate")
		Expect(err).NotTo(HaveOccurred())
		Expect(filepath.Base(f.dir)).To(Equal("mutate"))
		Expect(f.flags).To(ContainElements("-test.failfast", "--ginkgo.fail-fast"))
		f, err = t.listFlags(modulePath + "cryptomem/storetest")
		Expect(err).NotTo(HaveOccurred())
		Expect(f.flags).To(ContainElement("-test.failfast"))
		Expect(f.flags).NotTo(ContainElement(ContainSubstring("ginkgo")), "its tests are plain ones")
	})

	It("is found by specs that do not build with it, unless it does not build itself", func() {
		t.Root = GinkgoT().TempDir()
		write := func(name, text string) string {
			name = filepath.Join(t.Root, name)
			Expect(os.WriteFile(name, []byte(text), 0o600)).To(Succeed())
			return name
		}
		write("go.mod", "module shop\n")
		write("shop_test.go", "package shop\n\nvar shelf [limit]int\n")
		code := write("shop.go", "package shop\n\nconst limit = 1\n")
		overlay := write("overlay.json", fmt.Sprintf(`{"Replace": {%q: %q}}`, code, write("mutant", "package shop\n\nconst limit = -1\n")))
		how, differs, err := t.specs(".", overlay, t.Root)
		Expect(err).NotTo(HaveOccurred())
		Expect(differs).To(BeTrue())
		Expect(how).To(ContainSubstring("do not build"))

		write("mutant", "package shop\n\nconst limit = +\n")
		_, _, err = t.specs(".", overlay, t.Root)
		Expect(err).To(MatchError(errBuild))
	})

	It("says how it failed", func() {
		text, _, err := t.run(".", unhurried, []string{"WORD=panic: odd"}, "sh", "-c", `echo before; echo "$WORD" >&2; exit 3`)
		Expect(err).To(HaveOccurred())
		Expect(blame(text, err)).To(Equal("panic: odd"))
		Expect(blame("--- FAIL: TestAll (0.02s)\n    --- FAIL: TestAll/one (2s)\n", err)).To(Equal("--- FAIL: TestAll/one (2s)"))
	})
})

var _ = Describe("coverage", func() {
	It("distinguishes code that was run from the rest", func() {
		c := parseCoverage("mode: set\n" + modulePath + "cache/a.go:10.2,12.3 2 1\n" + modulePath + "cache/a.go:12.3,20.1 4 0\n")
		at := func(line, column int) bool {
			return c.runs(&Mutant{File: "cache/a.go", Func: "f", Line: line, Column: column})
		}
		Expect(at(10, 1)).To(BeFalse())
		Expect(at(10, 2)).To(BeTrue())
		Expect(at(11, 40)).To(BeTrue())
		Expect(at(13, 1)).To(BeFalse())
		cases := &Mutant{File: "cache/a.go", Func: "f", Line: 21, first: 9, last: 30}
		Expect(c.runs(cases)).To(BeTrue(), "what a case compares belongs to no block, but to a function that was run")
		cases.first = 12
		Expect(c.runs(cases)).To(BeFalse())
		Expect(c.runs(&Mutant{File: "cache/a.go", Line: 1})).To(BeTrue(), "declarations belong to no block")
		Expect(c.runs(&Mutant{File: "cache/b.go", Func: "g", Line: 1})).To(BeFalse())
	})
})
