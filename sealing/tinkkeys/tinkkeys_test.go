package tinkkeys_test

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/prf/hkdfprf"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/sealing/tinkkeys"
)

// rotated returns a keyset manager with two keys of the template, the second of
// which is the primary, and their ids.
func rotated(template *tinkpb.KeyTemplate) (m *keyset.Manager, first, second uint32) {
	GinkgoHelper()
	m = keyset.NewManager()
	var err error
	first, err = m.Add(template)
	Expect(err).NotTo(HaveOccurred())
	second, err = m.Add(template)
	Expect(err).NotTo(HaveOccurred())
	Expect(m.SetPrimary(second)).To(Succeed())
	return m, first, second
}

func handle(m *keyset.Manager) *keyset.Handle {
	GinkgoHelper()
	h, err := m.Handle()
	Expect(err).NotTo(HaveOccurred())
	return h
}

func kek() tink.AEAD {
	GinkgoHelper()
	h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	Expect(err).NotTo(HaveOccurred())
	a, err := aead.New(h)
	Expect(err).NotTo(HaveOccurred())
	return a
}

func seal(kr *sealing.Keyring) []byte {
	GinkgoHelper()
	s, err := sealing.New(kr)
	Expect(err).NotTo(HaveOccurred())
	envelope, err := s.Seal(nil, []byte("name"), []byte("value"), time.Time{}, 0)
	Expect(err).NotTo(HaveOccurred())
	return envelope
}

func open(kr *sealing.Keyring, envelope []byte) ([]byte, error) {
	GinkgoHelper()
	s, err := sealing.New(kr)
	Expect(err).NotTo(HaveOccurred())
	return s.Open(nil, []byte("name"), envelope, time.Unix(0, 0))
}

