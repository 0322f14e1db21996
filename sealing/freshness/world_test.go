package freshness

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("In every course of events", func() {
	honest := rules{clocks: 1, delay: 1, stamped: true, verbs: []verb{get, write, remove}, calls: 3, until: 2}

	// expectQuiet explores at least so many states, lest a mistake here leave none.
	expectQuiet := func(r rules, least int) {
		GinkgoHelper()
		x := explore(r)
		Expect(x.alarm).To(BeEmpty())
		Expect(len(x.met)).To(BeNumerically(">", least))
		AddReportEntry("states", len(x.met), ReportEntryVisibilityFailureOrVerbose)
	}

	It("no honest answer is refused", func() { expectQuiet(honest, 150_000) })

	It("no honest answer is refused while values are taken, the store evicts and a client starts again", func() {
		r := honest
		r.verbs, r.until, r.evicts, r.restarts = []verb{get, write, take}, 1, true, true
		expectQuiet(r, 100_000)
	})

	It("no honest answer is refused without stamps, however late writes land", func() {
		r := honest
		r.stamped, r.unbounded, r.until = false, true, 0
		r.verbs, r.calls = []verb{get, write}, 4
		expectQuiet(r, 40_000)
	})

	It("no honest answer is refused while values are touched in place", func() {
		r := honest
		r.verbs, r.until, r.calls = []verb{get, write, touch}, 1, 4
		expectQuiet(r, 100_000)
	})

	It("no honest answer is refused while everything is flushed", func() {
		r := honest
		r.verbs = []verb{get, write, flush}
		expectQuiet(r, 100_000)
	})

	It("a window too small by one raises an alarm", func() {
		Expect(exploreWindow(honest, 1).alarm).NotTo(BeEmpty())
	})

	It("stamps raise an alarm where writes land later than they may", func() {
		r := honest
		r.unbounded = true
		Expect(explore(r).alarm).NotTo(BeEmpty())
	})

	Describe("under a store that lies", func() {
		lying := honest
		lying.hostile = true

		It("no envelope passes that the client has seen replaced or removed", func() {
			r := lying
			r.stamped, r.until, r.calls = false, 0, 4
			r.verbs = []verb{get, write, remove, take}
			expectQuiet(r, 60_000)
		})

		It("no envelope passes that a touch or an update has replaced", func() {
			r := lying
			r.stamped, r.until, r.calls = false, 0, 4
			r.verbs = []verb{get, write, touch, update}
			expectQuiet(r, 10_000)
		})

		It("no envelope passes that was sealed more than W before a flush", func() {
			r := lying
			r.until = 3
			r.verbs = []verb{get, write, flush}
			expectQuiet(r, 60_000)
		})

		It("no envelope passes that was sealed more than W before what the client has seen", func() {
			r := lying
			r.until = 3
			expectQuiet(r, 60_000)
		})

		It("a window too large by one lets such a one pass", func() {
			r := lying
			r.until = 3
			Expect(exploreWindow(r, 3).alarm).NotTo(BeEmpty())
		})
	})
})
