package oracle_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
)

var _ = Describe("Locks", func() {
	// claim is one that takes two nanoseconds from at on.
	claim := func(verb script.Verb, holder int, at int64, ttl time.Duration, fence uint64) oracle.Claim {
		c := oracle.Claim{Verb: verb, Name: "job", Holder: holder, TTL: ttl, Call: at, Return: at + 2, Outcome: oracle.Done, Fence: fence}
		if fence == 0 && verb != script.Unlock {
			c.Outcome = oracle.Exists
		}
		return c
	}
	unsure := func(c oracle.Claim) oracle.Claim {
		c.Outcome, c.Return = oracle.Unknown, oracle.Never
		return c
	}
	refused := func(c oracle.Claim) oracle.Claim {
		c.Outcome = oracle.Exists
		return c
	}
	took := claim(script.Lock, 1, 100, 50, 7)

	DescribeTable("report impossible histories",
		func(detail string, claims ...oracle.Claim) {
			var locks oracle.Locks
			for _, c := range claims {
				locks.Claimed(c)
			}
			v := locks.Judge()
			Expect(why(v)).NotTo(BeEmpty())
			Expect(v.Rule).To(Equal(oracle.RuleLock))
			Expect(v.Detail).To(HavePrefix(detail))
		},
		Entry(nil, "two holders at once", took, claim(script.Lock, 2, 147, 50, 8)),
		Entry(nil, "two holders at once", took, claim(script.Lock, 2, 110, 1, 8)),
		Entry(nil, "two holders at once", took, claim(script.Extend, 1, 120, 50, 8), claim(script.Lock, 2, 160, 50, 9)),
		Entry(nil, "fences do not grow", took, claim(script.Lock, 2, 160, 50, 7)),
		Entry(nil, "fences do not grow", took, claim(script.Lock, 2, 160, 50, 6)),
		Entry(nil, "extended after its time", took, claim(script.Extend, 1, 152, 50, 8)),
		Entry(nil, "extended, and another has had it since", took, claim(script.Lock, 2, 151, 1, 8), claim(script.Extend, 1, 154, 50, 9)),
		Entry(nil, "a holder was told that he has no lock", took, claim(script.Extend, 1, 120, 50, 0)),
		Entry(nil, "a holder was told that he has no lock", took, refused(claim(script.Unlock, 1, 120, 0, 0))),
		Entry(nil, "a lock that no client holds was refused", claim(script.Lock, 1, 100, 50, 0)),
		Entry(nil, "a lock that no client holds was refused", took, claim(script.Lock, 2, 153, 50, 0)),
		Entry(nil, "a lock that no client holds was refused", took, claim(script.Unlock, 1, 110, 0, 0), claim(script.Lock, 2, 113, 50, 0)),
	)

	DescribeTable("accept possible histories",
		func(claims ...oracle.Claim) {
			var locks oracle.Locks
			for _, c := range claims {
				locks.Claimed(c)
			}
			Expect(why(locks.Judge())).To(BeEmpty())
		},
		Entry("another's turn when the time may be over", took, claim(script.Lock, 2, 148, 50, 8)),
		Entry("another's turn after it was given back", took, claim(script.Unlock, 1, 110, 0, 0), claim(script.Lock, 2, 111, 50, 9)),
		Entry("another's turn after it may have been given back", took, unsure(claim(script.Unlock, 1, 110, 0, 0)), claim(script.Lock, 2, 120, 50, 9)),
		Entry("a refusal while another may hold it", took, claim(script.Lock, 2, 152, 50, 0)),
		Entry("a refusal while another may be taking it", unsure(claim(script.Lock, 1, 100, 50, 0)), claim(script.Lock, 2, 900, 50, 0)),
		Entry("a refusal while another may hold it that was refused, and whose time is short",
			refused(claim(script.Lock, 1, 100, 1, 0)), claim(script.Lock, 2, 101, 50, 0)),
		Entry("an extension just in time", took, claim(script.Extend, 1, 151, 50, 8)),
		Entry("an extension after one that is not known", took, unsure(claim(script.Extend, 1, 110, 90, 0)), claim(script.Extend, 1, 180, 50, 9)),
		Entry("no lock any more after a shorter extension", took, claim(script.Extend, 1, 110, 1, 8), claim(script.Extend, 1, 120, 50, 0)),
	)

	It("account for restarts, after which fences begin again, and for flushes", func() {
		var locks oracle.Locks
		locks.Claimed(took)
		locks.Restarted(110, 120)
		locks.Claimed(claim(script.Lock, 2, 121, 90, 1))
		locks.Flushed("jo", 130, 131)
		locks.Claimed(claim(script.Lock, 3, 132, 90, 2))
		Expect(why(locks.Judge())).To(BeEmpty())
		locks.Claimed(claim(script.Lock, 4, 140, 90, 3))
		Expect(locks.Judge().Detail).To(HavePrefix("two holders at once"))
	})

	It("allow any holder if items are lost, but still require growing fences", func() {
		locks := oracle.Locks{Loose: true}
		locks.Claimed(took)
		locks.Claimed(claim(script.Lock, 2, 110, 50, 8))
		locks.Claimed(claim(script.Extend, 1, 115, 50, 0))
		Expect(why(locks.Judge())).To(BeEmpty())
		locks.Claimed(claim(script.Lock, 3, 120, 50, 5))
		Expect(locks.Judge().Detail).To(HavePrefix("fences do not grow"))
	})
})
