package cache

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("A word of the index", func() {
	It("has a tag, how often its item was read, up to three times, and where that is", func() {
		for _, tag := range []uint64{0, 1, tagMask} {
			for use := range uint8(4) {
				for _, at := range []position{0, 1, positionMask} {
					w := newWord(tag, use, at)
					Expect(w.tag()).To(Equal(tag))
					Expect(w.use()).To(Equal(use))
					Expect(w.position()).To(Equal(at))
				}
			}
		}
	})
})
