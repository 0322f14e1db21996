//go:build unix

package snapshot_test

import (
	"context"
	"io/fs"
	"path/filepath"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/Zezezknight/cryptomem/cryptomem/server/snapshot"
)

var _ = Describe("A named pipe", func() {
	It("is no snapshot, and is not waited for", func(ctx context.Context) {
		path := filepath.Join(GinkgoT().TempDir(), "pipe")
		Expect(unix.Mkfifo(path, 0o600)).To(Succeed())
		clk := clock.NewMock()
		_, err := snapshot.Load(ctx, path, newCache(clk), clk)
		Expect(err).To(MatchError(fs.ErrInvalid))
	})
})
