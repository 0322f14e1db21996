package sealing

import (
	"fmt"
	"math"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("Padding", func() {
	DescribeTable("rounds a value and its mark up to the length that PADMÉ says",
		func(n, want int) { Expect(paddedSize(n)).To(Equal(want)) },
		Entry("nothing", 0, 32),
		Entry("the longest of the shortest", 31, 32),
		Entry("one more", 32, 36),
		Entry("100 bytes", 100, 104),
		Entry("1,000 bytes", 1000, 1024),
		Entry("1,023 bytes", 1023, 1024),
		Entry("1,024 bytes", 1024, 1088),
		Entry("a mebibyte", 1<<20, 1<<20+1<<15),
	)

	It("costs at most 12% and a byte, never shrinks, and keeps order", func() {
		last := 0
		for n := 31; n < 1<<17; n++ {
			p := paddedSize(n)
			if p <= n || p < last || float64(p) > math.Ceil(float64(n+1)*1.12) {
				Fail(fmt.Sprintf("%d bytes become %d", n, p))
			}
			last = p
		}
	})

	It("leaves few lengths to tell apart", func() {
		lengths := map[int]bool{}
		for n := range 1 << 20 {
			lengths[paddedSize(n)] = true
		}
		Expect(len(lengths)).To(BeNumerically("<", 300))
	})

	It("comes off again", func() {
		for n := range 2000 {
			padded := make([]byte, paddedSize(n))
			for i := range padded {
				padded[i] = 0x80 // the worst a value can end in
			}
			pad(padded, n)
			Expect(unpad(padded)).To(Equal(n))
		}
	})

	DescribeTable("that pad never makes is refused", func(padded []byte) {
		_, err := unpad(padded)
		Expect(err).To(MatchError(ErrMalformed))
	},
		Entry("nothing at all", []byte{}),
		Entry("zeros only", make([]byte, 32)),
		Entry("no mark", append(make([]byte, 31), 1)),
		Entry("too short", append(make([]byte, 30), padMark)),
		Entry("too long for its value", append([]byte{padMark}, make([]byte, 33)...)),
	)
})
