package exhaust

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sim"
	"github.com/Zezezknight/cryptomem/sim/script"
)

var _ = Describe("Going through a world", func() {
	explore := func(w World, o Options) *Result {
		GinkgoHelper()
		r, err := Explore(w, o)
		Expect(err).NotTo(HaveOccurred())
		return r
	}

	// endings returns what anyone could tell of all courses of events, each once.
	endings := func(w World, o Options) (map[uint64]bool, *Result) {
		GinkgoHelper()
		all := map[uint64]bool{}
		o.Ending = func(fingerprint uint64) { all[fingerprint] = true }
		r := explore(w, o)
		Expect(r.Whole).To(BeTrue())
		return all, r
	}

	// Small enough to go through every path.
	tiny := []World{
		{Name: "two clients", Programs: []string{"set k a; get k", "delete k"}},
		{Name: "a touch, which is two requests", Programs: []string{"set k a ttl 10ms; touch k ttl 20ms", "set k b"}},
		{Name: "a cut", Programs: []string{"set k a", "get k"}, Limits: Limits{Cuts: 1, Splits: 1}},
		{Name: "time, and a janitor", Programs: []string{"set k a ttl 10ms; get k"}, Limits: Limits{Ticks: 1, Sweeps: 1}},
		{Name: "two calls at a time", Programs: []string{"set k a; get k; delete k"}, Limits: Limits{Flight: 2, Cancels: 1}},
		{Name: "a restart", Programs: []string{"set k a", "get k"}, Limits: Limits{Restarts: 1}},
	}

	for _, w := range tiny {
		It("misses no ending by recognising states and taking commuting moves once: "+w.Name, func() {
			quick, r := endings(w, Options{})
			whole, all := endings(w, Options{AllOrders: true, AllPaths: true})
			Expect(quick).To(Equal(whole))
			Expect(r.Paths).To(BeNumerically("<", all.Paths))
			Expect(len(quick)).To(BeNumerically(">", 3))
			AddReportEntry(fmt.Sprintf("%d of %d paths", r.Paths, all.Paths), ReportEntryVisibilityFailureOrVerbose)
		})

		It("misses no state by taking commuting moves once: "+w.Name, func() {
			quick, all := explore(w, Options{}), explore(w, Options{AllOrders: true})
			Expect(quick.States).To(Equal(all.States))
			Expect(quick.Paths).To(BeNumerically("<=", all.Paths))
			Expect(quick.Depth).To(Equal(all.Depth))
		})
	}

	// A demand of a script is a promise like others: this one is broken only if the
	// other client's value arrives between.
	lost := World{Name: "a race", Programs: []string{"set k a; get k => a", "set k b"}, Limits: Limits{Cuts: 1, Sweeps: 1}}

	It("finds what is broken in one order alone", func() {
		r := explore(lost, Options{})
		Expect(r.Whole).To(BeFalse())
		Expect(r.Violation.Failure.Rule).To(Equal(sim.RuleExpect))
		Expect(r.Violation.Calls).To(Equal(2))
		Expect(explore(World{Programs: []string{"set k a; get k => a", "get k"}}, Options{}).Violation).To(BeNil())
	})

	It("finds it in as few moves as can be: no path of fewer breaks anything", func() {
		v := explore(lost, Options{}).Violation
		shorter := func(moves int) bool { return moves >= v.Moves }
		Expect(explore(lost, Options{AllOrders: true, AllPaths: true, Stop: shorter}).Violation).To(BeNil())
		Expect(explore(lost, Options{AllOrders: true, AllPaths: true}).Violation.Moves).To(Equal(v.Moves))
	})

	It("tells it as a scenario that comes to the same when it is read back", func() {
		v := explore(lost, Options{}).Violation
		again, err := script.Parse(v.Script.String())
		Expect(err).NotTo(HaveOccurred())
		f := sim.Run(again, sim.Options{}).Failure
		Expect(f).To(HaveOccurred())
		Expect(f.Rule).To(Equal(v.Failure.Rule))
		Expect(f.Detail).To(Equal(v.Failure.Detail))
	})

	It("prefers what takes few moves", func() {
		a, b := &Violation{Moves: 3}, &Violation{Moves: 9}
		Expect(a.Less(b)).To(BeTrue())
		Expect(b.Less(a)).To(BeFalse())
		Expect(a.Less(nil)).To(BeTrue())
		Expect((*Violation)(nil).Less(a)).To(BeFalse())
	})

	It("is told to stop, and says that it was not gone through", func() {
		r := explore(tiny[0], Options{Stop: func(moves int) bool { return moves > 3 }})
		Expect(r.Whole).To(BeFalse())
		Expect(r.Violation).To(BeNil())
		Expect(r.Depth).To(BeNumerically("<=", 3))
	})

	It("refuses a world that is none", func() {
		_, err := Explore(World{Name: "odd", Programs: []string{"eat k"}}, Options{})
		Expect(err).To(MatchError(ContainSubstring(`world "odd"`)))
		_, err = Explore(World{Name: "crowded", Programs: []string{"", "", "", "ping"}}, Options{})
		Expect(err).To(MatchError(ContainSubstring("limit 3")))
	})

	It("looks at every instant around an expiry", func() {
		// That a value is there until the last nanosecond shows in which misses there are.
		r := explore(World{Programs: []string{"set k a ttl 10ms; get k => a"}, Limits: Limits{Ticks: 1}}, Options{})
		Expect(r.Violation.Script.Actions).To(ContainElement(HaveField("At", 10*time.Millisecond)))
	})
})

