package cache_test

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// reportCPU locks the benchmark to its thread and reports the CPU time
// it takes per operation, which a busy machine disturbs less than the clock.
func reportCPU(b *testing.B) {
	runtime.LockOSThread()
	start := threadCPU()
	b.Cleanup(func() {
		b.ReportMetric(float64(threadCPU()-start)/float64(b.N), "cpu-ns/op")
		runtime.UnlockOSThread()
	})
}

func threadCPU() int64 {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_THREAD, &u) != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
