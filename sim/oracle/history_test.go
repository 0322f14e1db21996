package oracle_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// The operations of the histories below, on one key.
func set(label string, call, end int64) oracle.Op {
	return oracle.Op{Verb: script.Set, Key: "k", Label: label, Call: call, Return: end, Outcome: oracle.Done}
}

func setFor(label string, ttl, call, end int64) oracle.Op {
	o := set(label, call, end)
	o.TTL = time.Duration(ttl)
	return o
}

func get(seen string, call, end int64) oracle.Op {
	return oracle.Op{Verb: script.Get, Key: "k", Seen: seen, Call: call, Return: end, Outcome: oracle.Done}
}

func miss(call, end int64) oracle.Op {
	return oracle.Op{Verb: script.Get, Key: "k", Call: call, Return: end, Outcome: oracle.Miss}
}

func del(call, end int64) oracle.Op {
	return oracle.Op{Verb: script.Delete, Key: "k", Call: call, Return: end, Outcome: oracle.Done}
}

func lost(o oracle.Op) oracle.Op {
	o.Outcome, o.Return = oracle.Unknown, oracle.Never
	return o
}

func restart(at int64) oracle.Op {
	return oracle.Op{Verb: script.Flush, Call: at, Return: at, Outcome: oracle.Done}
}

var _ = Describe("the histories of a key", func() {
	history := func(ops ...oracle.Op) []oracle.Op { return ops }

	DescribeTable("are sound",
		func(ops []oracle.Op) {
			Expect(why(oracle.Zones(ops))).To(BeEmpty())
			Expect(why(oracle.Linearizable(ops, false))).To(BeEmpty())
		},
		Entry("when a read follows its write", history(set("a", 0, 1), get("a", 2, 3))),
		Entry("when a read that overlaps a write sees either value", history(set("a", 0, 1), set("b", 2, 9), get("a", 3, 4), get("b", 5, 6))),
		Entry("when nothing is there at first", history(miss(0, 1), set("a", 2, 3))),
		Entry("when a value is gone at its expiry", history(setFor("a", 10, 0, 0), get("a", 9, 9), miss(10, 10))),
		Entry("when a write of unknown outcome shows later", history(lost(set("a", 0, 1)), miss(2, 3), get("a", 8, 9))),
		Entry("when a write of unknown outcome never shows", history(lost(set("a", 0, 1)), miss(2, 3), miss(8, 9))),
		Entry("when a delete comes between", history(set("a", 0, 1), del(2, 3), miss(4, 5))),
		Entry("when a restart takes it away", history(set("a", 0, 1), restart(2), miss(3, 4))),
	)

	DescribeTable("are unsound, by both judges",
		func(ops []oracle.Op, what string) {
			Expect(why(oracle.Zones(ops))).To(ContainSubstring(what))
			Expect(why(oracle.Linearizable(ops, false))).To(ContainSubstring("no order explains"))
		},
		Entry("when a value comes from nowhere", history(set("a", 0, 1), get("b", 2, 3)), "no client wrote"),
		Entry("when a value is read before it is written", history(get("a", 0, 1), set("a", 2, 3)), "before it was written"),
		Entry("when an overwritten value comes back", history(set("a", 0, 1), set("b", 2, 3), get("b", 4, 5), get("a", 6, 7)), "both stored"),
		Entry("when a miss falls between two reads of one value", history(set("a", 0, 1), get("a", 2, 3), miss(4, 5), get("a", 6, 7)), "was stored"),
		Entry("when a value outlives its delete", history(set("a", 0, 1), del(2, 3), get("a", 4, 5)), "was stored"),
		Entry("when a value outlives its expiry", history(setFor("a", 10, 0, 1), get("a", 11, 12)), "past its expiry"),
		Entry("when a value outlives a restart", history(set("a", 0, 1), restart(2), get("a", 3, 4)), "was stored"),
	)

	It("may lose a value only where there is eviction", func() {
		ops := history(set("a", 0, 1), miss(2, 3))
		Expect(why(oracle.Linearizable(ops, true))).To(BeEmpty())
		Expect(why(oracle.Linearizable(ops, false))).NotTo(BeEmpty())
	})

	It("tells by turns what came first where time stands still", func() {
		turned := func(o oracle.Op, began, ended int) oracle.Op {
			o.Began, o.Ended = began, ended
			return o
		}
		after := history(turned(set("a", 5, 5), 1, 2), turned(miss(5, 5), 3, 4))
		beside := history(turned(set("a", 5, 5), 1, 3), turned(miss(5, 5), 2, 4))
		Expect(why(oracle.Linearizable(after, false))).NotTo(BeEmpty())
		Expect(why(oracle.Linearizable(beside, false))).To(BeEmpty())
		Expect(why(oracle.Linearizable(history(set("a", 5, 5), miss(5, 5)), false))).To(BeEmpty(), "by time alone they overlap")
	})

	It("never give a version twice to a compare-and-swap", func() {
		cas := func(label string, version, got, at int64) oracle.Op {
			return oracle.Op{Verb: script.CAS, Key: "k", Label: label, Version: uint64(version), Got: uint64(got), Call: at, Return: at, Outcome: oracle.Done}
		}
		read := get("a", 1, 1)
		read.Verb, read.Got = script.GetV, 7
		Expect(why(oracle.Linearizable(history(set("a", 0, 0), read, cas("b", 7, 8, 2)), false))).To(BeEmpty())
		Expect(why(oracle.Linearizable(history(set("a", 0, 0), read, cas("b", 7, 8, 2), cas("c", 7, 9, 3)), false))).NotTo(BeEmpty())
	})

	It("are told apart by key, restarts and flushes concerning all", func() {
		other := set("b", 0, 1)
		other.Key = "other"
		parts := oracle.ByKey(history(set("a", 0, 1), other, restart(2), miss(3, 4)))
		Expect(parts).To(HaveLen(2))
		Expect(parts[0]).To(HaveLen(3))
		Expect(parts[1]).To(HaveLen(2))
	})

	It("leave out what certainly did not happen", func() {
		void := set("a", 0, 1)
		void.Outcome = oracle.Void
		Expect(oracle.ByKey(history(void))).To(BeEmpty())
	})

	It("are searched only if few operations overlap", func() {
		var many []oracle.Op
		for range oracle.MaxOverlap + 1 {
			many = append(many, lost(set("x", 0, 1)))
		}
		Expect(oracle.Tractable(many)).To(BeFalse())
		Expect(oracle.Tractable(many[:oracle.MaxOverlap])).To(BeTrue())
	})

	It("know that a delete that was tried twice may have had two effects", func() {
		Expect(del(0, 1).Attempted(false)).To(Equal([]oracle.Op{del(0, 1)}))
		Expect(del(0, 1).Attempted(true)).To(HaveLen(2))
		Expect(lost(set("a", 0, 1)).Attempted(true)).To(HaveLen(1))
	})
})
