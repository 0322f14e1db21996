package cache

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("A draw", func() {
	const tries = 10_000

	DescribeTable("is true as often as it should be", func(a, b int64, low, high int) {
		d, n := newDraws(newHasher([16]byte{1})), 0
		for range tries {
			if d.chance(a, b) {
				n++
			}
		}
		Expect(n).To(And(BeNumerically(">=", low), BeNumerically("<=", high)))
	},
		Entry("never", int64(0), int64(7), 0, 0),
		Entry("always", int64(7), int64(7), tries, tries),
		Entry("always, of the largest numbers", int64(1<<31-1), int64(1<<31-1), tries, tries),
		Entry("in one of four", int64(1), int64(4), tries/4-200, tries/4+200),
	)
})
