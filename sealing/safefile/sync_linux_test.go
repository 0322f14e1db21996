package safefile_test

import (
	"os"
	"path/filepath"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sealing/safefile"
)

// Pipes, and the folders of /proc, refuse to be synced.
var _ = Describe("a new file", func() {
	It("gets its name only once its bytes are on the disk", func() {
		name := filepath.Join(GinkgoT().TempDir(), "new")
		read, write, err := os.Pipe()
		Expect(err).NotTo(HaveOccurred())
		defer func() { Expect(read.Close()).To(Succeed()) }()
		Expect(safefile.Finish(safefile.OS, write, nil, name, false)).To(MatchError(syscall.EINVAL))
		Expect(name).NotTo(BeAnExistingFile())
	})

	It("exists only once its name is on the disk, too", func() {
		f, err := os.Create(filepath.Join(GinkgoT().TempDir(), "new"))
		Expect(err).NotTo(HaveOccurred())
		another, err := syscall.Dup(int(f.Fd()))
		Expect(err).NotTo(HaveOccurred())
		Expect(f.Close()).To(Succeed())
		there := os.NewFile(uintptr(another), "/proc/self/new")
		Expect(safefile.Finish(safefile.OS, there, nil, "/proc/self/new", false)).To(MatchError(syscall.EINVAL))
	})
})
