package timeout_test

import (
	"context"
	"net"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/timeout"
)

var _ = Describe("A context that ends by an injected clock", func() {
	It("ends when the limit has passed there, and not before", func(parent context.Context) {
		clk := clock.NewMock()
		ctx, cancel := timeout.Context(parent, clk, time.Second)
		defer cancel()
		_, known := ctx.Deadline()
		Expect(known).To(BeFalse(), "of a clock that the system does not have")
		clk.Add(time.Second - 1)
		Expect(ctx.Done()).NotTo(BeClosed())
		clk.Add(1)
		Expect(ctx.Done()).To(BeClosed())
		Expect(ctx.Err()).To(MatchError(context.DeadlineExceeded))
	})

	It("passes its end on to contexts made from it", func(parent context.Context) {
		clk := clock.NewMock()
		ctx, cancel := timeout.Context(parent, clk, time.Second)
		defer cancel()
		child, cancel := context.WithCancel(ctx)
		defer cancel()
		clk.Add(time.Second)
		Eventually(child.Done()).Should(BeClosed())
		Expect(child.Err()).To(MatchError(context.DeadlineExceeded))
	})

	It("ends with its parent", func(parent context.Context) {
		parent, end := context.WithCancel(parent)
		ctx, cancel := timeout.Context(parent, clock.NewMock(), time.Second)
		defer cancel()
		end()
		Eventually(ctx.Done()).Should(BeClosed())
		Expect(ctx.Err()).To(MatchError(context.Canceled))
	})

	It("lets package net connect though the clock is decades behind", func(parent context.Context) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(l.Close)
		ctx, cancel := timeout.Context(parent, clock.NewMock(), time.Second)
		defer cancel()
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
		Expect(err).NotTo(HaveOccurred())
		Expect(conn.Close()).To(Succeed())
	})

	It("shows its deadline by the system's clock, so that package net shares the time among several addresses", func(parent context.Context) {
		clk := clock.New()
		ctx, cancel := timeout.Context(parent, clk, time.Hour)
		defer cancel()
		at, ok := ctx.Deadline()
		Expect(ok).To(BeTrue())
		Expect(at).To(BeTemporally("~", clk.Now().Add(time.Hour), time.Minute))
	})
})
