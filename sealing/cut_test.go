package sealing_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sealing"
)

var _ = Describe("The sealing time", func() {
	const bound = sealing.DefaultClockBound
	name, value := []byte("name"), []byte("value")
	sealed := func(at sealing.Stamp) []byte {
		GinkgoHelper()
		envelope, err := sealer(keyring(secret)).Seal(nil, name, value, never, at)
		Expect(err).NotTo(HaveOccurred())
		return envelope
	}
	open := func(s *sealing.Sealer, envelope []byte, now time.Time) error {
		got, err := s.Open([]byte("ahead,"), name, envelope, now)
		if err == nil {
			Expect(string(got)).To(Equal("ahead,value"))
		} else {
			Expect(string(got)).To(Equal("ahead,"))
		}
		return err
	}

	It("costs a value eight bytes, and none without it", func() {
		Expect(sealed(stamp)).To(HaveLen(62 + len(value)))
		Expect(sealed(0)).To(HaveLen(54 + len(value)))
	})

	It("may be ahead of the reader's clock by the clock bound and no more", func() {
		s := sealer(keyring(secret))
		Expect(open(s, sealed(sealing.StampAt(now.Add(bound))), now)).To(Succeed())
		err := open(s, sealed(sealing.StampAt(now.Add(bound+time.Millisecond))), now)
		Expect(err).To(And(MatchError(sealing.ErrStale), MatchError(sealing.ErrAhead)))
		Expect(err).To(MatchError("sealing: value is stale: it was sealed ahead of this clock"))
	})

	It("is asked for only of readers that want it", func() {
		Expect(open(sealer(keyring(secret)), sealed(0), now)).To(Succeed())
		strict := sealer(keyring(secret), sealing.WithStampedOnly())
		Expect(open(strict, sealed(0), now)).To(MatchError(sealing.ErrUnstamped))
		Expect(open(strict, sealed(stamp), now)).To(Succeed())
	})

	It("cannot be had with a negative clock bound", func() {
		_, err := sealing.New(keyring(secret), sealing.WithClockBound(-1))
		Expect(err).To(MatchError("sealing: clock bound is -1ns, must not be negative"))
	})

	Describe("and a cut", func() {
		var s *sealing.Sealer
		BeforeEach(func() {
			s = sealer(keyring(secret))
			s.SetNotBefore(now)
		})

		It("are nothing to each other until every clock has passed it", func() {
			Expect(open(s, sealed(stamp-1), now.Add(bound-1))).To(Succeed())
			Expect(open(s, sealed(stamp-1), now.Add(bound))).To(MatchError(sealing.ErrBeforeCut))
		})

		It("end all that was sealed before it, and what may have been", func() {
			later := now.Add(time.Hour)
			Expect(open(s, sealed(1), later)).To(And(MatchError(sealing.ErrStale), MatchError(sealing.ErrBeforeCut)))
			Expect(open(s, sealed(sealing.StampAt(now.Add(bound))-1), later)).To(MatchError(sealing.ErrBeforeCut))
			Expect(open(s, sealed(sealing.StampAt(now.Add(bound))), later)).To(Succeed())
		})

		It("end what does not say when it was sealed", func() {
			Expect(open(s, sealed(0), now.Add(bound-1))).To(Succeed())
			Expect(open(s, sealed(0), now.Add(bound))).To(MatchError(sealing.ErrUnstamped))
		})

		It("let a value expire rather than be stale", func() {
			envelope, err := s.Seal(nil, name, value, now, 1)
			Expect(err).NotTo(HaveOccurred())
			Expect(open(s, envelope, now.Add(time.Hour))).To(MatchError(sealing.ErrExpired))
		})

		It("part again when it is taken back", func() {
			s.SetNotBefore(time.Time{})
			Expect(open(s, sealed(stamp-1), now.Add(time.Hour))).To(Succeed())
			Expect(s.NotBefore().IsZero()).To(BeTrue())
		})

		It("come with the keyring, to every process that rereads it", func() {
			s := sealer(keyring(secret))
			kr := keyring(secret)
			kr.SetNotBefore(now)
			Expect(kr.NotBefore()).To(Equal(now))
			Expect(open(s, sealed(stamp-1), now.Add(bound))).To(Succeed())
			Expect(s.Rekey(kr)).To(Succeed())
			Expect(open(s, sealed(stamp-1), now.Add(bound))).To(MatchError(sealing.ErrBeforeCut))
			Expect(s.NotBefore()).To(BeTemporally("==", now))
			Expect(s.Rekey(keyring(secret))).To(Succeed())
			Expect(open(s, sealed(stamp-1), now.Add(bound))).To(Succeed())
		})

		It("take the later of the keyring's and the sealer's own", func() {
			for _, hours := range []time.Duration{-1, 1} {
				kr := keyring(secret)
				kr.SetNotBefore(now.Add(hours * time.Hour))
				Expect(s.Rekey(kr)).To(Succeed())
				Expect(s.NotBefore()).To(BeTemporally("==", now.Add(max(hours, 0)*time.Hour)))
			}
		})

		It("are forgotten with the keys", func() {
			Expect(s.Close()).To(Succeed())
			Expect(s.NotBefore().IsZero()).To(BeTrue())
		})
	})

	It("leaves nothing of a stale value in the caller's buffer", func() {
		buf := make([]byte, 0, 100)
		_, err := sealer(keyring(secret), sealing.WithNotBefore(now)).Open(buf, name, sealed(1), now.Add(time.Hour))
		Expect(err).To(MatchError(sealing.ErrStale))
		Expect(string(buf[:cap(buf)])).NotTo(ContainSubstring("value"))
	})
})

var _ = Describe("A rolling upgrade to stamped envelopes", func() {
	It("goes readers first, then writers, then no older ones at all", func() {
		name, value := []byte("name"), []byte("value")
		reader, writer := sealer(keyring(secret)), sealer(keyring(secret))
		older, err := writer.Seal(nil, name, value, now.Add(time.Hour), 0) // as writers do for old readers
		Expect(err).NotTo(HaveOccurred())
		Expect(reader.Open(nil, name, older, now)).To(Equal(value))
		newer, err := writer.Seal(nil, name, value, now.Add(time.Hour), stamp)
		Expect(err).NotTo(HaveOccurred())
		Expect(reader.Open(nil, name, newer, now)).To(Equal(value))
		Expect(reader.Open(nil, name, older, now)).To(Equal(value)) // until it expires
		strict := sealer(keyring(secret), sealing.WithStampedOnly())
		Expect(strict.Open(nil, name, newer, now)).To(Equal(value))
		Expect(strict.Open(nil, name, older, now)).Error().To(MatchError(sealing.ErrUnstamped))
	})
})
