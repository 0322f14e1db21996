package snapshot_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cache"

	"github.com/Zezezknight/cryptomem/cryptomem/server/snapshot"
)

var _ = Describe("A probe of a snapshot's path", func() {
	var dir, path string
	BeforeEach(func() {
		dir = GinkgoT().TempDir()
		path = filepath.Join(dir, "store")
	})

	It("is content where a save would succeed, and leaves nothing behind", func() {
		Expect(snapshot.Probe(path)).To(Succeed())
		Expect(os.ReadDir(dir)).To(BeEmpty())
		Expect(os.WriteFile(path, []byte("what is there"), 0o600)).To(Succeed())
		Expect(snapshot.Probe(path)).To(Succeed())
		Expect(os.ReadFile(path)).To(BeEquivalentTo("what is there"))
		Expect(os.ReadDir(dir)).To(HaveLen(1))
	})

	It("says that the directory is missing, or is none", func() {
		err := snapshot.Probe(filepath.Join(dir, "missing", "store"))
		Expect(err).To(MatchError(fs.ErrNotExist))
		Expect(err).To(MatchError(ContainSubstring("there is no directory " + filepath.Join(dir, "missing"))))
		Expect(os.WriteFile(path, nil, 0o600)).To(Succeed())
		Expect(snapshot.Probe(filepath.Join(path, "store"))).To(MatchError(ContainSubstring("is not a directory")))
		_, err = snapshot.Acquire(filepath.Join(dir, "missing", "store"))
		Expect(err).To(MatchError(ContainSubstring("there is no directory " + filepath.Join(dir, "missing"))))
	})

	It("finds what is in the way of the file that a save writes first", func() {
		Expect(os.MkdirAll(filepath.Join(path+".tmp", "full"), 0o700)).To(Succeed())
		err := snapshot.Probe(path)
		Expect(err).To(MatchError(snapshot.ErrNotReplaceable))
		Expect(err).To(MatchError(ContainSubstring(path + ".tmp")))
	})

	It("finds a directory in place of the snapshot", func() {
		Expect(snapshot.Probe(dir)).To(MatchError(ContainSubstring("it is a directory, not a file")))
	})
})

var _ = Describe("A save that cannot put its file in place", func() {
	It("leaves it whole beside the old one", func(ctx context.Context) {
		path := filepath.Join(GinkgoT().TempDir(), "store")
		Expect(os.MkdirAll(filepath.Join(path, "full"), 0o700)).To(Succeed()) // which no file replaces
		store, err := cache.New(clock.NewMock(), cache.WithMaxMemory(64<<20))
		Expect(err).NotTo(HaveOccurred())
		_, err = store.Set(store.Now(), []byte("k"), []byte("v"), 0)
		Expect(err).NotTo(HaveOccurred())
		_, err = snapshot.Save(ctx, path, store, clock.New())
		Expect(err).To(MatchError(ContainSubstring("stays as " + path + ".tmp")))
		loaded, err := snapshot.Load(ctx, path+".tmp", store, clock.New())
		Expect(err).NotTo(HaveOccurred())
		Expect(loaded.Stored).To(BeEquivalentTo(1))
	})
})
