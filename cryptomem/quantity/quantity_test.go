package quantity_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/quantity"
	_ "github.com/Zezezknight/cryptomem/testdata/deadline"
)

func TestQuantity(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Quantity Suite")
}

var _ = DescribeTable("A size",
	func(text string, bytes int64, written string) {
		Expect(quantity.ParseSize(text)).To(Equal(bytes))
		Expect(quantity.FormatSize(bytes)).To(Equal(written))
	},
	Entry("without unit is in bytes", "1000", int64(1000), "1KB"),
	Entry("in powers of 1024", "512MiB", int64(512<<20), "512MiB"),
	Entry("in powers of 1000", "2GB", int64(2e9), "2GB"),
	Entry("in any case, with a space", "64 kib", int64(64<<10), "64KiB"),
	Entry("that is no multiple", "1234567B", int64(1234567), "1234567B"),
	Entry("of nothing", "0", int64(0), "0"),
	Entry("as Kubernetes writes it", "512Mi", int64(512<<20), "512MiB"),
	Entry("with a fraction", "1.5GiB", int64(3<<29), "1536MiB"),
	Entry("with a fraction of a byte, which is left out", "1.1 KiB", int64(1126), "1126B"),
	Entry("as large as can be", "9223372036854775807", int64(math.MaxInt64), "9223372036854775807B"),
)

var _ = DescribeTable("A text that is no size",
	func(text, because string) {
		_, err := quantity.ParseSize(text)
		Expect(err).To(MatchError(ContainSubstring(because)))
	},
	Entry("no number", "lots", "not a size"),
	Entry("empty", "", "not a size"),
	Entry("negative", "-1MiB", "not a size"),
	Entry("a unit that means two things", "64M", `size "64M" can be read in two ways; write 64MB or 64MiB`),
	Entry("and one in small letters", "1.5g", `write 1.5GB or 1.5GiB`),
	Entry("a point and nothing", "1.GiB", "not a size"),
	Entry("two points", "1.5.0GiB", "not a size"),
	Entry("no number before the point", ".5GiB", "not a size"),
	Entry("a sign behind the point", "1.-5GiB", "not a size"),
	Entry("too large by a fraction", "8388608.5TiB", "more than"),
	Entry("too large", "9000000TiB", "more than"),
)

var _ = DescribeTable("A duration",
	func(text string, d time.Duration, written string) {
		Expect(quantity.ParseDuration(text)).To(Equal(d))
		Expect(quantity.FormatDuration(d)).To(Equal(written))
	},
	Entry("in seconds", "90s", 90*time.Second, "1m30s"),
	Entry("in hours", "2h", 2*time.Hour, "2h"),
	Entry("in days", "7d", 7*24*time.Hour, "7d"),
	Entry("in days and less", "1d12h", 36*time.Hour, "1d12h"),
	Entry("of one nanosecond", "1ns", time.Nanosecond, "1ns"),
	Entry("of nothing", "0", time.Duration(0), "0"),
	Entry("as long as can be", "106751d23h47m16.854775807s", time.Duration(math.MaxInt64), "106751d23h47m16.854775807s"),
)

var _ = DescribeTable("A text that is no duration",
	func(text, because string) {
		_, err := quantity.ParseDuration(text)
		Expect(err).To(MatchError(ContainSubstring(because)))
	},
	Entry("no unit", "90", "not a duration"),
	Entry("no unit, and one digit", "5", "not a duration"),
	Entry("negative", "-1s", "negative"),
	Entry("negative beside days", "1d-1s", "negative"),
	Entry("too many days", "106752d", "longer than 106751d23h47m16.854775807s, the limit"),
	Entry("more days than can be counted", "99999999999999999999d", "the limit"),
	Entry("too many hours", "9999999999999h", "the limit"),
	Entry("words", "soon", "not a duration"),
	Entry("days and hours past the end", "106751d24h", "longer"),
)

var _ = DescribeTable("A time",
	func(text, written string) {
		t, err := quantity.ParseTime(text)
		Expect(err).NotTo(HaveOccurred())
		Expect(quantity.FormatTime(t)).To(Equal(written))
		Expect(quantity.ParseTime(written)).To(BeTemporally("==", t))
	},
	Entry("in UTC", "2030-01-01T12:00:00Z", "2030-01-01T12:00:00Z"),
	Entry("elsewhere", "2030-01-01T12:00:00+02:00", "2030-01-01T10:00:00Z"),
	Entry("to the nanosecond", "2030-01-01T12:00:00.123456789Z", "2030-01-01T12:00:00.123456789Z"),
)

var _ = DescribeTable("A text that is no time", func(text string) {
	_, err := quantity.ParseTime(text)
	Expect(err).To(MatchError(fmt.Sprintf("%q is not a time such as 2030-01-01T12:00:00Z", text)))
},
	Entry(nil, "now"), Entry(nil, "2030-01-01"), Entry(nil, "2030-01-01 12:00:00"), Entry(nil, ""),
)

var _ = DescribeTable("A switch",
	func(on, off string) {
		Expect(quantity.ParseSwitch(on)).To(BeTrue())
		Expect(quantity.ParseSwitch(off)).To(BeFalse())
		_, err := quantity.ParseSwitch(on + off)
		Expect(err).To(MatchError(fmt.Sprintf("%q is neither true nor false", on+off)))
	},
	Entry(nil, "true", "false"),
	Entry(nil, "TRUE", "False"),
	Entry(nil, "yes", "no"),
	Entry(nil, "on", "off"),
	Entry(nil, "1", "0"),
)

func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"512MiB", "2 GB", "0", "9223372036854775807", "64M", "-1", "1.5GiB", "0.999999999999999999TB", "512Mi"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := quantity.ParseSize(s)
		if err != nil {
			return
		}
		if again, err := quantity.ParseSize(quantity.FormatSize(n)); again != n || err != nil {
			t.Fatalf("%q is %d, written as %q, read back as %d, %v", s, n, quantity.FormatSize(n), again, err)
		}
	})
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"90s", "7d", "1d12h", "0", "1.5h", "-1s", "106751d23h47m16.854775807s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := quantity.ParseDuration(s)
		if err != nil {
			return
		}
		if again, err := quantity.ParseDuration(quantity.FormatDuration(d)); again != d || err != nil {
			t.Fatalf("%q is %d, written as %q, read back as %d, %v", s, d, quantity.FormatDuration(d), again, err)
		}
	})
}
