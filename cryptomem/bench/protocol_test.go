package bench_test

import (
	"bytes"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/bench"
)

var _ = Describe("A protocol", func() {
	It("is found by its name", func() {
		for _, p := range []bench.Protocol{bench.Cryptomem, bench.Memcached, bench.Redis} {
			Expect(bench.ParseProtocol(p.String())).To(Equal(p))
		}
		_, err := bench.ParseProtocol("gopher")
		Expect(err).To(MatchError(`unknown protocol "gopher", there are cryptomem, memcached, redis`))
	})

	DescribeTable("encodes requests",
		func(p bench.Protocol, ttl time.Duration, get, set string) {
			Expect(string(p.AppendGet(nil, []byte("key")))).To(Equal(get))
			Expect(string(p.AppendSet(nil, []byte("key"), []byte("value"), ttl))).To(Equal(set))
		},
		Entry("of cryptomem", bench.Cryptomem, time.Duration(258),
			"CM\x02\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00key",
			"CM\x01\x00\x03\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x01\x02keyvalue"),
		Entry("of memcached", bench.Memcached, 1500*time.Millisecond, "get key\r\n", "set key 0 2 5\r\nvalue\r\n"),
		Entry("of memcached, for good", bench.Memcached, time.Duration(0), "get key\r\n", "set key 0 0 5\r\nvalue\r\n"),
		Entry("of memcached, for longer than a span may be", bench.Memcached, 1000*time.Hour, "get key\r\n", "set key 0 2592000 5\r\nvalue\r\n"),
		Entry("of Redis", bench.Redis, 1500*time.Millisecond, "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n",
			"*5\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n$2\r\nPX\r\n$4\r\n1500\r\n"),
		Entry("of Redis, for good", bench.Redis, time.Duration(0), "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n",
			"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n"),
	)

	DescribeTable("recognises an answer once it is whole",
		func(p bench.Protocol, frame string, want bench.Answer) {
			for i := range len(frame) {
				_, n, err := p.Parse([]byte(frame[:i]))
				Expect(err).NotTo(HaveOccurred())
				Expect(n).To(BeZero(), "%q", frame[:i])
			}
			a, n, err := p.Parse([]byte(frame + frame))
			Expect(err).NotTo(HaveOccurred())
			Expect(n).To(Equal(len(frame)))
			Expect(a.Kind).To(Equal(want.Kind))
			Expect(string(a.Text)).To(Equal(string(want.Text)))
		},
		Entry("cryptomem, stored", bench.Cryptomem, "CM\x01\x00\x00\x00\x00", bench.Answer{}),
		Entry("cryptomem, found", bench.Cryptomem, "CM\x01\x00\x00\x00\x02hi", bench.Answer{Text: []byte("hi")}),
		Entry("cryptomem, not found", bench.Cryptomem, "CM\x00\x00\x00\x00\x00", bench.Answer{Kind: bench.Missing}),
		Entry("cryptomem, refused", bench.Cryptomem, "CM\x02\x00\x00\x00\x02no", bench.Answer{Kind: bench.Refused, Text: []byte("no")}),
		Entry("memcached, stored", bench.Memcached, "STORED\r\n", bench.Answer{}),
		Entry("memcached, found", bench.Memcached, "VALUE key 0 4\r\na\r\nb\r\nEND\r\n", bench.Answer{Text: []byte("a\r\nb")}),
		Entry("memcached, not found", bench.Memcached, "END\r\n", bench.Answer{Kind: bench.Missing}),
		Entry("memcached, refused", bench.Memcached, "SERVER_ERROR out of memory\r\n", bench.Answer{Kind: bench.Refused, Text: []byte("SERVER_ERROR out of memory")}),
		Entry("Redis, stored", bench.Redis, "+OK\r\n", bench.Answer{}),
		Entry("Redis, found", bench.Redis, "$4\r\na\r\nb\r\n", bench.Answer{Text: []byte("a\r\nb")}),
		Entry("Redis, found empty", bench.Redis, "$0\r\n\r\n", bench.Answer{}),
		Entry("Redis, not found", bench.Redis, "$-1\r\n", bench.Answer{Kind: bench.Missing}),
		Entry("Redis, refused", bench.Redis, "-OOM no\r\n", bench.Answer{Kind: bench.Refused, Text: []byte("OOM no")}),
	)

	DescribeTable("reports what is no answer",
		func(p bench.Protocol, bytes, reason string) {
			_, n, err := p.Parse([]byte(bytes))
			Expect(n).To(BeZero())
			Expect(err).To(MatchError(ContainSubstring(reason)))
		},
		Entry("cryptomem", bench.Cryptomem, "HTTP", "magic"),
		Entry("memcached, size", bench.Memcached, "VALUE key 0 many\r\n", `"many"`),
		Entry("memcached, beyond all size", bench.Memcached, "VALUE key 0 2000000000\r\n", "1073741824"),
		Entry("memcached, end", bench.Memcached, "VALUE key 0 1\r\nabcdefgh\r\n", "does not end"),
		Entry("Redis, type", bench.Redis, ":1\r\n", "':'"),
		Entry("Redis, nothing", bench.Redis, "\r\n", "empty line"),
		Entry("Redis, size", bench.Redis, "$-2\r\n", `"-2"`),
		Entry("Redis, end", bench.Redis, "$1\r\nabc", "does not end"),
		Entry("an endless line", bench.Redis, "+"+string(bytes.Repeat([]byte("O"), 10_000)), "line end"),
	)
})

func FuzzParse(f *testing.F) {
	for _, frame := range []string{"CM\x01\x00\x00\x00\x02hi", "VALUE key 0 4\r\na\r\nb\r\nEND\r\n", "$4\r\na\r\nb\r\n", "-ERR\r\n", "$-1\r\n"} {
		f.Add([]byte(frame))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, p := range []bench.Protocol{bench.Cryptomem, bench.Memcached, bench.Redis} {
			a, n, err := p.Parse(b)
			switch {
			case err != nil:
				if n != 0 {
					t.Errorf("%v: an error took %d bytes", p, n)
				}
			case n > len(b):
				t.Errorf("%v: took %d of %d bytes", p, n, len(b))
			case n > 0:
				again, m, err := p.Parse(b[:n])
				if err != nil || m != n || again.Kind != a.Kind || !bytes.Equal(again.Text, a.Text) {
					t.Errorf("%v: the answer differs without what follows it", p)
				}
				if _, m, _ := p.Parse(b[:n-1]); m != 0 {
					t.Errorf("%v: an answer without its last byte counts as whole", p)
				}
			}
		}
	})
}
