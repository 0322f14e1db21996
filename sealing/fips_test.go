package sealing_test

import (
	"crypto/fips140"
	"os"
	"os/exec"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("FIPS 140 mode", func() {
	// The mode is set when a process starts, so these specs run in one of their own.
	DescribeTable("seals and opens just as well", func(mode, label string) {
		self, err := os.Executable()
		Expect(err).NotTo(HaveOccurred())
		cmd := exec.Command(self, "-test.run=^TestSealing$", "-ginkgo.label-filter="+label, "-ginkgo.fail-on-empty")
		cmd.Env = append(os.Environ(), "GODEBUG=fips140="+mode)
		out, err := cmd.CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(out))
	},
		Entry("when it is on", "on", "fips"),
		Entry("when nothing else is allowed", "only", "fips-only"),
	)

	It("is on where it was asked for", Label("fips", "fips-only"), func() {
		Expect(fips140.Enabled()).To(Equal(strings.Contains(os.Getenv("GODEBUG"), "fips140=o")))
	})
})
