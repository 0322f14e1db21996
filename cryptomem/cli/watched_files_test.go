package cli

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("What is kept in files", func() {
	var (
		dir, file string
		log       *bytes.Buffer
		reads     int
		failure   error // of reading
		f         *watchedFiles
	)
	write := func(name, text string) string {
		GinkgoHelper()
		name = filepath.Join(dir, name)
		Expect(os.WriteFile(name, []byte(text), 0o600)).To(Succeed())
		return name
	}
	BeforeEach(func() {
		dir, log, reads, failure = GinkgoT().TempDir(), new(bytes.Buffer), 0, nil
		file = write("file", "one")
		read := func() error {
			reads++
			return failure
		}
		f = watchFiles("the file", slog.New(slog.NewTextHandler(log, nil)), read, file, "")
	})
	look := func(times int) {
		for range times {
			f.check()
		}
	}
	changed := func() bool {
		before := reads
		look(3)
		return reads > before
	}

	It("is read again once it has changed and then stayed the same", func() {
		look(3)
		Expect(reads).To(BeZero())
		write("file", "tw")
		look(1)
		write("file", "two")
		look(1)
		Expect(reads).To(BeZero(), "somebody is writing it")
		look(3)
		Expect(reads).To(Equal(1))
	})

	It("is read again when it changed before the first look", func() {
		write("file", "two")
		Expect(changed()).To(BeTrue())
	})

	It("is read again when another file as long and as old takes its place", func() {
		info, err := os.Stat(file)
		Expect(err).NotTo(HaveOccurred())
		next := write("next", "two")
		Expect(os.Chtimes(next, info.ModTime(), info.ModTime())).To(Succeed())
		Expect(os.Rename(next, file)).To(Succeed())
		Expect(changed()).To(BeTrue())
	})

	It("is read again when a link on its path leads elsewhere, as in a Kubernetes volume", func() {
		for version, text := range map[string]string{"v1": "one", "v2": "two"} {
			Expect(os.Mkdir(filepath.Join(dir, version), 0o700)).To(Succeed())
			write(filepath.Join(version, "mounted"), text)
		}
		data := filepath.Join(dir, "..data")
		Expect(os.Symlink("v1", data)).To(Succeed())
		f.files = []string{filepath.Join(data, "mounted")}
		look(3)
		Expect(os.Symlink("v2", data+"_tmp")).To(Succeed())
		Expect(os.Rename(data+"_tmp", data)).To(Succeed())
		Expect(changed()).To(BeTrue())
	})

	It("waits for a change where it is wrong", func() {
		failure = errors.New("line 1: wrong")
		write("file", "two")
		look(9)
		Expect(reads).To(Equal(1))
		Expect(log.String()).To(ContainSubstring(`msg="reload: the file is wrong, the old one stays"`))
	})

	It("is tried again where it could not be read, which is logged once", func() {
		failure = &fs.PathError{Op: "open", Path: file, Err: syscall.EMFILE}
		write("file", "two")
		look(9)
		Expect(reads).To(BeNumerically(">", 5))
		Expect(strings.Count(log.String(), "cannot be read")).To(Equal(1))
		failure, reads = nil, 0
		look(3)
		Expect(reads).To(Equal(1))
		Expect(log.String()).To(HaveSuffix("msg=\"reload: the file was read\" file=" + file + "\n"))
	})

	It("is read when it is back as it was, if it was missing when it was to be read", func() {
		failure = fs.ErrNotExist
		Expect(os.Remove(file)).To(Succeed())
		look(3)
		Expect(reads).To(Equal(1))
		failure = nil
		write("file", "one")
		look(3)
		Expect(reads).To(Equal(2))
	})

	It("is read on request, and the request reports what failed", func() {
		Expect(f.reloadNow()).To(BeTrue())
		failure = errors.New("line 1: wrong")
		Expect(f.reloadNow()).To(BeFalse())
		Expect(f.reloadNow()).To(BeFalse())
		Expect(strings.Count(log.String(), "is wrong")).To(Equal(2))
	})
})
