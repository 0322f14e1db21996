package valkeystore_test

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// One processor is where the writer of a connection, woken by the first call,
// would run before the next one has made its own.
var _ = Describe("Many callers on one processor", func() {
	It("share writes to the server", func() {
		if runtime.GOMAXPROCS(0) > 1 {
			again := exec.Command(os.Args[0], "-test.run", "TestValkeyStore", "-ginkgo.focus", "Many callers on one processor")
			again.Env = append(os.Environ(), "GOMAXPROCS=1")
			output, err := again.CombinedOutput()
			Expect(err).NotTo(HaveOccurred(), string(output))
			return
		}
		server := startServer()
		c := caller{open("valkey://" + server.Addr)}
		Expect(c.set("name", "value", 0)).To(Succeed())
		reads := func() int {
			for line := range strings.Lines(server.Text("INFO", "stats")) {
				if n, ok := strings.CutPrefix(line, "total_reads_processed:"); ok {
					count, err := strconv.Atoi(strings.TrimSpace(n))
					Expect(err).NotTo(HaveOccurred())
					return count
				}
			}
			return 0
		}
		before := reads()

		const callers, calls = 50, 20
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				defer GinkgoRecover()
				for range calls {
					Expect(c.get("name")).To(Equal("value"))
				}
			})
		}
		all.Wait()
		Expect(before).To(BeNumerically(">", 0))
		Expect(reads() - before).To(BeNumerically("<", callers*calls/8))
	})
})