var _ = Describe("A Tink keyset", func() {
	DescribeTable("makes a keyring with its ids and its primary", func(template *tinkpb.KeyTemplate) {
		m, first, second := rotated(template)
		kr, err := tinkkeys.FromHandle(handle(m))
		Expect(err).NotTo(HaveOccurred())
		Expect(kr.Keys()).To(Equal([]sealing.KeyInfo{{ID: first}, {ID: second, Primary: true}}))
		Expect(seal(kr)[2:6]).To(BeEquivalentTo([]byte{byte(second >> 24), byte(second >> 16), byte(second >> 8), byte(second)}))
	},
		Entry("of HKDF PRF keys", prf.HKDFSHA256PRFKeyTemplate()),
		Entry("of AES-256-GCM keys", aead.AES256GCMKeyTemplate()),
		Entry("of AES-256-GCM keys without prefix", aead.AES256GCMNoPrefixKeyTemplate()),
	)

	It("rotates: what the old key sealed opens until that is disabled", func() {
		m, first, second := rotated(prf.HKDFSHA256PRFKeyTemplate())
		Expect(m.SetPrimary(first)).To(Succeed())
		before, err := tinkkeys.FromHandle(handle(m))
		Expect(err).NotTo(HaveOccurred())
		envelope := seal(before)

		Expect(m.SetPrimary(second)).To(Succeed())
		after, err := tinkkeys.FromHandle(handle(m))
		Expect(err).NotTo(HaveOccurred())
		Expect(open(after, envelope)).To(Equal([]byte("value")))

		Expect(m.Disable(first)).To(Succeed())
		last, err := tinkkeys.FromHandle(handle(m))
		Expect(err).NotTo(HaveOccurred())
		_, err = open(last, envelope)
		Expect(err).To(MatchError(sealing.ErrUnknownKey))
		Expect(err).To(MatchError(fmt.Sprintf("sealing: key %08x is retired", first)))
	})

	It("derives data keys as Tink's own PRF does", func() {
		h, err := keyset.NewHandle(prf.HKDFSHA256PRFKeyTemplate())
		Expect(err).NotTo(HaveOccurred())
		set, err := prf.NewPRFSet(h)
		Expect(err).NotTo(HaveOccurred())
		// The id of a key is derived in the same way as a data key, and can be seen.
		sum, err := set.ComputePrimaryPRF([]byte("cryptomem/1 key id"), 32)
		Expect(err).NotTo(HaveOccurred())
		material := insecurecleartextkeyset.KeysetMaterial(h).GetKey()[0].GetKeyData().GetValue()
		secret := material[len(material)-32:]
		kr, err := sealing.KeyringFromSecret(secret)
		Expect(err).NotTo(HaveOccurred())
		Expect(fmt.Sprintf("%08x", kr.Keys()[0].ID)).To(Equal(fmt.Sprintf("%x", sum[:4])))
	})

	Context("in each of Tink's formats", func() {
		var (
			h    *keyset.Handle
			want []sealing.KeyInfo
			buf  *bytes.Buffer
		)
		BeforeEach(func() {
			m, first, second := rotated(prf.HKDFSHA256PRFKeyTemplate())
			h, buf = handle(m), &bytes.Buffer{}
			want = []sealing.KeyInfo{{ID: first}, {ID: second, Primary: true}}
		})
		same := func(kr *sealing.Keyring, err error) {
			GinkgoHelper()
			Expect(err).NotTo(HaveOccurred())
			Expect(kr.Keys()).To(Equal(want))
			direct, err := tinkkeys.FromHandle(h)
			Expect(err).NotTo(HaveOccurred())
			Expect(open(kr, seal(direct))).To(Equal([]byte("value")))
		}

		It("is read from cleartext JSON", func() {
			Expect(insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(buf))).To(Succeed())
			same(tinkkeys.ReadJSON(buf))
		})
		It("is read from cleartext binary", func() {
			Expect(insecurecleartextkeyset.Write(h, keyset.NewBinaryWriter(buf))).To(Succeed())
			same(tinkkeys.ReadBinary(buf))
		})
		It("is read from JSON that a KMS has wrapped", func() {
			k := kek()
			Expect(h.Write(keyset.NewJSONWriter(buf), k)).To(Succeed())
			same(tinkkeys.ReadEncryptedJSON(buf, k))
		})
		It("is read from binary that a KMS has wrapped", func() {
			k := kek()
			Expect(h.Write(keyset.NewBinaryWriter(buf), k)).To(Succeed())
			same(tinkkeys.ReadEncryptedBinary(buf, k))
		})
		It("is refused under another wrapping key", func() {
			Expect(h.Write(keyset.NewJSONWriter(buf), kek())).To(Succeed())
			_, err := tinkkeys.ReadEncryptedJSON(buf, kek())
			Expect(err).To(MatchError(ContainSubstring("decrypt keyset")))
		})
		It("is refused when it is garbage, which the error does not repeat", func() {
			_, err := tinkkeys.ReadJSON(bytes.NewBufferString(`{"key":"secret"}`))
			Expect(err).To(MatchError("tinkkeys: not a cleartext keyset of this format"))
		})
		It("hands on the error of a KMS that does not answer", func() {
			down := errors.New("kms is down")
			Expect(h.Write(keyset.NewJSONWriter(buf), kek())).To(Succeed())
			_, err := tinkkeys.ReadEncryptedJSON(buf, failing{down})
			Expect(err).To(MatchError(ContainSubstring("decrypt keyset")))
		})
	})

	DescribeTable("of other keys is refused", func(template *tinkpb.KeyTemplate, reason string) {
		h, err := keyset.NewHandle(template)
		Expect(err).NotTo(HaveOccurred())
		_, err = tinkkeys.FromHandle(h)
		Expect(err).To(MatchError(ContainSubstring(reason)))
	},
		Entry("AES-128", aead.AES128GCMKeyTemplate(), "key is 16 bytes, must be exactly 32"),
		Entry("ChaCha20", aead.ChaCha20Poly1305KeyTemplate(), "must be an HKDF PRF key or an AES-256-GCM key"),
		Entry("an HMAC PRF", prf.HMACSHA256PRFKeyTemplate(), "must be an HKDF PRF key or an AES-256-GCM key"),
	)
})

var _ = DescribeTable("An HKDF key that derives in another way is refused", func(hash hkdfprf.HashType, salt []byte) {
	params, err := hkdfprf.NewParameters(32, hash, salt)
	Expect(err).NotTo(HaveOccurred())
	m := keyset.NewManager()
	id, err := m.AddNewKeyFromParameters(params)
	Expect(err).NotTo(HaveOccurred())
	Expect(m.SetPrimary(id)).To(Succeed())
	_, err = tinkkeys.FromHandle(handle(m))
	Expect(err).To(MatchError(fmt.Sprintf("tinkkeys: key %08x: an HKDF key must use SHA-256 and no salt", id)))
},
	Entry("by SHA-512", hkdfprf.SHA512, nil),
	Entry("with a salt", hkdfprf.SHA256, []byte("salt")),
)

type failing struct{ err error }

func (f failing) Encrypt(_, _ []byte) ([]byte, error) { return nil, f.err }
func (f failing) Decrypt(_, _ []byte) ([]byte, error) { return nil, f.err }
