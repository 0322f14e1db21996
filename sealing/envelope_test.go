package sealing

import (
	"math"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("The last expiry that an envelope can hold", func() {
	It("does not wrap round to the past when the skew is added", func() {
		h := Header{expiry: math.MaxUint64}
		Expect(h.expired(1<<50, 3_600_000)).To(BeFalse())
	})
})
