package bounded_test

import (
	"math"
	"sync"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cache/bounded"
	_ "github.com/Zezezknight/cryptomem/testdata/deadline"
)

func TestBounded(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Bounded Suite")
}

var _ = Describe("A counter with a bound", func() {
	It("is added to up to the bound, and not beyond", func() {
		var c bounded.Counter
		sum, added := c.AddWithin(7, 10)
		Expect(sum).To(BeEquivalentTo(7))
		Expect(added).To(BeTrue())
		_, added = c.AddWithin(3, 10)
		Expect(added).To(BeTrue())
		sum, added = c.AddWithin(1, 10)
		Expect(sum).To(BeEquivalentTo(11), "what it would have been")
		Expect(added).To(BeFalse())
		Expect(c.Load()).To(BeEquivalentTo(10))
		sum, added = c.AddWithin(0, 10)
		Expect(sum).To(BeEquivalentTo(10), "nothing more")
		Expect(added).To(BeTrue())
	})

	It("takes nothing more under a bound that was lowered, and some after enough was given back", func() {
		var c bounded.Counter
		c.Add(10)
		_, added := c.AddWithin(1, 5)
		Expect(added).To(BeFalse())
		c.Add(-6)
		_, added = c.AddWithin(1, 5)
		Expect(added).To(BeTrue())
	})

	It("does not wrap around", func() {
		var c bounded.Counter
		c.Add(math.MaxInt64 - 1)
		sum, added := c.AddWithin(2, math.MaxInt64)
		Expect(sum).To(BeEquivalentTo(int64(math.MaxInt64)))
		Expect(added).To(BeFalse())
	})

	It("is never passed by many who add at once", func() {
		var (
			c        bounded.Counter
			admitted bounded.Counter
			all      sync.WaitGroup
		)
		for range 16 {
			all.Go(func() {
				for range 1000 {
					if _, added := c.AddWithin(1, 9000); added {
						admitted.Add(1)
					}
				}
			})
		}
		all.Wait()
		Expect(c.Load()).To(BeEquivalentTo(9000))
		Expect(admitted.Load()).To(BeEquivalentTo(9000))
	})
})
