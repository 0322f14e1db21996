package bench_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/bench"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
)

var _ = Describe("A trace", func() {
	const text = "# requests\na 100\n\n  b 2000  \na 100\nc\n"
	want := []bench.Lookup{{Name: "a", Size: 100}, {Name: "b", Size: 2000}, {Name: "a", Size: 100}, {Name: "c"}}

	It("is a name a line, with a size or without", func() {
		Expect(bench.ReadTrace(strings.NewReader(text))).To(Equal(want))
	})

	It("may be gzipped", func() {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, err := z.Write([]byte(text))
		Expect(err).NotTo(HaveOccurred())
		Expect(z.Close()).To(Succeed())
		Expect(bench.ReadTrace(&packed)).To(Equal(want))
	})

	DescribeTable("is refused", func(text, why string) {
		_, err := bench.ReadTrace(strings.NewReader(text))
		Expect(err).To(MatchError(ContainSubstring(why)))
	},
		Entry("without a request", "# none\n", "it has no requests"),
		Entry("with a size that is none", "a 1\nb large\n", `line 2: size is "large", want a number of bytes up to`),
		Entry("with a size below 0", "a -1\n", `line 1: size is "-1"`),
		Entry("with a name longer than every server takes", strings.Repeat("a", 251)+"\n", "line 1: name is 251 bytes, limit 250"),
		Entry("with a line without end", strings.Repeat("a", 5000), "token too long"),
	)

	It("gets sizes that say nothing of popularity, the same for a name each time", func() {
		trace := []bench.Lookup{{Name: "a"}, {Name: "b", Size: 7}, {Name: "a"}}
		bench.DrawSizes(trace)
		Expect(trace[0]).To(Equal(trace[2]))
		for _, l := range trace {
			Expect(l.Size).To(And(BeNumerically(">=", 64), BeNumerically("<", 16<<10)))
		}
	})
})

var _ = Describe("A replay", func() {
	var conn net.Conn
	BeforeEach(func() {
		srv, err := server.New(server.Config{MaxMemory: 1 << 20, Clock: clock.NewMock()})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(srv.Close)
		ours, theirs := net.Pipe()
		go srv.ServeConn(theirs)
		conn = ours
		DeferCleanup(func() { _ = ours.Close() })
	})

	It("counts hits and their bytes, storing what was not there", func(ctx context.Context) {
		trace := []bench.Lookup{{"a", 1000}, {"b", 10}, {"a", 1000}, {"b", 10}, {"a", 1000}}
		hits, err := bench.Replay(ctx, bench.Cryptomem, conn, trace, 60)
		Expect(err).NotTo(HaveOccurred())
		Expect(hits).To(Equal(bench.Hits{Requests: 5, Hits: 3, Bytes: 3*1060 + 2*70, HitBytes: 2*1060 + 70}))
		Expect(hits.Ratio()).To(Equal(0.6))
		Expect(hits.ByteRatio()).To(BeNumerically("~", 2190.0/3320))
	})

	It("goes on when a server stores something no more, and says how often that was", func(ctx context.Context) {
		hits, err := bench.Replay(ctx, bench.Cryptomem, conn, []bench.Lookup{{"a", 2 << 20}, {"a", 2 << 20}}, 0)
		Expect(err).NotTo(HaveOccurred())
		Expect(hits.Refused).To(BeEquivalentTo(2))
		Expect(hits.Hits).To(BeZero())
	})

	It("misses what the server had no memory for", func(ctx context.Context) {
		var trace []bench.Lookup
		for i := range 6000 {
			trace = append(trace, bench.Lookup{Name: fmt.Sprint(i % 2000), Size: 1000})
		}
		hits, err := bench.Replay(ctx, bench.Cryptomem, conn, trace, 0)
		Expect(err).NotTo(HaveOccurred())
		Expect(hits.Ratio()).To(And(BeNumerically(">", 0.02), BeNumerically("<", 0.6)))
	})

	It("ends with its context", func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		_, err := bench.Replay(ctx, bench.Cryptomem, conn, []bench.Lookup{{"a", 1}}, 0)
		Expect(err).To(MatchError(context.Canceled))
	})
})
