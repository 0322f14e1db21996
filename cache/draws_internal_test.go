package cache

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("A draw", func() {
	const tries = 10_000

	// count returns how often a draw is true.
	count := func(draw func(d *draws) bool) (n int) {
		d := newDraws(newHasher([16]byte{1}))
		for range tries {
			if draw(&d) {
				n++
			}
		}
		return n
	}

	DescribeTable("is true as often as its power or root says", func(a, b int64, chance, cube, root int) {
		about := func(want int) OmegaMatcher { return BeNumerically("~", want, 200) }
		Expect(count(func(d *draws) bool { return d.chance(a, b) })).To(about(chance))
		Expect(count(func(d *draws) bool { return d.cubeChance(a, b) })).To(about(cube))
		Expect(count(func(d *draws) bool { return d.rootChance(a, b) })).To(about(root))
	},
		Entry("for a half", int64(2), int64(4), tries/2, tries/8, tries*7071/10_000),
		Entry("for a quarter", int64(250), int64(1000), tries/4, tries/64, tries/2),
		Entry("for all", int64(9), int64(9), tries, tries, tries),
		Entry("for one of very many", int64(1), int64(1<<30), 0, 0, 0),
	)

	DescribeTable("is true as often as it should be", func(a, b int64, low, high int) {
		n := count(func(d *draws) bool { return d.chance(a, b) })
		Expect(n).To(And(BeNumerically(">=", low), BeNumerically("<=", high)))
	},
		Entry("never", int64(0), int64(7), 0, 0),
		Entry("always", int64(7), int64(7), tries, tries),
		Entry("always, of the largest numbers", int64(1<<31-1), int64(1<<31-1), tries, tries),
		Entry("in one of four", int64(1), int64(4), tries/4-200, tries/4+200),
	)
})
