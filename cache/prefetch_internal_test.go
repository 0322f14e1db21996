package cache

import (
	"unsafe"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("The descriptor of a segment", func() {
	It("starts at a cache line, and what reading a record needs ends within it", func() {
		const line = 64
		var seg segment
		Expect(unsafe.Sizeof(seg)%line).To(BeZero(), "the next one does not start at a line")
		Expect(int(unsafe.Offsetof(seg.frame) + unsafe.Sizeof(seg.frame))).To(BeNumerically("<=", line))
	})
})
