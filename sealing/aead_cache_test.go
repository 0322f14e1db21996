package sealing

import (
	"bytes"
	"encoding/binary"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("The AEADs that values were opened with", func() {
	var (
		key *xaes
		o   *aeadCache
	)
	BeforeEach(func() {
		var err error
		key, err = newXAES(make([]byte, keySize))
		Expect(err).NotTo(HaveOccurred())
		o = &aeadCache{}
	})
	// prefix returns the nth nonce prefix of set 0.
	prefix := func(n int) []byte {
		return binary.BigEndian.AppendUint32(make([]byte, noncePrefixSize-4), uint32(n))
	}
	keep := func(n int) {
		GinkgoHelper()
		h, err := deriveAEAD(key, prefix(n))
		Expect(err).NotTo(HaveOccurred())
		o.add(h)
	}
	kept := func(n int) bool { return o.find(key, prefix(n)) != nil }

	It("are kept until their set is full", func() {
		for n := range cacheWays {
			keep(n)
		}
		for n := range cacheWays {
			Expect(kept(n)).To(BeTrue())
		}
	})

	It("make room by the least recently used", func() {
		for n := range cacheWays {
			keep(n)
		}
		Expect(kept(0)).To(BeTrue()) // which is a use
		keep(100)
		Expect(kept(1)).To(BeFalse())
		Expect(kept(0)).To(BeTrue())
		Expect(kept(100)).To(BeTrue())
	})

	It("are kept once, however many callers derived one at a time", func() {
		keep(1)
		keep(1)
		count := 0
		for i := range o.sets[0] {
			if o.sets[0][i].Load() != nil {
				count++
			}
		}
		Expect(count).To(Equal(1))
	})

	It("are each key's own", func() {
		keep(1)
		other, err := newXAES(append(make([]byte, keySize-1), 1))
		Expect(err).NotTo(HaveOccurred())
		Expect(o.find(other, prefix(1))).To(BeNil())
	})

	It("are none that did not open an authentic value", func() {
		kr, err := KeyringFromSecret(bytes.Repeat([]byte{1}, KeySize))
		Expect(err).NotTo(HaveOccurred())
		s, err := New(kr)
		Expect(err).NotTo(HaveOccurred())
		envelope, err := s.Seal(nil, []byte("name"), []byte("value"), time.Time{}, 1)
		Expect(err).NotTo(HaveOccurred())
		forged := append([]byte(nil), envelope...)
		for n := range 1000 {
			binary.BigEndian.PutUint32(forged[stampedSize:], uint32(n))
			_, err := s.Open(nil, []byte("name"), forged, time.Unix(0, 0))
			Expect(err).To(MatchError(ErrNotAuthentic))
		}
		Expect(countKept(s)).To(BeZero())
		Expect(s.Open(nil, []byte("name"), envelope, time.Unix(0, 0))).To(Equal([]byte("value")))
		Expect(countKept(s)).To(Equal(1))
	})
})

func countKept(s *Sealer) (n int) {
	sets := &s.keys.Load().opened.sets
	for i := range sets {
		for j := range sets[i] {
			if sets[i][j].Load() != nil {
				n++
			}
		}
	}
	return n
}
