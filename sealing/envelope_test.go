package sealing

import (
	"math"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("The last expiry that an envelope can hold", func() {
	It("does not wrap round to the past when the skew is added", func() {
		h := header{expiry: math.MaxUint64}
		Expect(h.expired(time.Unix(1<<40, 0), time.Hour)).To(BeFalse())
	})
})
