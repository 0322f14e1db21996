package sealing_test

import (
	"math"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sealing"
)

var _ = Describe("A stamp", func() {
	DescribeTable("keeps the millisecond of", func(t time.Time, millis int64) {
		s := sealing.StampAt(t)
		Expect(s).NotTo(BeZero())
		Expect(s.Millis()).To(Equal(millis))
		Expect(s.Time()).To(BeTemporally("==", time.UnixMilli(millis)))
	},
		Entry("now", now.Add(999_999), now.UnixMilli()),
		Entry("1970 itself", time.Unix(0, 0), int64(0)),
		Entry("what lies before 1970, in its first", time.Unix(-1, 0), int64(0)),
		Entry("what lies beyond the last, in the last", time.UnixMilli(math.MaxInt64), int64(1<<48-1)),
	)

	It("is later than all of the millisecond before", func() {
		Expect(sealing.StampAt(now.Add(time.Millisecond))).To(Equal(sealing.StampAt(now) + 1<<16))
	})
})

var _ = Describe("An envelope's id", func() {
	It("is different for each", func() {
		s, seen := sealer(keyring(secret)), map[uint64]bool{}
		for i := range 1000 {
			envelope, err := s.Seal(nil, []byte("name"), []byte("value"), never, stamp*sealing.Stamp(i%2))
			Expect(err).NotTo(HaveOccurred())
			h, err := sealing.ParseHeader(envelope)
			Expect(err).NotTo(HaveOccurred())
			seen[h.ID()] = true
		}
		Expect(seen).To(HaveLen(1000))
		Expect(seen).NotTo(HaveKey(uint64(0)))
	})
})
