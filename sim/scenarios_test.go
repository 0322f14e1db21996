package sim_test

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"

	"github.com/Zezezknight/cryptomem/sim"
	"github.com/Zezezknight/cryptomem/sim/script"
	"github.com/Zezezknight/cryptomem/testdata"
)

// scenarios are all that there are. Ginkgo builds its tree before it can fail.
func scenarios() []testdata.Scenario {
	all, err := testdata.Scenarios()
	if err != nil {
		panic(err)
	}
	return all
}

// isOneTier reports whether tier 1 alone has the world of a scenario.
func isOneTier(s testdata.Scenario) bool {
	parsed, err := script.Parse(s.Text)
	return err == nil && parsed.OneTier()
}

var _ = Describe("the scenarios", func() {
	for _, file := range scenarios() {
		It(file.Name, func() {
			s := parse(file.Text)
			Expect(s.Title).NotTo(BeEmpty(), "a scenario says what it shows")
			Expect(broken(s)).To(BeEmpty())
			if !s.Config.Hostile {
				return
			}
			// The same must hold of any server; an honest one tells no lies.
			Expect(sim.Run(s, sim.Options{}).Coverage.Has(sim.StateLied)).To(BeTrue())
		})

		It(file.Name+", printed and read back", func() {
			s := parse(file.Text)
			again, err := script.Parse(s.String())
			Expect(err).NotTo(HaveOccurred())
			Expect(sim.Run(again, sim.Options{}).Hash).To(Equal(sim.Run(s, sim.Options{}).Hash))
		})

		if isOneTier(file) {
			continue
		}
		It(file.Name+", with goroutines in parallel", func() {
			r := sim.Play(parse(file.Text), sim.Options{})
			if r.Failure != nil {
				Fail(r.Failure.Error())
			}
		})
	}

	It("come to the same answers over net.Pipe, step by step", func() {
		var wrong []string // no assertion inside: a bubble has no way to pass its failure on
		sim.InBubble(suiteT, func(run func(*script.Script, sim.Options) *sim.Result) {
			for _, file := range scenarios() {
				s, err := script.Parse(file.Text)
				if err != nil {
					wrong = append(wrong, err.Error())
					continue
				}
				if isOneTier(file) {
					continue
				}
				r := run(s, sim.Options{Answers: true})
				if r.Failure == nil {
					r.Failure = sim.Compare(s, sim.Run(s, sim.Options{Answers: true}), r)
				}
				if r.Failure != nil {
					wrong = append(wrong, fmt.Sprintf("%s: %v", file.File, r.Failure))
				}
			}
		})
		Expect(wrong).To(BeEmpty())
	})
})

// turned returns the script once for each of its demands, with that one wrong;
// where a thousand clients have thousands, for some of them.
func turned(s *script.Script) (all []*script.Script) {
	for i := 0; i < len(s.Actions); i += 1 + len(s.Actions)/256*256 {
		wrong := s.Clone()
		switch a := &wrong.Actions[i]; {
		case a.Want != "":
			a.Want, a.Else = "nonsense", nil
		case a.Verb == script.Expect:
			a.Bytes = append([]byte{^a.Bytes[0]}, a.Bytes[1:]...)
		case a.Verb == script.EOF:
			a.Verb, a.Bytes = script.Expect, []byte("more")
		default:
			continue
		}
		all = append(all, wrong)
	}
	return all
}

var _ = Describe("a demand that is turned wrong", func() {
	type runner = func(*script.Script, sim.Options) *sim.Result
	// each and together play all of them, one after the other or at the same time.
	each := func(run runner, all []*script.Script) (failures []*sim.Failure) {
		for _, s := range all {
			failures = append(failures, run(s, sim.Options{}).Failure)
		}
		return failures
	}
	together := func(run runner, all []*script.Script) []*sim.Failure {
		failures := make([]*sim.Failure, len(all))
		var g errgroup.Group
		g.SetLimit(8)
		for i, s := range all {
			g.Go(func() error {
				failures[i] = run(s, sim.Options{}).Failure
				return nil
			})
		}
		_ = g.Wait() // none has an error
		return failures
	}

	DescribeTable("fails, for each demand of each scenario", func(tier int, play func([]*script.Script) []*sim.Failure) {
		var names []string
		var all []*script.Script
		for _, file := range scenarios() {
			if isOneTier(file) && tier != 1 {
				continue
			}
			for i, wrong := range turned(parse(file.Text)) {
				names = append(names, fmt.Sprintf("%s, demand %d", file.Name, i+1))
				all = append(all, wrong)
			}
		}
		Expect(len(all)).To(BeNumerically(">", 200))
		var passed []string
		for i, failure := range play(all) {
			if failure == nil || failure.Rule != sim.RuleExpect {
				passed = append(passed, fmt.Sprintf("%s: %v", names[i], failure))
			}
		}
		Expect(passed).To(BeEmpty())
	},
		Entry("on tier 1", 1, func(all []*script.Script) []*sim.Failure { return each(sim.Run, all) }),
		Entry("on tier 2", 2, func(all []*script.Script) (failures []*sim.Failure) {
			sim.InBubble(suiteT, func(run runner) { failures = each(run, all) })
			return failures
		}),
		// There, it waits most of the time.
		Entry("on tier 3", 3, func(all []*script.Script) []*sim.Failure { return together(sim.Play, all) }),
	)
})
