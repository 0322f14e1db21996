package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sim/plant"
	"github.com/Zezezknight/cryptomem/sim/script"
)

var _ = Describe("docs/simulation.md", func() {
	var text string
	BeforeEach(func() {
		b, err := os.ReadFile("../../docs/simulation.md")
		Expect(err).NotTo(HaveOccurred())
		text = string(b)
	})
	blocks := func(language string) (found []string) {
		for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
			found = append(found, m[1])
		}
		return found
	}

	It("shows commands that run", func() {
		ran := 0
		seeds, like := regexp.MustCompile(`--seeds \d+`), map[string]bool{}
		for _, block := range blocks("sh") {
			for line := range strings.Lines(block) {
				line, _, _ = strings.Cut(line, "#")
				if strings.Contains(line, "session.txt") {
					continue // the reader's own scenario has a spec to itself
				}
				_, after, ok := strings.Cut(line, "./sim/cmd")
				Expect(ok).To(BeTrue(), line)
				args := strings.Fields(after)
				switch {
				case len(args) > 0 && !strings.HasPrefix(args[0], "-"):
					args = append(args, "--help") // all of it takes minutes; CI runs it
				case strings.Contains(after, "--seed ") || strings.Contains(after, "--scenario"):
				case strings.Contains(after, "--tier 3"):
					args = append(args, "--scenario", "testdata/scenarios/getdel-once.txt") // all of them have specs in package sim, and wait
				default:
					args = append(args, "--seeds", "1") // a later flag overrules
				}
				for i := range args {
					if i > 0 && args[i-1] == "--report" {
						args[i] = filepath.Join(GinkgoT().TempDir(), args[i])
					}
					if strings.HasPrefix(args[i], "testdata/") {
						args[i] = filepath.Join("../..", args[i])
					}
				}
				ran++
				var out, errs bytes.Buffer
				// A command like another, but for how many seeds, does the same here. What tier 2
				// does ends the process; CI runs it.
				kind := strings.TrimSpace(seeds.ReplaceAllString(after, ""))
				if like[kind] || strings.Contains(line, "--tier 2") {
					_, err := parse(args, &out)
					Expect(err).NotTo(HaveOccurred(), line)
					continue
				}
				like[kind] = true
				Expect(run(args, &out, &errs)).To(Equal(0), line+errs.String())
			}
		}
		Expect(ran).To(BeNumerically(">", 5))
	})

	It("explains every verb of a script", func() {
		for v := range script.Verb(math.MaxUint8) {
			// a script writes play as "@NAME"
			if name := v.String(); name != "" && v != script.Play && !strings.HasPrefix(name, "verb ") {
				Expect(regexp.MustCompile("`(raw1 )?"+name+"[ `]").MatchString(text)).To(BeTrue(), "docs/simulation.md does not explain `%s`", name)
			}
		}
	})

	It("lists every planted bug as it is", func() {
		all, err := plant.All()
		Expect(err).NotTo(HaveOccurred())
		var want []string
		for _, p := range all {
			if p.Specs != "" {
				want = append(want, fmt.Sprintf("| %s | %s | specs of `%s` | – |", p.Name, p.Bug, strings.TrimPrefix(p.Specs, "./")))
				continue
			}
			tier := strconv.Itoa(p.Tier)
			if p.Shell {
				tier += ", shell"
			}
			want = append(want, fmt.Sprintf("| %s | %s | %s | %s |", p.Name, p.Bug, strings.Join(p.Rules, ", "), tier))
		}
		_, table, _ := strings.Cut(text, "| planted bug | what is wrong | rule | tier |\n|---|---|---|---|\n")
		table, _, _ = strings.Cut(table, "\n\n")
		Expect(strings.Split(table, "\n")).To(Equal(want))
	})

	It("leads to a scenario of one's own, which passes, fails for a fault and passes again", func() {
		dir := GinkgoT().TempDir()
		file, page := filepath.Join(dir, "session.txt"), filepath.Join(dir, "page.html")
		simulate := func(scenario string, flags ...string) (code int, out string) {
			Expect(os.WriteFile(file, []byte(scenario), 0o600)).To(Succeed())
			var b, errs bytes.Buffer
			code = run(append([]string{"--scenario", file, "--write", dir}, flags...), &b, &errs)
			Expect(errs.String()).To(BeEmpty())
			return code, b.String()
		}
		own, fault := blocks("scenario")[0], blocks("text")[0]

		code, out := simulate(own)
		Expect(code).To(Equal(0), out)
		Expect(out).To(ContainSubstring("0 failures"))

		before, after, ok := strings.Cut(own, "@20ms")
		Expect(ok).To(BeTrue())
		code, out = simulate(before+fault+"@20ms"+after, "--minimize=false", "--report", page)
		Expect(code).To(Equal(1), out)
		Expect(out).To(ContainSubstring(`@20ms c2 get session => miss, and it came to "bob"`))
		Expect(os.ReadFile(page)).To(ContainSubstring("expect broken"))

		code, out = simulate(before + fault + "@20ms c2 get session => bob\n")
		Expect(code).To(Equal(0), out)
	})

	It("shows a scenario that comes out as it says", func() {
		scenarios := blocks("scenario")
		Expect(scenarios).NotTo(BeEmpty())
		for _, scenario := range scenarios {
			name := filepath.Join(GinkgoT().TempDir(), "shown.txt")
			Expect(os.WriteFile(name, []byte(scenario), 0o600)).To(Succeed())
			var out, errs bytes.Buffer
			Expect(run([]string{"--scenario", name}, &out, &errs)).To(Equal(0), out.String()+errs.String())
		}
	})
})
