package safefile_test

import (
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sealing/safefile"
)

const limit = 16

var _ = Describe("A small file", func() {
	var dir, name string
	BeforeEach(func() {
		dir = GinkgoT().TempDir()
		name = filepath.Join(dir, "file")
	})
	write := func(text string) {
		GinkgoHelper()
		Expect(os.WriteFile(name, []byte(text), 0o600)).To(Succeed())
	}

	It("is read whole, up to its limit", func() {
		for _, text := range []string{"", "max_memory", "of sixteen bytes"} {
			write(text)
			Expect(safefile.Read(name, limit)).To(BeEquivalentTo(text))
		}
	})

	It("is refused above its limit, with both sizes", func() {
		write("of seventeen byte")
		_, err := safefile.Read(name, limit)
		Expect(err).To(MatchError(name + " is 17 bytes, limit 16"))
	})

	It("may be behind links, as in a secret that Kubernetes mounts", func() {
		write("text")
		Expect(os.Symlink("file", filepath.Join(dir, "data"))).To(Succeed())
		Expect(os.Symlink("data", filepath.Join(dir, "link"))).To(Succeed())
		Expect(safefile.Read(filepath.Join(dir, "link"), limit)).To(BeEquivalentTo("text"))
	})

	It("is no directory, and one that is missing is named", func() {
		_, err := safefile.Read(dir, limit)
		Expect(err).To(MatchError(dir + " is not a regular file"))
		_, err = safefile.Read(name, limit)
		Expect(err).To(MatchError(os.ErrNotExist))
		Expect(err).To(MatchError(ContainSubstring(name)))
	})
})

var _ = Describe("A byte order mark", func() {
	It("is left out of what is read, once", func() {
		name := filepath.Join(GinkgoT().TempDir(), "file")
		Expect(os.WriteFile(name, []byte("\xef\xbb\xbf\xef\xbb\xbftext"), 0o600)).To(Succeed())
		Expect(safefile.Read(name, limit)).To(BeEquivalentTo("\xef\xbb\xbftext"))
	})
})
