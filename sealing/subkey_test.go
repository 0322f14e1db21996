package sealing

import (
	"bytes"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("The subkey that values are sealed with", func() {
	var (
		clk *clock.Mock
		s   *Sealer
	)
	BeforeEach(func() {
		clk = clock.NewMock()
		kr, err := KeyringFromSecret(bytes.Repeat([]byte{1}, KeySize))
		Expect(err).NotTo(HaveOccurred())
		s, err = New(kr, WithClock(clk))
		Expect(err).NotTo(HaveOccurred())
	})
	seal := func() [noncePrefixSize]byte {
		GinkgoHelper()
		envelope, err := s.Seal(nil, []byte("name"), nil, time.Time{}, 1)
		Expect(err).NotTo(HaveOccurred())
		return [noncePrefixSize]byte(envelope[stampedSize:])
	}

	It("serves 2^16 values and no more", func() {
		first := seal()
		for range SealsPerSubkey - 1 {
			if seal() != first {
				Fail("the subkey changed early")
			}
		}
		Expect(seal()).NotTo(Equal(first))
	})

	It("is never followed by one that was there before", func() {
		seen := map[[noncePrefixSize]byte]bool{}
		for range 100 {
			h := seal()
			Expect(seen).NotTo(HaveKey(h))
			seen[h] = true
			s.keys.Load().sealing.current.Load().seals.Store(SealsPerSubkey)
		}
	})

	It("has nonce prefixes that are random, not counted", func() {
		gap := map[byte]bool{}
		last := byte(0)
		for range 64 {
			envelope, err := s.Seal(nil, nil, nil, time.Time{}, 1)
			Expect(err).NotTo(HaveOccurred())
			gap[envelope[stampedSize+offText-1]-last] = true
			last = envelope[stampedSize+offText-1]
		}
		Expect(len(gap)).To(BeNumerically(">", 16))
	})

	It("is given up at the end of its lifetime by a slow writer", func() {
		first := seal()
		clk.Add(SubkeyLifetime - 1)
		for range ageCheck / 2 {
			Expect(seal()).To(Equal(first))
		}
		clk.Add(1)
		Expect(seal()).NotTo(Equal(first))
	})

	It("is given up within 64 values of the end of its lifetime by a quick writer", func() {
		first := seal()
		for range 1000 {
			seal()
		}
		clk.Add(SubkeyLifetime)
		for range ageCheck {
			seal()
		}
		Expect(seal()).NotTo(Equal(first))
	})

	It("is given up when the clock was set back", func() {
		clk.Add(SubkeyLifetime)
		first := seal()
		clk.Set(time.Unix(0, 0))
		Expect(seal()).NotTo(Equal(first))
	})

	It("is another after a rekey, even to the same keys", func() {
		first := seal()
		kr, err := KeyringFromSecret(bytes.Repeat([]byte{1}, KeySize))
		Expect(err).NotTo(HaveOccurred())
		Expect(s.Rekey(kr)).To(Succeed())
		Expect(seal()).NotTo(Equal(first))
	})
})
