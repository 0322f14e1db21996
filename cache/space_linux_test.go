//go:build !race

package cache_test

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/Zezezknight/cryptomem/cache"
)

// left lets this process take n more bytes of address space than it has, until
// the spec has ended. In that time, no store of another spec gives its own back.
func left(n uint64) {
	GinkgoHelper()
	percent := debug.SetGCPercent(-1)
	DeferCleanup(func() { debug.SetGCPercent(percent) })
	collect()
	collect() // once more, for what was still being closed
	text, err := os.ReadFile("/proc/self/statm")
	Expect(err).NotTo(HaveOccurred())
	pages, err := strconv.ParseUint(string(bytes.Fields(text)[0]), 10, 64)
	Expect(err).NotTo(HaveOccurred())
	var before unix.Rlimit
	Expect(unix.Getrlimit(unix.RLIMIT_AS, &before)).To(Succeed())
	limit := before
	limit.Cur = min(before.Max, pages*uint64(os.Getpagesize())+n)
	Expect(unix.Setrlimit(unix.RLIMIT_AS, &limit)).To(Succeed())
	DeferCleanup(func() { Expect(unix.Setrlimit(unix.RLIMIT_AS, &before)).To(Succeed()) })
}

// collect collects garbage, and waits until what belongs to it is being closed.
func collect() {
	closed := make(chan struct{})
	runtime.AddCleanup(new(*int), func(closed chan struct{}) { close(closed) }, closed)
	for {
		runtime.GC()
		select {
		case <-closed:
			return
		case <-time.After(time.Millisecond): //nolint:forbidigo // the runtime has no clock but the real one
		}
	}
}

var _ = Describe("A store where address space is limited", func() {
	const mib = 1 << 20
	const max = 64 * mib

	// mapped reports whether the rest of the process could map that much.
	mapped := func(n int) bool {
		b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
		return err == nil && unix.Munmap(b) == nil
	}

	for _, tight := range []struct{ left, spare int }{{9000, 512}, {3000, 512}, {1500, 512}, {800, 512}, {500, 128}, {400, 128}} {
		It(fmt.Sprintf("leaves %d of %d MiB to the rest of the process, and holds what it is to hold", tight.spare, tight.left), func() {
			left(uint64(tight.left) * mib)
			c, err := cache.New(clock.NewMock(), cache.WithMaxMemory(max))
			Expect(err).NotTo(HaveOccurred())
			defer c.Close() //nolint:errcheck // only what it held counts
			Expect(mapped(tight.spare * mib)).To(BeTrue())
			value := make([]byte, 1000)
			for i := range max / 900 {
				_, err := c.Set(c.Now(), numbered(i), value, time.Duration(i%300)*time.Minute)
				Expect(err).NotTo(HaveOccurred())
			}
			Expect(c.Stats().Memory.Total).To(BeNumerically(">", max*8/10))
		})
	}

	It("does not start where it would leave too little, and says what to do", func() {
		left(200 * mib)
		_, err := cache.New(clock.NewMock(), cache.WithMaxMemory(max))
		Expect(err).To(MatchError(`cache: max_memory is 67108864 bytes, and with it less than 134217728 bytes of address space are left; raise the limit of that (ulimit -v)`))
		Expect(mapped(128 * mib)).To(BeTrue())
	})

	It("starts with a limit that is more than its one shard has addresses for", func() {
		c, err := cache.New(clock.NewMock(), cache.WithShards(1), cache.WithMaxMemory(64<<30))
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Close()).To(Succeed())
	})

	It("is by default one that fits there", func() {
		left(4000 * mib)
		c, err := cache.New(clock.NewMock())
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Close()).To(Succeed())
		Expect(mapped(512 * mib)).To(BeTrue())
	})

	It("takes a quarter of what is left by default, but for what the rest of the process may need, and 64 MiB at least", func() {
		left(4000 * mib)
		Expect(cache.DefaultMaxMemory()).To(BeNumerically("~", (4000-512)*mib/4, 2*mib))
		left(500 * mib)
		Expect(cache.DefaultMaxMemory()).To(BeEquivalentTo(256 * mib / 3 / 4 * 3))
	})
})
