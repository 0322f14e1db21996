//go:build unix

package socket_test

import (
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/socket"
)

var _ = Describe("Read and Write", func() {
	var near, far int

	BeforeEach(func() {
		pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		Expect(err).NotTo(HaveOccurred())
		near, far = pair[0], pair[1]
		DeferCleanup(func() { _, _ = syscall.Close(near), syscall.Close(far) })
		Expect(syscall.SetNonblock(near, true)).To(Succeed())
	})

	type outcome struct {
		n   int
		err error
	}
	result := func(n int, err error) outcome { return outcome{n, err} }

	DescribeTable("end as the usual system calls do:", func(size int) {
		b := make([]byte, size)
		Expect(result(socket.Read(near, b))).To(Equal(result(syscall.Read(near, b))), "nothing to read")
		Expect(result(socket.Write(near, b))).To(Equal(outcome{size, nil}))
		Expect(result(syscall.Write(far, b))).To(Equal(outcome{size, nil}))
		Expect(result(socket.Read(near, b))).To(Equal(outcome{size, nil}))

		Expect(syscall.Close(far)).To(Succeed())
		Expect(result(socket.Write(near, b))).To(Equal(result(syscall.Write(near, b))), "nobody to read it")
		Expect(syscall.Close(near)).To(Succeed())
		Expect(result(socket.Read(near, b))).To(Equal(outcome{-1, syscall.EBADF}))
		Expect(result(socket.Write(near, b))).To(Equal(outcome{-1, syscall.EBADF}))
	},
		Entry("with a byte", 1),
		Entry("with many", 4096),
	)

	It("move none where there is no room for any", func() {
		Expect(result(socket.Read(near, nil))).To(Equal(result(syscall.Read(near, nil))))
		Expect(result(socket.Write(near, nil))).To(Equal(result(syscall.Write(near, nil))))
	})
})
