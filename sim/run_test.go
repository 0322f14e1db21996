package sim_test

import (
	"bytes"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sim"
	"github.com/Zezezknight/cryptomem/sim/script"
	"github.com/Zezezknight/cryptomem/testdata"
)

// parse reads a script that is part of a spec.
func parse(text string) *script.Script {
	GinkgoHelper()
	s, err := script.Parse(text)
	Expect(err).NotTo(HaveOccurred())
	return s
}

// broken says which promise a run breaks, nothing if it keeps them all.
func broken(s *script.Script) string {
	if f := sim.Run(s, sim.Options{}).Failure; f != nil {
		return f.Error()
	}
	return ""
}

var _ = Describe("A state that a run should get into", func() {
	It("has a name of its own", func() {
		names := make(map[string]bool)
		for _, s := range sim.States() {
			Expect(s.String()).NotTo(BeEmpty(), "stateNames in sim/coverage.go has no name for state %d, after %v", s, s-1)
			Expect(names).NotTo(HaveKey(s.String()))
			names[s.String()] = true
		}
	})
})

var _ = Describe("a run", func() {
	It("keeps every promise, whatever the seed", func() {
		for seed := range uint64(80) {
			Expect(broken(script.Generate(seed))).To(BeEmpty(), "seed %d", seed)
		}
	})

	It("is the same every time", func() {
		for seed := range uint64(25) {
			s := script.Generate(seed)
			first, second := sim.Run(s, sim.Options{}), sim.Run(s, sim.Options{Record: true})
			Expect(second.Hash).To(Equal(first.Hash), "seed %d", seed)
			Expect(second.Ops).To(Equal(first.Ops), "seed %d", seed)
		}
	})

	It("is the same from the script's text", func() {
		s := script.Generate(17)
		Expect(sim.Run(parse(s.String()), sim.Options{}).Hash).To(Equal(sim.Run(s, sim.Options{}).Hash))
	})

	It("differs from seed to seed", func() {
		Expect(sim.Run(script.Generate(1), sim.Options{}).Hash).NotTo(Equal(sim.Run(script.Generate(2), sim.Options{}).Hash))
	})

	It("fails where a script's demand is not met, and says where", func() {
		s := parse("@1ms c1 set k a\n@2ms c1 get k => miss\n")
		f := sim.Run(s, sim.Options{}).Failure
		Expect(f).To(MatchError(`expect broken at step 2, 2ms: @2ms c1 get k => miss, and it came to "a"`))
		Expect(f.At).To(Equal(2 * time.Millisecond))
	})

	It("is minimised to what breaks the same rule", func() {
		s := script.Generate(4)
		s.Actions = append(s.Actions, parse("@1s c1 set bad last\n@2s c1 get bad => miss\n").Actions...)
		small := sim.Minimize(s, 5000)
		Expect(small.Actions).To(HaveLen(2))
		Expect(sim.Run(small, sim.Options{}).Failure.Rule).To(Equal(sim.RuleExpect))
	})
})

var _ = Describe("the golden frames", func() {
	dialogues, err := testdata.Dialogues()
	if err != nil {
		panic(err)
	}
	for _, d := range dialogues {
		asked, fixed := d.Said(true)
		answered, known := d.Said(false)
		if len(asked) == 0 || !fixed || !known {
			continue // no request, or bytes that only the answer decides
		}
		DescribeTable("are replayed byte for byte: "+d.Name,
			func(network string) {
				s := parse(network)
				raw := script.Actor{Kind: script.Raw, Index: 1}
				s.Actions = []script.Action{
					{Actor: raw, Verb: script.Send, Bytes: bytes.Clone(asked)},
					{At: time.Second, Actor: raw, Verb: script.Expect, Bytes: answered},
				}
				if d.Closes {
					s.Actions = append(s.Actions, script.Action{At: time.Second, Actor: raw, Verb: script.EOF})
				}
				Expect(broken(s)).To(BeEmpty())
			},
			Entry("whole", "seed 1"),
			Entry("in pieces of any size", "seed 2\nfragment 1..4096\ndelay 1us..1ms"),
			Entry("through a narrow link", "seed 3\nwindow 1KiB\ndelay 1us"),
		)
	}
})
