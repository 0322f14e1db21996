package sealing_test

import (
	"encoding/binary"
	"math"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sealing"
)

var _ = Describe("A value's expiry", func() {
	name, value := []byte("name"), []byte("value")
	seal := func(s *sealing.Sealer, expiry time.Time) []byte {
		GinkgoHelper()
		envelope, err := s.Seal(nil, name, value, expiry, stamp)
		Expect(err).NotTo(HaveOccurred())
		return envelope
	}
	exact := func() *sealing.Sealer { return sealer(keyring(secret), sealing.WithSkew(0)) }

	It("ends it to the millisecond", func() {
		s := exact()
		envelope := seal(s, now)
		Expect(s.Open(nil, name, envelope, now.Add(-1))).To(Equal(value))
		Expect(s.Open(nil, name, envelope, now)).Error().To(MatchError(sealing.ErrExpired))
	})

	It("is rounded up to the millisecond, never down", func() {
		s := exact()
		envelope := seal(s, now.Add(1))
		Expect(s.Open(nil, name, envelope, now.Add(time.Millisecond-1))).To(Equal(value))
		Expect(s.Open(nil, name, envelope, now.Add(time.Millisecond))).Error().To(MatchError(sealing.ErrExpired))
	})

	It("leaves room for clocks that differ by the skew, one second unless told otherwise", func() {
		s := sealer(keyring(secret))
		envelope := seal(s, now)
		Expect(s.Open(nil, name, envelope, now.Add(time.Second-1))).To(Equal(value))
		Expect(s.Open(nil, name, envelope, now.Add(time.Second))).Error().To(MatchError(sealing.ErrExpired))
	})

	It("is not there if it is the zero time", func() {
		s := exact()
		Expect(s.Open(nil, name, seal(s, never), time.Unix(1<<40, 0))).To(Equal(value))
	})

	DescribeTable("is kept however odd", func(expiry time.Time, ms uint64) {
		Expect(binary.BigEndian.Uint64(seal(exact(), expiry)[6:])).To(Equal(ms))
	},
		Entry("1970 itself", time.Unix(0, 0), uint64(1)),
		Entry("before 1970", time.Unix(-1, 0), uint64(1)),
		Entry("a nanosecond of 1970", time.Unix(0, 1), uint64(1)),
		Entry("the first that is exact", time.UnixMilli(2), uint64(2)),
		Entry("in a far future", time.UnixMilli(math.MaxInt64), uint64(math.MaxInt64)),
	)

	It("in 1969 has passed", func() {
		s := exact()
		Expect(s.Open(nil, name, seal(s, time.Unix(-1, 0)), now)).Error().To(MatchError(sealing.ErrExpired))
	})

	It("does not wrap round when the skew is enormous", func() {
		s := sealer(keyring(secret), sealing.WithSkew(math.MaxInt64))
		Expect(s.Open(nil, name, seal(s, time.UnixMilli(math.MaxInt64)), now)).To(Equal(value))
	})

	It("is believed by a clock that stands before 1970", func() {
		s := exact()
		past := time.Unix(-1, 0)
		envelope, err := s.Seal(nil, name, value, now, sealing.StampAt(past))
		Expect(err).NotTo(HaveOccurred())
		Expect(s.Open(nil, name, envelope, past)).To(Equal(value))
	})

	It("is looked at only once the value has proved authentic", func() {
		s := exact()
		envelope := seal(s, now)
		envelope[len(envelope)-1] ^= 1
		Expect(s.Open(nil, name, envelope, now)).Error().To(MatchError(sealing.ErrNotAuthentic))
	})

	It("leaves nothing of an expired value in the caller's buffer", func() {
		s := exact()
		buf := make([]byte, 0, 100)
		_, err := s.Open(buf, name, seal(s, now), now)
		Expect(err).To(MatchError(sealing.ErrExpired))
		Expect(string(buf[:cap(buf)])).NotTo(ContainSubstring("value"))
	})

	It("cannot have a negative skew", func() {
		_, err := sealing.New(keyring(secret), sealing.WithSkew(-1))
		Expect(err).To(MatchError("sealing: skew is -1ns, must not be negative"))
	})
})
