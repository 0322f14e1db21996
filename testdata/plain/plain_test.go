package plain_test

import (
	"os"
	"os/exec"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	_ "github.com/Zezezknight/cryptomem/testdata/deadline"
	"github.com/Zezezknight/cryptomem/testdata/plain"
)

func TestPlain(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "plain")
}

// fails, when set, leaves nothing to run but what fails, or is skipped.
const fails = "CRYPTOMEM_SPEC_FAILS"

var _ = Describe("A test within a spec", func() {
	if os.Getenv(fails) != "" {
		It("fails", func() {
			plain.Test("first", func(t *testing.T) {
				t.Run("part", func(t *testing.T) {
					t.Parallel()
					t.Error("this is why")
				})
			})
		})
		It("is skipped", func() { plain.Test("second", func(t *testing.T) { t.Skip("for want of a server") }) })
		return
	}

	It("is run to its end", func() {
		ended := false
		plain.Test("test", func(t *testing.T) { t.Cleanup(func() { ended = true }) })
		Expect(ended).To(BeTrue())
	})

	It("tells why it failed, where processes share the specs, and is told from one that was skipped", func() {
		suite, err := os.Executable()
		Expect(err).NotTo(HaveOccurred())
		run := exec.Command("go", "tool", "ginkgo", "run", "--procs=2", "--no-color", suite)
		run.Env = append(os.Environ(), fails+"=yes")
		printed, err := run.CombinedOutput()
		Expect(err).To(HaveOccurred())
		Expect(string(printed)).To(And(
			ContainSubstring("this is why"), ContainSubstring("the test first has failed"),
			ContainSubstring("0 Passed | 1 Failed | 0 Pending | 1 Skipped"),
		))
	})
})
