package sealing_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sealing"
)

var (
	secret = []byte("0123456789abcdef0123456789ABCDEF")
	now    = time.UnixMilli(1_700_000_000_000)
	never  = time.Time{}
	stamp  = sealing.StampAt(now)
)

func keyring(secrets ...[]byte) *sealing.Keyring {
	GinkgoHelper()
	kr, err := sealing.KeyringFromSecret(secrets[0])
	Expect(err).NotTo(HaveOccurred())
	for _, s := range secrets[1:] {
		_, err := kr.Add(s)
		Expect(err).NotTo(HaveOccurred())
	}
	return kr
}

func sealer(kr *sealing.Keyring, opts ...sealing.Option) *sealing.Sealer {
	GinkgoHelper()
	s, err := sealing.New(kr, opts...)
	Expect(err).NotTo(HaveOccurred())
	return s
}

var _ = Describe("A sealer", func() {
	var s *sealing.Sealer
	BeforeEach(func() { s = sealer(keyring(secret)) })

	DescribeTable("opens what it sealed", Label("fips", "fips-only"), func(size int, opts ...sealing.Option) {
		s := sealer(keyring(secret), opts...)
		value := bytes.Repeat([]byte{7}, size)
		envelope, err := s.Seal(nil, []byte("name"), value, never, stamp)
		Expect(err).NotTo(HaveOccurred())
		Expect(s.Open(nil, []byte("name"), envelope, now)).To(Equal(value))
	},
		Entry("one byte", 1),
		Entry("a mebibyte", 1<<20),
		Entry("with padding", 100, sealing.WithPadding()),
		Entry("in a namespace", 100, sealing.WithNamespace("tenant")),
	)

	It("takes an empty value and an empty name", func() {
		envelope, err := s.Seal(nil, nil, nil, never, stamp)
		Expect(err).NotTo(HaveOccurred())
		Expect(envelope).To(HaveLen(sealing.Overhead))
		Expect(s.Open(nil, nil, envelope, now)).To(BeEmpty())
	})

	It("appends, and leaves what is there alone", func() {
		envelope, err := s.Seal([]byte("before"), []byte("name"), []byte("value"), never, stamp)
		Expect(err).NotTo(HaveOccurred())
		Expect(envelope).To(HavePrefix("before"))
		Expect(s.Open([]byte("ahead,"), []byte("name"), envelope[6:], now)).To(Equal([]byte("ahead,value")))
	})

	It("never gives the same envelope twice", func() {
		seen := map[string]bool{}
		for range 1000 {
			envelope, err := s.Seal(nil, []byte("name"), []byte("value"), never, stamp)
			Expect(err).NotTo(HaveOccurred())
			seen[string(envelope[22:46])] = true
		}
		Expect(seen).To(HaveLen(1000))
	})

	It("refuses everything once it is closed", func() {
		envelope, err := s.Seal(nil, []byte("name"), []byte("value"), never, stamp)
		Expect(err).NotTo(HaveOccurred())
		Expect(s.Close()).To(Succeed())
		Expect(s.Open(nil, []byte("name"), envelope, now)).Error().To(MatchError(sealing.ErrClosed))
		Expect(s.Seal(nil, []byte("name"), []byte("value"), never, stamp)).Error().To(MatchError(sealing.ErrClosed))
		Expect(s.Rekey(keyring(secret))).To(MatchError(sealing.ErrClosed))
		Expect(s.AppendWireName(nil, []byte("name"))).To(BeEmpty())
		Expect(s.Close()).To(Succeed())
	})

	It("seals nothing without a nonce", func() {
		// 12 bytes are for a nonce's first half, 12 for each second one.
		for _, bytes := range []int64{0, 11, 12, 23} {
			s := sealer(keyring(secret), sealing.WithRandom(io.LimitReader(&counter{}, bytes)))
			buf := make([]byte, 0, 100)
			envelope, err := s.Seal(append(buf, "ahead"...), []byte("name"), []byte("value"), never, stamp)
			Expect(err).To(MatchError(ContainSubstring("draw a nonce")))
			Expect(envelope).To(Equal([]byte("ahead")))
			Expect(string(buf[:cap(buf)])).NotTo(ContainSubstring("value"))
		}
	})

	It("does not allocate where the buffers have room", func() {
		name, value := []byte("user:00000000000000:data"), make([]byte, 1024)
		envelope := make([]byte, 0, 2048)
		opened := make([]byte, 0, 2048)
		Expect(testing.AllocsPerRun(1000, func() { envelope, _ = s.Seal(envelope[:0], name, value, now, stamp) })).To(BeZero())
		Expect(testing.AllocsPerRun(1000, func() { opened, _ = s.Open(opened[:0], name, envelope, now) })).To(BeZero())
		Expect(opened).To(Equal(value))
	})

	It("does not allocate for what the tag covers, where the buffers have room for nothing else", func() {
		name, value := []byte("user:00000000000000:data"), make([]byte, 1024)
		envelope := make([]byte, 0, len(value)+sealing.Overhead)
		opened := make([]byte, 0, len(value))
		Expect(testing.AllocsPerRun(1000, func() { envelope, _ = s.Seal(envelope[:0], name, value, now, stamp) })).To(BeZero())
		Expect(testing.AllocsPerRun(1000, func() { opened, _ = s.Open(opened[:0], name, envelope, now) })).To(BeZero())
		Expect(opened).To(Equal(value))
	})

	It("prints no key under any verb", func() {
		for _, v := range []any{s, keyring(secret)} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
				Expect(fmt.Sprintf(verb, v)).To(HavePrefix("sealing."))
			}
		}
	})

	It("prints no key as a part of something else", func() {
		kr := keyring(secret)
		type app struct {
			s      *sealing.Sealer
			kr     *sealing.Keyring
			copied sealing.Keyring
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
			text := fmt.Sprintf(verb, &app{s, kr, *kr}) + fmt.Sprintf(verb, *kr)
			for _, spelling := range []string{"%s", "%x", "%X", "%v", "%d"} {
				Expect(text).NotTo(ContainSubstring(strings.Trim(fmt.Sprintf(spelling, secret[:8]), "[]")))
			}
			Expect(text).NotTo(ContainSubstring(strings.TrimSuffix(fmt.Sprintf("%#v", secret[:8]), "}")[len("[]byte{"):]))
		}
	})
})

