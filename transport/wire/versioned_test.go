package wire_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

var _ = Describe("A version", func() {
	const version = 0x0102030405060708
	number := wire.AppendNumber(nil, version)
	item := wire.AppendItem(nil, version, time.Hour)

	It("stands alone, first in a value, and before a new one", func() {
		Expect(number).To(Equal([]byte{1, 2, 3, 4, 5, 6, 7, 8}))
		Expect(wire.ParseNumber(number)).To(Equal(uint64(version)))
		for _, after := range []string{"", "after"} {
			b := append(number[:len(number):len(number)], after...)
			n, rest, err := wire.CutNumber(b)
			Expect(err).NotTo(HaveOccurred())
			Expect(n).To(Equal(uint64(version)))
			Expect(string(rest)).To(Equal(after))
			n, rest, err = wire.CutVersion(b)
			Expect(err).NotTo(HaveOccurred())
			Expect(n).To(Equal(uint64(version)))
			Expect(string(rest)).To(Equal(after))
		}
	})

	It("stands before a remaining TTL and a value, even an empty one", func() {
		for _, value := range []string{"", "value"} {
			n, ttl, rest, err := wire.CutItem(append(item[:len(item):len(item)], value...))
			Expect(err).NotTo(HaveOccurred())
			Expect(n).To(Equal(uint64(version)))
			Expect(ttl).To(Equal(time.Hour))
			Expect(string(rest)).To(Equal(value))
		}
	})

	It("is missing where there are too few bytes, or more than one alone", func() {
		_, err := wire.ParseNumber(number[:7])
		Expect(err).To(MatchError("a number of 8 bytes was expected, got 7"))
		_, err = wire.ParseNumber(append(number[:8:8], 0))
		Expect(err).To(MatchError("a number of 8 bytes was expected, got 9"))
		_, _, err = wire.CutNumber(number[:7])
		Expect(err).To(MatchError("a number of 8 bytes was expected, got 7"))
		_, _, err = wire.CutVersion(number[:7])
		Expect(err).To(MatchError("value is 7 bytes, CAS needs a version of 8 bytes before the new value"))
		_, _, _, err = wire.CutItem(item[:15])
		Expect(err).To(MatchError("answer is 15 bytes, GETV's has at least 16"))
	})
})
