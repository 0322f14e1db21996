package deadline

import (
	"os"
	"os/exec"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestDeadline(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "deadline")
}

// hangs, when set, leaves nothing to run but a spec that hangs.
const hangs = "CRYPTOMEM_SPEC_HANGS"

var _ = Describe("a spec that hangs", func() {
	if os.Getenv(hangs) != "" {
		limit = 100 * time.Millisecond
		It("waits for what never comes", func() { <-make(chan struct{}) })
		return
	}

	for _, processes := range []string{"1", "2"} {
		It("is named in what the run prints, with where it hangs; processes: "+processes, func() {
			suite, err := os.Executable()
			Expect(err).NotTo(HaveOccurred())
			run := exec.Command("go", "tool", "ginkgo", "run", "--procs="+processes, suite)
			run.Env = append(os.Environ(), hangs+"=yes")
			printed, err := run.CombinedOutput()
			Expect(err).To(HaveOccurred())
			Expect(string(printed)).To(MatchRegexp(`panic: spec "a spec that hangs waits for what never comes" has taken 100ms, and is here:\s+` +
				`goroutine \d+ \[chan receive\]:\s+\S+testdata/deadline\.init`))
		})
	}
})
