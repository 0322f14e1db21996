package sealing_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sealing"
)

func fresh() *sealing.Keyring {
	GinkgoHelper()
	kr, err := sealing.NewKeyring(now)
	Expect(err).NotTo(HaveOccurred())
	return kr
}

func generate(kr *sealing.Keyring) uint32 {
	GinkgoHelper()
	id, err := kr.Generate(now.Add(time.Hour))
	Expect(err).NotTo(HaveOccurred())
	return id
}

var _ = Describe("A keyring", func() {
	It("has one enabled key to begin with, its primary", func() {
		keys := fresh().Keys()
		Expect(keys).To(HaveLen(1))
		Expect(keys[0].Primary).To(BeTrue())
		Expect(keys[0].Retired).To(BeFalse())
		Expect(keys[0].Created).To(Equal(now))
	})

	It("gives one secret one id everywhere, and another secret another", func() {
		Expect(keyring(secret).Keys()).To(Equal(keyring(secret).Keys()))
		Expect(fmt.Sprintf("%08x", keyring(secret).Keys()[0].ID)).To(Equal("c405e701"))
		Expect(fresh().Keys()[0].ID).NotTo(Equal(fresh().Keys()[0].ID))
	})

	It("refuses the same key or id twice, even a retired one", func() {
		kr := fresh()
		_, err := kr.Add(secret)
		Expect(err).NotTo(HaveOccurred())
		_, err = kr.Add(secret)
		Expect(err).To(MatchError("sealing: key c405e701 is in the keyring already"))
		Expect(kr.Retire(0xc405e701)).To(Succeed())
		Expect(kr.AddWithID(0xc405e701, secret)).NotTo(Succeed())
	})

	It("takes ids from elsewhere, but no key that is short", func() {
		kr := &sealing.Keyring{}
		Expect(kr.AddWithID(7, secret)).To(Succeed())
		Expect(kr.AddWithID(8, secret[1:])).To(MatchError("sealing: key is 31 bytes, must be exactly 32"))
		Expect(kr.Keys()).To(Equal([]sealing.KeyInfo{{ID: 7, Primary: true}}))
	})

	It("holds up to a thousand keys", func() {
		kr := &sealing.Keyring{}
		for id := range uint32(sealing.MaxKeys) {
			Expect(kr.AddRetired(id)).To(Succeed())
		}
		Expect(kr.AddRetired(sealing.MaxKeys)).To(MatchError("sealing: keyring holds 1000 keys, limit 1000"))
	})

	It("cannot retire its primary, nor promote a retired key or a stranger", func() {
		kr := fresh()
		first, second := kr.Keys()[0].ID, generate(kr)
		Expect(kr.Retire(first)).To(MatchError(ContainSubstring("promote another")))
		Expect(kr.Retire(second)).To(Succeed())
		Expect(kr.Retire(second)).To(MatchError(&sealing.KeyError{ID: second, Retired: true}))
		Expect(kr.Promote(second)).To(MatchError(&sealing.KeyError{ID: second, Retired: true}))
		Expect(kr.Promote(1)).To(MatchError(&sealing.KeyError{ID: 1}))
		Expect(kr.Promote(1)).To(MatchError(sealing.ErrUnknownKey))
	})

	It("makes no sealer without a primary that can seal", func() {
		_, err := sealing.New(nil)
		Expect(err).To(MatchError("sealing: no keyring"))
		_, err = sealing.New(&sealing.Keyring{})
		Expect(err).To(MatchError("sealing: the keyring has no primary key"))
		kr := fresh()
		Expect(kr.Close()).To(Succeed())
		_, err = sealing.New(kr)
		Expect(err).To(HaveOccurred())
	})

	It("may be closed while its sealers go on", func() {
		kr := fresh()
		s := sealer(kr)
		Expect(kr.Close()).To(Succeed())
		envelope, err := s.Seal(nil, []byte("name"), []byte("value"), never, stamp)
		Expect(err).NotTo(HaveOccurred())
		Expect(s.Open(nil, []byte("name"), envelope, now)).To(Equal([]byte("value")))
	})

	It("does not let itself be encoded by accident", func() {
		_, err := json.Marshal(keyring(secret))
		Expect(err).To(MatchError(ContainSubstring("not for encoding")))
	})

	Describe("in a rotation", func() {
		var (
			kr          *sealing.Keyring
			first       uint32
			writer      *sealing.Sealer
			reader      *sealing.Sealer
			old, recent []byte
		)
		open := func(s *sealing.Sealer, envelope []byte) (string, error) {
			value, err := s.Open(nil, []byte("name"), envelope, now)
			return string(value), err
		}
		seal := func(value string) []byte {
			GinkgoHelper()
			envelope, err := writer.Seal(nil, []byte("name"), []byte(value), never, stamp)
			Expect(err).NotTo(HaveOccurred())
			return envelope
		}
		BeforeEach(func() {
			kr = fresh()
			first = kr.Keys()[0].ID
			writer, reader = sealer(kr), sealer(kr)
			old = seal("old")
			id := generate(kr)
			Expect(reader.Rekey(kr)).To(Succeed()) // readers know the key before writers use it
			Expect(kr.Promote(id)).To(Succeed())
			Expect(writer.Rekey(kr)).To(Succeed())
			recent = seal("recent")
		})

		It("seals with the new key, and opens what either sealed, in every process", func() {
			Expect(old[2:6]).NotTo(Equal(recent[2:6]))
			for _, s := range []*sealing.Sealer{writer, reader} {
				Expect(open(s, old)).To(Equal("old"))
				Expect(open(s, recent)).To(Equal("recent"))
			}
		})

		It("can open nothing of a key once that has retired, and says which key", func() {
			Expect(kr.Retire(first)).To(Succeed())
			Expect(reader.Rekey(kr)).To(Succeed())
			_, err := open(reader, old)
			Expect(err).To(MatchError(sealing.ErrUnknownKey))
			Expect(err).To(MatchError(fmt.Sprintf("sealing: key %08x is retired", first)))
			var keyError *sealing.KeyError
			Expect(errors.As(err, &keyError)).To(BeTrue())
			Expect(*keyError).To(Equal(sealing.KeyError{ID: first, Retired: true}))
			Expect(open(reader, recent)).To(Equal("recent"))
		})

		It("tells a process that has missed it which key it lacks", func() {
			late := sealer(keyring(secret))
			_, err := open(late, recent)
			Expect(err).To(MatchError(sealing.ErrUnknownKey))
			Expect(err).To(MatchError(fmt.Sprintf("sealing: no key %x in the keyring", recent[2:6])))
		})

		It("leaves a sealer's keys as they were when the new keyring is no good", func() {
			Expect(reader.Rekey(&sealing.Keyring{})).NotTo(Succeed())
			Expect(open(reader, recent)).To(Equal("recent"))
		})
	})
})

var _ = Describe("A passphrase", func() {
	salt := []byte("sixteen bytes at")

	It("with its salt makes the same keyring everywhere", func() {
		kr, err := sealing.KeyringFromPassphrase([]byte("correct horse battery staple"), salt)
		Expect(err).NotTo(HaveOccurred())
		Expect(fmt.Sprintf("%08x", kr.Keys()[0].ID)).To(Equal(argonKeyID))
	})

	It("must be 12 bytes and its salt 16", func() {
		_, err := sealing.KeyringFromPassphrase([]byte("elevenbytes"), salt)
		Expect(err).To(MatchError("sealing: passphrase is 11 bytes, must be at least 12"))
		_, err = sealing.KeyringFromPassphrase([]byte("correct horse battery staple"), salt[1:])
		Expect(err).To(MatchError("sealing: salt is 15 bytes, must be at least 16"))
	})
})

// argonKeyID was computed by another implementation of Argon2id.
const argonKeyID = "93331ddb"
