package resp_test

import (
	"math"
	"strconv"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
	"github.com/Zezezknight/cryptomem/testdata"
)

func testingAllocs(f func()) float64 { return testing.AllocsPerRun(100, f) }

var _ = Describe("A reply", func() {
	It("is read and written as the golden replies are, in both versions", func() {
		cases, err := testdata.RESPReplies()
		Expect(err).NotTo(HaveOccurred())
		for _, c := range cases {
			r, n, err := resp.ParseReply(c.Sent)
			if c.Error != "" {
				Expect(err).To(MatchError(c.Error), c.About)
				continue
			}
			Expect(err).NotTo(HaveOccurred(), c.About)
			Expect(n).To(Equal(len(c.Sent)), c.About)
			Expect(string(r.Append(nil, resp.RESP3))).To(Equal(string(c.Sent)), c.About)
			Expect(string(r.Append(nil, resp.RESP2))).To(Equal(string(c.RESP2)), c.About)
			for cut := range c.Sent {
				_, n, err := resp.ParseReply(c.Sent[:cut])
				Expect(n, err).To(BeZero(), c.About)
			}
		}
	})

	It("tells no string from no array in RESP2", func() {
		for _, sent := range []string{"$-1\r\n", "*-1\r\n"} {
			r, _, err := resp.ParseReply([]byte(sent))
			Expect(err).NotTo(HaveOccurred())
			Expect(string(r.Append(nil, resp.RESP2))).To(Equal(sent))
			Expect(string(r.Append(nil, resp.RESP3))).To(Equal("_\r\n"))
		}
	})

	It("keeps an error and a status on their line", func() {
		Expect(string(resp.AppendError(nil, "ERR a\r\n+OK"))).To(Equal("-ERR a  +OK\r\n"))
		Expect(string(resp.AppendSimple(nil, "a\nb"))).To(Equal("+a b\r\n"))
	})

	It("is refused when it is nested too deep", func() {
		_, _, err := resp.ParseReply([]byte(strings.Repeat("*1\r\n", 40) + ":1\r\n"))
		Expect(err).To(MatchError(ContainSubstring("too deep")))
	})

	DescribeTable("has a number written as C does with %.17g",
		func(f float64, want string) { Expect(string(resp.AppendFloat(nil, f))).To(Equal(want)) },
		Entry(nil, 3.0, "3"),
		Entry(nil, 100000.0, "100000"),
		Entry(nil, 1e16, "10000000000000000"),
		Entry(nil, 1e17, "1e+17"),
		Entry(nil, 0.0001, "0.0001"),
		Entry(nil, 0.00001, "1.0000000000000001e-05"),
		Entry(nil, 0.1, "0.10000000000000001"),
		Entry(nil, -0.5, "-0.5"),
		Entry(nil, math.Copysign(0, -1), "-0"),
		Entry(nil, math.Inf(1), "inf"),
	)

	DescribeTable("has integers of one spelling",
		func(text string, want int, ok bool) {
			n, valid := resp.ParseInt([]byte(text))
			Expect(valid).To(Equal(ok))
			if ok {
				Expect(n).To(Equal(want))
			}
		},
		Entry(nil, "0", 0, true),
		Entry(nil, "-1", -1, true),
		Entry(nil, strconv.Itoa(math.MaxInt), math.MaxInt, true),
		Entry(nil, strconv.Itoa(math.MinInt), math.MinInt, true),
		Entry(nil, "9223372036854775808", 0, false),
		Entry(nil, "-9223372036854775809", 0, false),
		Entry(nil, "", 0, false),
		Entry(nil, "-", 0, false),
		Entry(nil, "-0", 0, false),
		Entry(nil, "+1", 0, false),
		Entry(nil, " 1", 0, false),
		Entry(nil, "01", 0, false),
		Entry(nil, "1.0", 0, false),
	)
})
