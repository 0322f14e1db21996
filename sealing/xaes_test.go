package sealing

import (
	"bytes"
	"crypto/cipher"
	"crypto/sha3"
	"encoding/hex"
	"io"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// sealXAES is XAES-256-GCM whole, as its specification has it.
func sealXAES(key, nonce, plaintext, ad []byte) []byte {
	x, err := newXAES(key)
	Expect(err).NotTo(HaveOccurred())
	block, err := x.derive(nonce[:noncePrefixSize])
	Expect(err).NotTo(HaveOccurred())
	gcm, err := cipher.NewGCM(block)
	Expect(err).NotTo(HaveOccurred())
	return gcm.Seal(nil, nonce[noncePrefixSize:], plaintext, ad)
}

var _ = Describe("XAES-256-GCM", func() {
	DescribeTable("gives the specification's ciphertexts",
		func(keyByte byte, k1, ad, ciphertext string) {
			key := bytes.Repeat([]byte{keyByte}, 32)
			x, err := newXAES(key)
			Expect(err).NotTo(HaveOccurred())
			Expect(hex.EncodeToString(x.k1[:])).To(Equal(k1))
			sealed := sealXAES(key, []byte("ABCDEFGHIJKLMNOPQRSTUVWX"), []byte("XAES-256-GCM"), []byte(ad))
			Expect(hex.EncodeToString(sealed)).To(Equal(ciphertext))
		},
		Entry("when doubling needs no reduction", byte(1), "e531954aca063d5b8d9c47a47d4cc6f0", "",
			"ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"),
		Entry("when doubling needs one", byte(3), "23810ec50edb99f374409466ed1f4b7b", "c2sp.org/XAES-256-GCM",
			"986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"),
	)

	It("gives the specification's hash over 10,000 random messages", func() {
		random, sum := sha3.NewSHAKE128(), sha3.NewSHAKE128()
		draw := func(n int) []byte {
			b := make([]byte, n)
			_, err := io.ReadFull(random, b)
			Expect(err).NotTo(HaveOccurred())
			return b
		}
		for range 10_000 {
			key, nonce := draw(32), draw(24)
			plaintext := draw(int(draw(1)[0]))
			ad := draw(int(draw(1)[0]))
			_, _ = sum.Write(sealXAES(key, nonce, plaintext, ad))
		}
		got := make([]byte, 32)
		_, _ = sum.Read(got)
		Expect(hex.EncodeToString(got)).To(Equal("e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939"))
	})
})
