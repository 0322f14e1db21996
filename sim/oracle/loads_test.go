package oracle_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
)

var _ = Describe("Loads", func() {
	const ms = int64(time.Millisecond)
	// call of a client, in milliseconds: its label is that of its loader, if that runs.
	call := func(client int, label string, from, to int64, seen string) oracle.LoadCall {
		return oracle.LoadCall{
			Client: client, Name: "page", Label: label, TTL: 100 * time.Millisecond, Stale: 50 * time.Millisecond,
			Call: from * ms, Return: to * ms, Seen: seen,
		}
	}
	run := func(client int, label string, from, to int64) oracle.Loading {
		return oracle.Loading{Client: client, Name: "page", Label: label, From: from * ms, To: to * ms}
	}
	failed := func(r oracle.Loading) oracle.Loading {
		r.Failed = true
		return r
	}
	toFail := func(c oracle.LoadCall) oracle.LoadCall {
		c.Failed = true
		return c
	}
	set := func(from, to int64) oracle.Op {
		return oracle.Op{Client: 3, Verb: script.Set, Key: "page", Label: "new", Call: from * ms, Return: to * ms, Outcome: oracle.Done}
	}
	get := func(from, to int64, seen string) oracle.Op {
		return oracle.Op{Client: 3, Verb: script.Get, Key: "page", Call: from * ms, Return: to * ms, Outcome: oracle.Done, Seen: seen}
	}
	judge := func(all ...any) string {
		loads := oracle.Loads{Quiet: true, End: 10_000 * ms}
		var history []oracle.Op
		for _, one := range all {
			switch one := one.(type) {
			case oracle.LoadCall:
				loads.Called(one)
			case oracle.Loading:
				loads.Began(&one)
			case oracle.Op:
				history = append(history, one)
			}
		}
		return why(loads.Judge(history))
	}
	first, its := call(1, "a", 0, 30, "a"), run(1, "a", 10, 20)
	patient := func(c oracle.LoadCall) oracle.LoadCall {
		c.Stale = time.Second
		return c
	}

	DescribeTable("report impossible histories",
		func(detail string, all ...any) { Expect(judge(all...)).To(HavePrefix("load: " + detail)) },
		Entry(nil, "two loaders at a time", first, its, call(2, "b", 5, 40, "b"), run(2, "b", 15, 25)),
		Entry(nil, "loaded again although it is there", first, its, call(2, "b", 40, 60, "b"), run(2, "b", 45, 50)),
		Entry(nil, "a value past its stale time", first, its, call(2, "b", 186, 187, "a")),
		Entry(nil, "a stale value is not loaded again", first, its, call(2, "b", 136, 137, "a")),
		Entry(nil, "a stale value is not loaded again", first, its, patient(call(2, "b", 35, 40, "a"))),
		Entry(nil, "a value before it was loaded", first, its, call(2, "b", 5, 15, "a")),
		Entry(nil, "a value before it was loaded", first, its, get(5, 15, "a")),
		Entry(nil, "a value that was not loaded", first),
		Entry(nil, "an error that is none", toFail(first), failed(its), toFail(call(1, "b", 40, 50, "a"))),
		Entry(nil, "an error that is none", toFail(first), failed(its), toFail(call(2, "b", 5, 50, "a"))),
		Entry(nil, "a value that was being loaded when its name changed", first, its, set(12, 14), get(40, 41, "a")),
		Entry(nil, "a value that was being loaded when its name changed", first, its, set(12, 14), call(1, "b", 16, 30, "a")),
	)

	DescribeTable("accept possible histories",
		func(all ...any) { Expect(judge(all...)).To(BeEmpty()) },
		Entry("a call that waits for another's load", first, its, call(2, "b", 5, 40, "a")),
		Entry("a stale value that is being loaded again", first, its, call(2, "b", 136, 137, "a"), run(2, "b", 140, 150)),
		Entry("a stale value that was loaded again a moment before", first, its, call(2, "b", 136, 137, "a"), run(3, "c", 130, 134)),
		Entry("a stale value that is gone a moment later", first, its, call(2, "b", 168, 169, "a")),
		Entry("a value that was stale when it came to who waited for it", first, its, patient(call(2, "b", 25, 40, "a"))),
		Entry("a load beside another, by who has waited for a third", first, its, call(2, "b", 5, 230, "b"), run(2, "b", 200, 220), call(3, "c", 195, 240, "c"), run(3, "c", 205, 225)),
		Entry("a load when the time is over", first, its, call(2, "b", 190, 230, "b"), run(2, "b", 195, 200)),
		Entry("an error for those who waited", toFail(first), failed(its), toFail(call(1, "b", 5, 30, "a"))),
		Entry("a value for those who began before its name changed", first, its, set(12, 14), call(1, "b", 11, 30, "a")),
		Entry("a value that was loaded after its name had changed", first, its, set(2, 9), get(40, 41, "a")),
	)

	It("put into a history what loads have read and stored", func() {
		loads := oracle.Loads{Quiet: true}
		r := its
		loads.Called(first)
		loads.Began(&r)
		loads.Called(call(2, "b", 40, 50, "a"))
		Expect(loads.History([]oracle.Op{get(60, 61, "a")})).To(ConsistOf(
			HaveField("Seen", "a"),
			And(HaveField("Verb", script.Get), HaveField("Client", 2), HaveField("Seen", "a")),
			And(HaveField("Verb", script.Set), HaveField("Label", "a"), HaveField("TTL", 150*time.Millisecond), HaveField("Outcome", oracle.Done)),
		))
	})
})
