package cli

import (
	"context"
	"log/slog"
	"path/filepath"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore/valkeytest"
)

var _ = Describe("A proxy's near cache", func() {
	keyFile := func() string {
		GinkgoHelper()
		file := filepath.Join(GinkgoT().TempDir(), "key.json")
		c := &console{out: GinkgoWriter, err: GinkgoWriter, env: func(string) (string, bool) { return "", false }}
		Expect(run(context.Background(), c, []string{"keygen", "--output", file})).To(Equal(0))
		return file
	}
	opened := func(upstream string, near int64) (*upstream, error) {
		cfg := config.DefaultProxy()
		cfg.Upstream, cfg.NearCache = upstream, near
		return openUpstream(cfg, keyFile(), clock.New(), slog.New(slog.DiscardHandler))
	}

	It("answers reads on Valkey, and has its own metrics", func() {
		u, err := opened("valkey://"+valkeytest.Start(GinkgoTB()).Addr, valkeystore.MinNearCache)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(u.close)
		c, err := u.client(0)
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Set(context.Background(), "name", []byte("value"))).To(Succeed())
		Eventually(func() uint64 {
			Expect(c.Get(context.Background(), "name")).To(BeEquivalentTo("value"))
			return u.near().Hits
		}).Should(BeNumerically(">", 10))
	})

	It("is off by default, and refused for upstreams that do not report changes", func() {
		u, err := opened("valkey://localhost:1", 0)
		Expect(err).NotTo(HaveOccurred())
		Expect(u.near()).To(BeNil())
		Expect(u.close()).To(Succeed())
		Expect(opened("localhost:1", valkeystore.MinNearCache)).Error().To(MatchError(ContainSubstring("near_cache needs an upstream that tells of changes")))
		Expect(opened("valkey://localhost:1", 1)).Error().To(MatchError(ContainSubstring("at least 1048576")))
	})
})
