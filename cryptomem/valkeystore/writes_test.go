package valkeystore_test

import (
	"runtime"
	"strconv"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// One processor is where the writer of a connection, woken by the first call,
// would run before the next one has made its own.
var _ = Describe("Many callers on one processor", Serial, func() {
	It("share writes to the server", func() {
		DeferCleanup(runtime.GOMAXPROCS, runtime.GOMAXPROCS(1))
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

		const callers, calls = 50, 100
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
