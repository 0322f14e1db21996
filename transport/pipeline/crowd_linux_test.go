package pipeline_test

import (
	"context"
	"net"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/Zezezknight/cryptomem/transport/pipeline"
)

var _ = Describe("A crowd of calls", func() {
	processor := func() time.Duration {
		GinkgoHelper()
		var u unix.Rusage
		Expect(unix.Getrusage(unix.RUSAGE_SELF, &u)).To(Succeed())
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}

	// ending returns the CPU time that so many calls take to end, of which
	// all but one wait for room.
	ending := func(n int, end func(cancel func(), conn *pipeline.Conn)) time.Duration {
		GinkgoHelper()
		near, far := net.Pipe()
		conn := pipeline.NewConn(near, clock.NewMock(), pipeline.EngineLimits{MaxCalls: 1})
		defer far.Close()  //nolint:errcheck // the calls have ended
		defer conn.Close() //nolint:errcheck // the same
		calls := make([]*pipeline.Call, n)
		for i := range calls {
			calls[i] = get("k")
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- conn.DoAll(ctx, calls) }()
		Eventually(func() int { return pipeline.Waiting(conn) }).Should(Equal(n - 1))
		before := processor()
		end(cancel, conn)
		Eventually(ended).Should(Receive())
		return processor() - before
	}

	DescribeTable("ends in time that grows as the crowd does, and no faster", func(end func(func(), *pipeline.Conn)) {
		const few, many = 10_000, 80_000
		ratio := 1e9
		for range 3 { // what else the process does can only make it larger
			ratio = min(ratio, float64(ending(many, end))/float64(max(ending(few, end), time.Millisecond)))
		}
		Expect(ratio).To(BeNumerically("<", 4*many/few), "times the work for %d times the calls", many/few)
	},
		Entry("when their context ends", func(cancel func(), _ *pipeline.Conn) { cancel() }),
		Entry("when the connection does", func(_ func(), conn *pipeline.Conn) { _ = conn.Close() }),
	)
})
