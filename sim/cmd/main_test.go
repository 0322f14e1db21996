package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sim"
	"github.com/Zezezknight/cryptomem/sim/exhaust"
	"github.com/Zezezknight/cryptomem/sim/script"
)

var _ = Describe("the command", func() {
	var out, errs bytes.Buffer
	var dir string

	BeforeEach(func() {
		out.Reset()
		errs.Reset()
		dir = GinkgoT().TempDir()
	})

	// failing writes a scenario whose demand is not met and returns its name.
	failing := func() string {
		name := filepath.Join(dir, "failing.txt")
		text := "# Not so.\nclients 2\n@0s c1 ping\n@1ms c1 set k a\n@2ms c2 ping\n@3ms c2 get k => miss\n"
		Expect(os.WriteFile(name, []byte(text), 0o600)).To(Succeed())
		return name
	}

	It("runs seeds, says what they reached, and gets the same hash with one worker and with three", func() {
		hash := func(args ...string) string {
			out.Reset()
			Expect(run(append([]string{"--seeds", "10"}, args...), &out, &errs)).To(Equal(0), errs.String())
			_, after, _ := strings.Cut(out.String(), "Hash of all runs: ")
			Expect(after).To(MatchRegexp(`^[0-9a-f]{16}\b`))
			return after[:16]
		}
		three := hash("--workers", "3", "--twice")
		Expect(out.String()).To(MatchRegexp(`[0-9]+ runs, \d+ operations in .* 0 failures`))
		Expect(out.String()).To(ContainSubstring("partial frame"))
		Expect(hash("--workers", "1")).To(Equal(three))
	})

	It("minimises a failure, writes it down and says how to reproduce it", func() {
		code := run([]string{"--scenario", failing(), "--write", dir, "--report", filepath.Join(dir, "page.html")}, &out, &errs)
		Expect(code).To(Equal(1), errs.String())
		kept := filepath.Join(dir, "expect-0.txt")
		Expect(out.String()).To(ContainSubstring("replay: go run ./sim/cmd --tier 1 --scenario " + kept))
		text, err := os.ReadFile(kept)
		Expect(err).NotTo(HaveOccurred())
		s, err := script.Parse(string(text))
		Expect(err).NotTo(HaveOccurred())
		Expect(s.Actions).To(HaveLen(2))
		Expect(filepath.Join(dir, "page.html")).To(BeARegularFile())
	})

	It("writes down what goes over the connections", func() {
		name := filepath.Join(dir, "frames.txt")
		Expect(run([]string{"--scenario", "../../testdata/scenarios/getdel-once.txt", "--frames", name}, &out, &errs)).To(Equal(0), errs.String())
		text, err := os.ReadFile(name)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(text)).To(MatchRegexp(`(?m)^@\S+ c1 > 434d[0-9a-f]+$`))
		Expect(string(text)).To(MatchRegexp(`(?m)^@\S+ c1 < 434d[0-9a-f]+$`))
	})

	It("goes through small worlds, and says how many states there are and what that proves", func() {
		Expect(run([]string{"exhaust", "--worlds", "two swaps of one version"}, &out, &errs)).To(Equal(0), errs.String())
		Expect(out.String()).To(MatchRegexp(`(?m)^1 worlds, \d{4} states and \d{4} paths in .* 0 failures$`))
		Expect(out.String()).To(ContainSubstring("of larger worlds this\nsays nothing"))
	})

	It("writes what a small world breaks as a scenario, which breaks it again", func() {
		w := exhaust.World{Programs: []string{"set k a; get k => a", "delete k"}}
		r, err := exhaust.Explore(w, exhaust.Options{})
		Expect(err).NotTo(HaveOccurred())
		found := exhaustion{out: &out, write: dir, best: r.Violation}
		Expect(found.tell(&errs)).To(Equal(1), errs.String())
		kept := filepath.Join(dir, "exhaust-expect.txt")
		Expect(out.String()).To(ContainSubstring("replay: go run ./sim/cmd --scenario " + kept))
		out.Reset()
		Expect(run([]string{"--scenario", kept, "--minimize=false", "--write", dir}, &out, &errs)).To(Equal(1))
		Expect(out.String()).To(ContainSubstring("expect broken"))
	})

	It("prints the failure of a small world as JSON", func() {
		v := &exhaust.Violation{Failure: &sim.Failure{Rule: "model"}, Moves: 5, Calls: 2}
		found := exhaustion{out: &out, json: true, best: v}
		Expect(found.tell(&errs)).To(Equal(1))
		Expect(out.String()).To(MatchJSON(`{"seed": 0, "rule": "model", "actions": 5, "of": 2}`))
	})

	It("prints failures as JSON", func() {
		Expect(run([]string{"--scenario", failing(), "--json"}, &out, &errs)).To(Equal(1))
		Expect(out.String()).To(MatchJSON(`{"seed": 0, "rule": "expect", "actions": 2, "of": 4}`))
		found, err := first(&out, nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(found.Rule).To(Equal("expect"))
	})

	DescribeTable("refuses a command line it cannot follow",
		func(message string, args ...string) {
			Expect(run(args, &out, &errs)).To(Equal(2))
			Expect(errs.String()).To(ContainSubstring(message))
			Expect(errs.String()).NotTo(ContainSubstring("strconv"))
			Expect(out.String()).NotTo(ContainSubstring("States reached"))
		},
		Entry("a seed that is no number", `invalid argument "x" for "--seed" flag: it is not a whole number; run it with --help`, "--seed", "x"),
		Entry("seeds beyond all numbers", `it is out of range`, "--seeds", "99999999999999999999"),
		Entry("an unknown flag", "unknown flag: --speed", "--speed"),
		Entry("a tier that is not there", "tier is 9, want 1, 2 or 3", "--tier", "9"),
		Entry("a stray word", `unexpected "fast"`, "fast"),
		Entry("several servers of a seed on tier 3", "this tier has not this world", "--tier", "3", "--seed", "9"),
		Entry("time on a tier where it stands still", "--for goes by the clock", "--tier", "2", "--for", "1s"),
		Entry("runs to compare that cannot be repeated", "--twice compares runs", "--tier", "3", "--twice"),
		Entry("coverage on another tier", "--coverage is about all scenarios and seeds", "--tier", "2", "--coverage"),
		Entry("coverage of one seed", "--coverage is about all scenarios and seeds", "--seed", "1", "--coverage"),
		Entry("frames of many runs", "--frames records one scenario or seed", "--frames", "f"),
		Entry("a scenario that is not there", "no such file", "--scenario", "nowhere.txt"),
		Entry("a bug that is not there", `no planted bug is called "none"`, "score", "none"),
		Entry("worlds that are not there", `no world's name has "nowhere" in it`, "exhaust", "--worlds", "nowhere"),
		Entry("worlds and a stray word", `unexpected "fast"`, "exhaust", "fast"),
		Entry("worlds without workers", "there is nothing to run", "exhaust", "--workers", "0"),
		Entry("worlds and no time for them", "not gone through to the end within 1ns", "exhaust", "--for", "1ns", "--worlds", "four at a time"),
		Entry("a bug for small worlds that is not there", `no planted bug is called "none"`, "exhaust", "--planted", "none"),
		Entry("a world by hand on another tier", "this tier has not this world", "--tier", "3", "--scenario", "../../testdata/scenarios/by-hand.txt"),
		Entry("no mutants", "there is nothing to try", "mutate", "--n", "0"),
		Entry("mutants of a package that is not there", "directory not found", "mutate", "--list", "./nowhere"),
	)
})
