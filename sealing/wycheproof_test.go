package sealing

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"encoding/json"
	"os"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

type hexString []byte

func (h *hexString) UnmarshalText(text []byte) (err error) {
	*h, err = hex.AppendDecode(nil, text)
	return err
}

type wycheproofGroup[T any] struct {
	KeySize int `json:"keySize"`
	IVSize  int `json:"ivSize"`
	TagSize int `json:"tagSize"`
	Tests   []T `json:"tests"`
}

func wycheproof[T any](file string) []wycheproofGroup[T] {
	GinkgoHelper()
	b, err := os.ReadFile("../testdata/sealing/wycheproof/" + file)
	Expect(err).NotTo(HaveOccurred())
	var all struct {
		Groups []wycheproofGroup[T] `json:"testGroups"`
	}
	Expect(json.Unmarshal(b, &all)).To(Succeed())
	return all.Groups
}

var _ = Describe("Wycheproof's vectors", Label("fips"), func() {
	It("open as they should by AES-256-GCM", func() {
		type test struct {
			ID                         int `json:"tcId"`
			Key, IV, AAD, Msg, CT, Tag hexString
			Result                     string
		}
		valid, invalid := 0, 0
		for _, group := range wycheproof[test]("aes_gcm_test.json") {
			if group.KeySize != 8*keySize || group.IVSize != 8*nonceSize || group.TagSize != 8*tagSize {
				continue
			}
			for _, t := range group.Tests {
				block, err := aes.NewCipher(t.Key)
				Expect(err).NotTo(HaveOccurred())
				sealed := append(append(append([]byte(nil), t.IV...), t.CT...), t.Tag...)
				plain, err := cipher.NewGCM(block)
				Expect(err).NotTo(HaveOccurred())
				random, err := cipher.NewGCMWithRandomNonce(block)
				Expect(err).NotTo(HaveOccurred())
				for _, aead := range []cipher.AEAD{plain, random} {
					h := cachedAEAD{cipher: aead, prefix: aead.NonceSize()}
					msg, err := h.open(nil, sealed, t.AAD)
					if t.Result == "valid" {
						valid++
						Expect(err).NotTo(HaveOccurred(), "test %d", t.ID)
						Expect(msg).To(BeEquivalentTo(t.Msg), "test %d", t.ID)
					} else {
						invalid++
						Expect(err).To(HaveOccurred(), "test %d", t.ID)
					}
				}
			}
		}
		Expect(valid).To(BeNumerically(">", 50))
		Expect(invalid).To(BeNumerically(">", 30))
	})

	It("derive as they should by HKDF-SHA256", func() {
		type test struct {
			ID                   int `json:"tcId"`
			IKM, Salt, Info, OKM hexString
			Result               string
		}
		count := 0
		for _, group := range wycheproof[test]("hkdf_sha256_test.json") {
			for _, t := range group.Tests {
				if t.Result != "valid" || len(t.Salt) != 0 || len(t.OKM) < keySize {
					continue
				}
				// The first bytes of an output do not depend on its length.
				Expect(derive(t.IKM, string(t.Info))).To(BeEquivalentTo(t.OKM[:keySize]), "test %d", t.ID)
				count++
			}
		}
		Expect(count).To(BeNumerically(">", 5))
	})

	It("give blind names as they should by HMAC-SHA256", func() {
		type test struct {
			ID            int `json:"tcId"`
			Key, Msg, Tag hexString
			Result        string
		}
		count := 0
		for _, group := range wycheproof[test]("hmac_sha256_test.json") {
			for _, t := range group.Tests {
				got := newWireNames("", t.Key).append(nil, t.Msg)
				if t.Result == "valid" {
					Expect(got).To(BeEquivalentTo(t.Tag[:BlindNameSize]), "test %d", t.ID)
				} else if len(t.Tag) == BlindNameSize {
					Expect(got).NotTo(BeEquivalentTo(t.Tag), "test %d", t.ID)
				}
				count++
			}
		}
		Expect(count).To(BeNumerically(">", 100))
	})
})
