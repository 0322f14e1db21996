package safefile_test

import (
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/Zezezknight/cryptomem/sealing/safefile"
)

var _ = Describe("What is no file", func() {
	It("is not waited for if it is a named pipe", func() {
		name := filepath.Join(GinkgoT().TempDir(), "pipe")
		Expect(unix.Mkfifo(name, 0o600)).To(Succeed())
		_, err := safefile.Read(name, limit)
		Expect(err).To(MatchError(name + " is not a regular file"))
	})

	It("is not read if it never ends", func() {
		_, err := safefile.Read("/dev/zero", limit)
		Expect(err).To(MatchError("/dev/zero is not a regular file"))
	})

	It("is measured though it claims to be empty", func() {
		_, err := safefile.Read("/proc/self/status", limit)
		Expect(err).To(MatchError(ContainSubstring("limit, 16 bytes")))
	})
})
