package oracle_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
)

var _ = Describe("What a client must know", func() {
	const key = "k"
	var (
		ledger *oracle.Ledger
		memory *oracle.Memory
		limits oracle.MemoryLimits
		now    time.Time
	)
	BeforeEach(func() {
		now = time.Unix(1_700_000_000, 0)
		ledger = oracle.NewLedger()
		limits = oracle.MemoryLimits{Clocks: time.Second, Delay: 8 * time.Second, Timed: true, Kept: 4}
	})
	JustBeforeEach(func() {
		memory = oracle.NewMemory(ledger, limits)
		for _, label := range []string{"a", "b", "c"} {
			ledger.Sealed(label, key, time.Time{})
			ledger.Writing(label, now)
			ledger.Written(label, now)
		}
	})
	begin := func() *oracle.Recall { return memory.Begin(key, now) }
	end := func(r *oracle.Recall, verb script.Verb, outcome oracle.Outcome, label string) {
		op := oracle.Op{Verb: verb, Key: key, Outcome: outcome}
		if verb.IsWrite() {
			op.Label = label
		} else {
			op.Seen = label
		}
		memory.End(r, &op)
	}
	call := func(verb script.Verb, outcome oracle.Outcome, label string) { end(begin(), verb, outcome, label) }
	rule := func(v *oracle.Violation) string {
		if v == nil {
			return ""
		}
		return v.Rule
	}
	back := func(label string) string { return rule(memory.Accepted(begin(), key, label)) }

	DescribeTable("ends a value that was there, when a later call has shown", func(verb script.Verb, outcome oracle.Outcome, label string, over bool) {
		call(script.Get, oracle.Done, "a")
		Expect(back("a")).To(BeEmpty())
		call(verb, outcome, label)
		if over {
			Expect(back("a")).To(Equal(oracle.RuleSuperseded))
		} else {
			Expect(back("a")).To(BeEmpty())
		}
		Expect(back("c")).To(BeEmpty(), "which it never met")
	},
		Entry("another", script.Get, oracle.Done, "b", true),
		Entry("nothing", script.Get, oracle.Miss, "", true),
		Entry("its own write", script.Set, oracle.Done, "b", true),
		Entry("its own removal", script.Delete, oracle.Done, "", true),
		Entry("that there was nothing to remove", script.Delete, oracle.Miss, "", true),
		Entry("that it took it", script.GetDel, oracle.Done, "a", true),
		Entry("the same", script.Get, oracle.Done, "a", false),
		Entry("nothing, its outcome being unknown", script.Set, oracle.Unknown, "b", false),
		Entry("a refusal", script.Add, oracle.Exists, "b", false),
		Entry("nothing, where a replacement finds none", script.Replace, oracle.Miss, "b", false),
	)

	It("begins when a call does, since answers overtake each other", func() {
		call(script.Get, oracle.Done, "a")
		late := begin()
		call(script.Set, oracle.Done, "b")
		Expect(rule(memory.Accepted(late, key, "a"))).To(BeEmpty())
	})

	It("draws no order from calls that overlap", func() {
		one, other := begin(), begin()
		end(one, script.Get, oracle.Done, "a")
		end(other, script.Get, oracle.Done, "b")
		call(script.Get, oracle.Done, "c")
		Expect(back("a")).To(BeEmpty())
		Expect(back("b")).To(BeEmpty())
	})

	It("fades after some calls", func() {
		call(script.Get, oracle.Done, "a")
		call(script.Get, oracle.Done, "b")
		for range limits.Kept {
			Expect(back("a")).NotTo(BeEmpty())
			memory.End(begin(), &oracle.Op{Verb: script.Get, Key: "other", Outcome: oracle.Miss})
		}
		Expect(back("a")).To(BeEmpty())
	})

	It("reaches from what was sealed to what was sealed long before", func() {
		now = now.Add(10 * time.Second)
		ledger.Sealed("new", key, time.Time{})
		ledger.Writing("new", now)
		call(script.Get, oracle.Done, "new")
		Expect(back("c")).To(BeEmpty(), "clocks may differ twice, and writes be late")
		now = now.Add(time.Second)
		call(script.Delete, oracle.Done, "")
		Expect(back("c")).To(Equal(oracle.RuleSuperseded))
	})

	Context("where clocks differ by more than is allowed for, and touches seal anew", func() {
		BeforeEach(func() { limits.Timed, limits.Resealed = false, map[string]bool{key: true} })

		It("is nothing", func() {
			call(script.Get, oracle.Done, "a")
			now = now.Add(time.Hour)
			call(script.Delete, oracle.Done, "")
			Expect(back("a")).To(BeEmpty())
		})
	})

	It("is not that a value is of the future", func() {
		ledger.Writing("later", now.Add(2*time.Second))
		Expect(rule(ledger.Ahead("later", now, time.Second))).To(Equal(oracle.RuleSealed))
		Expect(rule(ledger.Ahead("later", now, 2*time.Second))).To(BeEmpty())
	})
})