var _ = Describe("Two moves", func() {
	DescribeTable("commute if neither touches what the other does",
		func(a, b move, want bool) {
			Expect(a.commutes(b)).To(Equal(want))
			Expect(b.commutes(a)).To(Equal(want))
		},
		Entry("calls of two clients", move{kind: begin}, move{kind: begin, client: 1}, true),
		Entry("a call, and bytes for the server", move{kind: begin}, move{kind: up}, true),
		Entry("two answers", move{kind: down}, move{kind: down, client: 1}, true),
		Entry("an answer, and the janitor", move{kind: down}, move{kind: sweep}, true),
		Entry("two requests, which meet in the store", move{kind: up}, move{kind: up, client: 1}, false),
		Entry("a request, and the janitor", move{kind: up}, move{kind: sweep}, false),
		Entry("an answer, and another's call, which comes after it or not", move{kind: down}, move{kind: begin, client: 1}, false),
		Entry("a call and its own client's answer", move{kind: begin}, move{kind: down}, false),
		Entry("time, and what reads it", move{kind: tick}, move{kind: up}, false),
		Entry("two cuts, of which there may be one", move{kind: cut}, move{kind: cut, client: 1}, false),
		Entry("a restart, and anything", move{kind: restart}, move{kind: begin}, false),
	)
})

var _ = Describe("The worlds that there are", func() {
	It("are each there once, and each is one", func() {
		names := map[string]bool{}
		for _, f := range Families() {
			Expect(f.Worlds).NotTo(BeEmpty())
			Expect(f.Bounds).NotTo(BeEmpty())
			for _, w := range f.Worlds {
				Expect(w.Calls()).To(BeNumerically(">", 0))
				_, _, err := w.parse()
				Expect(err).NotTo(HaveOccurred())
				name := f.Name + ": " + w.Name
				Expect(names[name]).To(BeFalse(), name) // HaveKey looks at all of them
				names[name] = true
			}
		}
	})

	It("are every choice of calls, with clients that change places once", func() {
		Expect(every([]int{1}, calls, "", Limits{})).To(HaveLen(len(calls)))
		Expect(every([]int{2, 1}, []string{"get k", "delete k"}, "", Limits{})).To(HaveLen(4 * 2))
		two := every([]int{1, 1}, []string{"get k", "set k %"}, "", Limits{})
		Expect(two).To(HaveLen(3))
		Expect(two[2].Programs).To(Equal([]string{"set k a1", "set k b1"}))
	})
})
