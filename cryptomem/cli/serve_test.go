package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cache"

	"github.com/Zezezknight/cryptomem/cryptomem/server/snapshot"
)

var _ = Describe("A server that is told to end while it loads its snapshot", func() {
	It("opens no listener, saves nothing, and has not failed", func(ctx context.Context) {
		dir := GinkgoT().TempDir()
		path := filepath.Join(dir, "store")
		store, err := cache.New(clock.NewMock(), cache.WithMaxMemory(64<<20))
		Expect(err).NotTo(HaveOccurred())
		_, err = store.Set(store.Now(), []byte("k"), []byte("v"), 0)
		Expect(err).NotTo(HaveOccurred())
		_, err = snapshot.Save(ctx, path, store, clock.New())
		Expect(err).NotTo(HaveOccurred())
		before, err := os.Stat(path)
		Expect(err).NotTo(HaveOccurred())

		log := new(bytes.Buffer)
		c := &console{out: log, err: log, env: func(string) (string, bool) { return "", false }}
		ending, end := context.WithCancel(ctx)
		end()
		args := []string{"--addr", "unix:" + filepath.Join(dir, "socket"), "--snapshot", path}
		Expect(serveCommand(ending, c, args)).To(Succeed())
		Expect(log.String()).To(ContainSubstring("cryptomem ends"))
		Expect(log.String()).NotTo(ContainSubstring("listening"))
		Expect(log.String()).NotTo(ContainSubstring("snapshot loaded"))
		after, err := os.Stat(path)
		Expect(err).NotTo(HaveOccurred())
		Expect(os.SameFile(before, after)).To(BeTrue(), "it was not replaced")
	})
})
