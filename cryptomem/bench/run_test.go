package bench_test

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/bench"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
)

var _ = Describe("A run", func() {
	var (
		clk    *clock.Mock
		config server.Config
		load   bench.Load
	)
	BeforeEach(func() {
		clk = clock.NewMock()
		config = server.Config{MaxMemory: 64 << 20, Clock: clk}
		load = bench.Load{Connections: 3, Depth: 4, Duration: 50 * time.Millisecond, Keys: 100, ValueSize: 64, Gets: 0.9, Fill: true, Patience: time.Hour}
	})

	// serving dials a real server, over pipes.
	serving := func() bench.Dial {
		GinkgoHelper()
		srv, err := server.New(config)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(srv.Close)
		return func(context.Context) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go srv.ServeConn(theirs)
			return ours, nil
		}
	}

	// measure has time pass until the run is over.
	measure := func(ctx context.Context, target bench.Target, opts ...bench.Option) (result *bench.Result, err error) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			result, err = bench.Run(ctx, clk, target, load, opts...)
		}()
		for {
			select {
			case <-done:
				return result, err
			default:
				clk.Add(10 * time.Millisecond)
			}
		}
	}

	It("counts what it asked for, and finds every key that it stored", func(ctx context.Context) {
		result, err := measure(ctx, bench.Raw(bench.Cryptomem, serving()))
		Expect(err).NotTo(HaveOccurred())
		Expect(result.Requests).To(Equal(result.Gets + result.Sets))
		Expect(result.Gets).To(BeNumerically(">", result.Sets))
		Expect(result.Misses).To(BeZero())
		Expect(result.Failed).To(BeZero())
		Expect(result.Target).To(Equal("cryptomem, raw"))
		var counted int64
		for _, bucket := range result.Distribution {
			counted += bucket.Count
		}
		Expect(counted).To(BeEquivalentTo(result.Requests))
	})

	It("has each batch on a connection of its own, if it is told to", func(ctx context.Context) {
		dial, dialled := serving(), 0
		load.Connections, load.Reconnect = 1, true
		result, err := measure(ctx, bench.Raw(bench.Cryptomem, func(ctx context.Context) (net.Conn, error) {
			dialled++
			return dial(ctx)
		}))
		Expect(err).NotTo(HaveOccurred())
		Expect(result.Failed).To(BeZero())
		Expect(dialled).To(BeNumerically(">=", int(result.Requests)/load.Depth))
	})

	It("tells by how much memory has grown for each idle connection, once that has settled", func(ctx context.Context) {
		dial, open := serving(), 0
		looks := 0
		memory := func() (int64, error) {
			looks++
			if looks%20 == 5 {
				return int64(1000*open) + 1<<20, nil
			}
			return int64(5000*open) + 2<<20, nil
		}
		done := make(chan struct{})
		var each int64
		var err error
		go func() {
			defer close(done)
			each, err = bench.IdleMemory(ctx, clk, bench.Cryptomem, func(ctx context.Context) (net.Conn, error) {
				open++
				return dial(ctx)
			}, 200, memory)
		}()
		for passing := true; passing; {
			select {
			case <-done:
				passing = false
			default:
				clk.Add(10 * time.Millisecond)
			}
		}
		Expect(err).NotTo(HaveOccurred())
		Expect(each).To(BeEquivalentTo(1000))
		Expect(open).To(Equal(250))
	})

	It("seals what it stores and opens what it finds", func(ctx context.Context) {
		dial := serving()
		client, err := cryptomem.Dial(
			ctx, "pipe",
			cryptomem.WithSecret([]byte("0123456789abcdef0123456789abcdef")),
			cryptomem.WithClock(clk), cryptomem.WithTimeout(time.Hour), // the clock runs ahead of the work

			cryptomem.WithConnections(load.Connections),
			cryptomem.WithDialer(func(ctx context.Context, _ string) (net.Conn, error) { return dial(ctx) }),
		)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(client.Close)
		report, err := measure(ctx, bench.Sealed(client))
		Expect(err).NotTo(HaveOccurred())
		Expect(report.Target).To(Equal("cryptomem, sealed"))
		Expect(report.Gets).NotTo(BeZero())
		Expect(report.Misses).To(BeZero())
		Expect(report.Failed).To(BeZero())
	})

	It("sends in an open loop as many requests as were due", func(ctx context.Context) {
		load.Rate = 1000
		result, err := measure(ctx, bench.Raw(bench.Cryptomem, serving()))
		Expect(err).NotTo(HaveOccurred())
		Expect(result.Requests).To(BeEquivalentTo(50))
		Expect(result.Unsent).To(BeZero())
		Expect(result.Wait).NotTo(BeNil())
	})

	It("does not measure the warm-up", func(ctx context.Context) {
		load.Rate, load.Warmup = 1000, 30*time.Millisecond
		result, err := measure(ctx, bench.Raw(bench.Cryptomem, serving()))
		Expect(err).NotTo(HaveOccurred())
		Expect(result.Requests).To(BeEquivalentTo(50))
	})

	It("tells of keys that are not there", func(ctx context.Context) {
		load.Fill, load.Gets = false, 1
		result, err := measure(ctx, bench.Raw(bench.Cryptomem, serving()))
		Expect(err).NotTo(HaveOccurred())
		Expect(result.Misses).To(Equal(result.Gets))
	})

	It("keeps batches going that are larger than every buffer on the way", func(ctx context.Context) {
		load.Depth, load.ValueSize, load.Gets, load.Keys = 16, 100_000, 0.5, 20
		result, err := measure(ctx, bench.Raw(bench.Cryptomem, serving()))
		Expect(err).NotTo(HaveOccurred())
		Expect(result.Failed).To(BeZero())
	})

	It("shows its progress", func(ctx context.Context) {
		var lines []string
		load.Warmup = 10 * time.Millisecond
		_, err := measure(ctx, bench.Raw(bench.Cryptomem, serving()),
			bench.WithProgress(5*time.Millisecond, func(p bench.Progress) { lines = append(lines, p.String()) }))
		Expect(err).NotTo(HaveOccurred())
		Expect(lines).To(ContainElement(MatchRegexp(`^0s of 0s  [0-9,]+/s  p50 .*  p99 .*  max `)))
	})

	It("divides the server's CPU time among the requests", func(ctx context.Context) {
		var used time.Duration
		load.Rate = 1000
		result, err := measure(ctx, bench.Raw(bench.Cryptomem, serving()),
			bench.WithServerCPU(func() (time.Duration, error) { used += time.Millisecond; return used, nil }))
		Expect(err).NotTo(HaveOccurred())
		Expect(result.ServerCPU).To(BeNumerically("~", 20*time.Microsecond, 20*time.Microsecond))
		Expect(result.ServerCPU).NotTo(BeZero())
	})

	It("stops at what the server refuses to store", func(ctx context.Context) {
		config.MaxValueSize = 10
		_, err := measure(ctx, bench.Raw(bench.Cryptomem, serving()))
		Expect(err).To(MatchError(MatchRegexp("^store the keys: server: .*64.*10")))
	})

	It("stops when the server cannot be reached", func(ctx context.Context) {
		refused := errors.New("refused")
		_, err := measure(ctx, bench.Raw(bench.Cryptomem, func(context.Context) (net.Conn, error) { return nil, refused }))
		Expect(err).To(MatchError(refused))
	})

	It("stops when a connection breaks", func(ctx context.Context) {
		load.Fill = false
		_, err := measure(ctx, bench.Raw(bench.Cryptomem, func(context.Context) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() {
				_, _ = io.ReadFull(theirs, make([]byte, 10))
				_ = theirs.Close()
			}()
			return ours, nil
		}))
		Expect(err).To(Or(MatchError(io.EOF), MatchError(io.ErrClosedPipe)))
		Expect(err).To(MatchError(HavePrefix("the connection broke: ")))
	})

	It("stops when told to", func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		load.Fill = false
		_, err := measure(ctx, bench.Raw(bench.Cryptomem, func(context.Context) (net.Conn, error) {
			cancel()
			ours, _ := net.Pipe()
			return ours, nil
		}))
		Expect(err).To(MatchError(context.Canceled))
	})

	It("gives up on a server that stays silent, and says what is missing", func(ctx context.Context) {
		load.Fill, load.Rate, load.Patience, load.Connections = false, 1000, 100*time.Millisecond, 1
		result, err := measure(ctx, bench.Raw(bench.Cryptomem, func(context.Context) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, theirs) }()
			return ours, nil
		}))
		Expect(err).NotTo(HaveOccurred())
		Expect(result.Requests).To(BeZero())
		Expect(result.Failed).To(BeNumerically(">=", 1))
		Expect(result.Error).To(Equal("no answer: answers did not come in time"))
		Expect(result.Unsent + int64(result.Failed)).To(BeEquivalentTo(50))
	})

	It("gives up on a server that stays silent while the keys are stored", func(ctx context.Context) {
		load.Patience = 100 * time.Millisecond
		_, err := measure(ctx, bench.Raw(bench.Cryptomem, func(context.Context) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, theirs) }()
			return ours, nil
		}))
		Expect(err).To(MatchError("store the keys: answers did not come in time"))
	})

	It("notices a value that is not the one it stored", func(ctx context.Context) {
		dial := serving()
		_, err := measure(ctx, bench.Raw(bench.Cryptomem, dial))
		Expect(err).NotTo(HaveOccurred())
		load.Fill, load.Gets, load.Seed = false, 1, 2
		result, err := measure(ctx, bench.Raw(bench.Cryptomem, dial))
		Expect(err).NotTo(HaveOccurred())
		Expect(result.Requests).To(BeZero())
		Expect(result.Error).To(Equal("value differs from what was stored"))
	})

	DescribeTable("names the limit that a load exceeds",
		func(ctx context.Context, change func(*bench.Load), reason string) {
			change(&load)
			_, err := bench.Run(ctx, clk, bench.Raw(bench.Cryptomem, nil), load)
			Expect(err).To(MatchError(ContainSubstring(reason)))
		},
		Entry(nil, func(l *bench.Load) { l.Connections = -1 }, "connections is -1; allowed: 1 to 65536"),
		Entry(nil, func(l *bench.Load) { l.KeySize = 3 }, "key size is 3 bytes; allowed: 9 to 250"),
		Entry(nil, func(l *bench.Load) { l.Gets = 1.5 }, "share of GET is 1.5"),
		Entry(nil, func(l *bench.Load) { l.Duration = 0 }, "duration is 0s"),
		Entry(nil, func(l *bench.Load) { l.Rate = -1 }, "rate is -1"),
		Entry(nil, func(l *bench.Load) { l.TTL = -1 }, "must not be negative"),
	)
})
