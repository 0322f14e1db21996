package cache

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("The ghost", func() {
	hash := func(i int) uint64 { return newHasher([16]byte{1}).sum([]byte{byte(i), byte(i >> 8)}) }

	It("remembers what was evicted, until it is asked", func() {
		g := ghost{limit: 1 << 10}
		Expect(g.remembers(hash(1))).To(BeFalse())
		g.add(hash(1), 0)
		Expect(g.remembers(hash(2))).To(BeFalse())
		Expect(g.remembers(hash(1))).To(BeTrue())
		Expect(g.remembers(hash(1))).To(BeFalse())
	})

	DescribeTable("has room for about as many as there are items, within its limit", func(items, limit, least, most int) {
		g := ghost{limit: limit}
		g.add(hash(1), items)
		Expect(len(g.tags)).To(And(BeNumerically(">=", least), BeNumerically("<=", most)))
		Expect(g.remembers(hash(1))).To(BeTrue())
	},
		Entry("for few, a few hundred", 1, 1<<20, 256, 512),
		Entry("for many", 1000, 1<<20, 1000, 2000),
		Entry("for more than the limit allows", 1000, 512, 512, 512),
		Entry("where the limit is no power of two", 1000, 511, 256, 256),
		Entry("of one", 1000, 1, 1, 1),
	)

	It("remembers the newest of those that have one place, and nothing without a limit", func() {
		g := ghost{limit: 1}
		g.add(hash(1), 0)
		g.add(hash(2), 0)
		Expect(g.remembers(hash(1))).To(BeFalse())
		Expect(g.remembers(hash(2))).To(BeTrue())
		g = ghost{}
		g.add(hash(1), 0)
		Expect(g.remembers(hash(1))).To(BeFalse())
	})

	It("serves fewer items with the table that it has", func() {
		g := ghost{limit: 1 << 20}
		g.add(hash(1), 2000)
		size := len(g.tags)
		g.add(hash(2), 1)
		Expect(g.tags).To(HaveLen(size))
		Expect(g.remembers(hash(2))).To(BeTrue())
	})
})
