package config_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
)

var _ = Describe("A setting that may be none", func() {
	with := func(flags map[string]string) (*config.Config, error) {
		GinkgoT().Chdir(GinkgoT().TempDir())
		return config.Load(config.Sources{Env: nothing, Flags: flags})
	}

	It("is empty when it is none, which is the default", func() {
		for _, flags := range []map[string]string{nil, {"admin": "none", "snapshot": "none"}} {
			c, err := with(flags)
			Expect(err).NotTo(HaveOccurred())
			Expect(c.Admin).To(BeEmpty())
			Expect(c.Snapshot).To(BeEmpty())
		}
	})

	It("is what was said otherwise", func() {
		c, err := with(map[string]string{"admin": "localhost:8081", "snapshot": "/var/lib/cryptomem/store"})
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Admin).To(Equal("localhost:8081"))
		Expect(c.Snapshot).To(Equal("/var/lib/cryptomem/store"))
	})

	It("is refused when it is neither", func() {
		_, err := with(map[string]string{"admin": "8081", "snapshot": ""})
		Expect(err).To(MatchError(And(
			ContainSubstring(`flag --admin: "8081" is not an address: the port is missing; write localhost:8081, or :8081 for every address of this machine`),
			ContainSubstring(`flag --snapshot: "" is not allowed; allowed: the path of a file, or none`),
		)))
	})
})
