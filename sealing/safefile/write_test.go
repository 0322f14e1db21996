package safefile_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sealing/safefile"
)

var _ = Describe("A file that is written", func() {
	var dir, name string
	BeforeEach(func() {
		dir = GinkgoT().TempDir()
		name = filepath.Join(dir, "file")
	})
	writing := func(text string) func(*os.File) error {
		return func(f *os.File) error {
			_, err := f.WriteString(text)
			return err
		}
	}
	through := func(write func(*os.File) error) func(io.Writer) error {
		return func(f io.Writer) error { return write(f.(*os.File)) }
	}
	held := func() string {
		GinkgoHelper()
		text, err := os.ReadFile(name)
		Expect(err).NotTo(HaveOccurred())
		return string(text)
	}
	mode := func() fs.FileMode {
		GinkgoHelper()
		info, err := os.Lstat(name)
		Expect(err).NotTo(HaveOccurred())
		return info.Mode()
	}
	alone := func() {
		GinkgoHelper()
		entries, err := os.ReadDir(dir)
		Expect(err).NotTo(HaveOccurred())
		Expect(entries).To(HaveLen(1))
	}

	It("is new and its owner's alone, and never written over", func() {
		Expect(safefile.Create(name, []byte("one"))).To(Succeed())
		Expect(safefile.Create(name, []byte("two"))).To(MatchError(fs.ErrExist))
		Expect(held()).To(Equal("one"))
		Expect(mode()).To(Equal(fs.FileMode(0o600)))
	})

	DescribeTable("is replaced", func(how safefile.Mode, want fs.FileMode) {
		Expect(safefile.Replace(name, how, writing("one"))).To(Succeed())
		Expect(mode()).To(Equal(fs.FileMode(0o600)), "where there was none")
		Expect(os.Chmod(name, 0o640)).To(Succeed())
		Expect(safefile.Replace(name, how, writing("two"))).To(Succeed())
		Expect(held()).To(Equal("two"))
		Expect(mode()).To(Equal(want))
		alone()
	},
		Entry("by one with its mode", safefile.Alike, fs.FileMode(0o640)),
		Entry("by one that is its owner's alone", safefile.Private, fs.FileMode(0o600)),
	)

	It("stays as it was when the new one fails, and nothing is left beside it", func() {
		Expect(safefile.Create(name, []byte("old"))).To(Succeed())
		broken := errors.New("broken")
		fail := func(f *os.File) error { _ = writing("half")(f); return broken }
		Expect(safefile.Replace(name, safefile.Alike, fail)).To(MatchError(broken))
		Expect(safefile.ReplaceThrough(safefile.OS, name+".tmp", name, through(fail))).To(MatchError(broken))
		Expect(held()).To(Equal("old"))
		alone()
	})

	It("replaces what a link leads to, and the link stays", func() {
		target := filepath.Join(dir, "target")
		Expect(safefile.Create(target, []byte("old"))).To(Succeed())
		Expect(os.Symlink("target", name)).To(Succeed())
		Expect(safefile.Replace(name, safefile.Alike, writing("new"))).To(Succeed())
		Expect(mode().Type()).To(Equal(fs.ModeSymlink))
		Expect(held()).To(Equal("new"))
	})

	It("stays beside a file that it cannot replace, if it was to go through a known name", func() {
		Expect(os.MkdirAll(filepath.Join(name, "folder"), 0o700)).To(Succeed())
		err := safefile.ReplaceThrough(safefile.OS, name+".tmp", name, through(writing("whole")))
		var unplaced *os.LinkError
		Expect(errors.As(err, &unplaced)).To(BeTrue())
		Expect(os.ReadFile(name + ".tmp")).To(BeEquivalentTo("whole"))
		Expect(safefile.Replace(name, safefile.Private, writing("whole"))).NotTo(Succeed())
		entries, err := os.ReadDir(dir)
		Expect(err).NotTo(HaveOccurred())
		Expect(entries).To(HaveLen(2))
	})

	It("goes through a known name that a crash left behind", func() {
		Expect(os.WriteFile(name+".tmp", []byte("a longer text that was left behind"), 0o644)).To(Succeed())
		Expect(safefile.ReplaceThrough(safefile.OS, name+".tmp", name, through(writing("new")))).To(Succeed())
		Expect(held()).To(Equal("new"))
		Expect(mode()).To(Equal(fs.FileMode(0o600)))
		alone()
	})
})