var _ = Describe("A secret", func() {
	DescribeTable("must be exactly 32 bytes", func(size int) {
		_, err := sealing.KeyringFromSecret(bytes.Repeat([]byte{1}, size))
		Expect(err).To(MatchError(fmt.Sprintf("sealing: key is %d bytes, must be exactly 32", size)))
	},
		Entry("none", 0), Entry("AES-128", 16), Entry("AES-192", 24), Entry("one short", 31), Entry("one over", 33),
	)

	It("is not all zeros, as of a buffer that was never filled", func() {
		_, err := sealing.KeyringFromSecret(make([]byte, 32))
		Expect(err).To(MatchError("sealing: key is 32 zero bytes, must be random"))
		kr := &sealing.Keyring{}
		Expect(kr.AddWithID(1, make([]byte, 32))).NotTo(Succeed())
		Expect(kr.SetNameRoot(make([]byte, 32))).To(MatchError("sealing: name root is 32 zero bytes, must be random"))
	})
})

var _ = Describe("The limits of sealing", func() {
	It("are those of its documentation", func() {
		Expect([]any{sealing.DefaultClockBound, sealing.DefaultSkew, sealing.SubkeyLifetime}).To(Equal([]any{5 * time.Second, time.Second, time.Hour}))
		Expect([]int{
			sealing.MaxNamespace, sealing.MaxKeys, sealing.KeySize, sealing.BlindNameSize, sealing.MinPassphrase, sealing.MinSalt, sealing.SealsPerSubkey,
		}).To(Equal([]int{255, 1000, 32, 16, 12, 16, 65536}))
	})
})
