package sealing

import (
	"bytes"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("A keyring's memory of a key", func() {
	var (
		kr      *Keyring
		secrets [][]byte
	)
	BeforeEach(func() {
		var err error
		kr, err = NewKeyring(time.Unix(0, 0))
		Expect(err).NotTo(HaveOccurred())
		_, err = kr.Generate(time.Unix(0, 0))
		Expect(err).NotTo(HaveOccurred())
		secrets = [][]byte{kr.keys[0].secret(), kr.keys[1].secret(), kr.nameRoot()}
	})
	wiped := func(secret []byte) bool { return bytes.Equal(secret, make([]byte, KeySize)) }

	It("is wiped when the key retires, and no other's", func() {
		Expect(kr.Retire(kr.keys[1].id)).To(Succeed())
		Expect(wiped(secrets[1])).To(BeTrue())
		Expect(wiped(secrets[0])).To(BeFalse())
		Expect(wiped(secrets[2])).To(BeFalse())
	})

	It("is wiped when the keyring is closed", func() {
		Expect(kr.Close()).To(Succeed())
		for _, s := range secrets {
			Expect(wiped(s)).To(BeTrue())
		}
	})

	It("is not the caller's slice", func() {
		secret := bytes.Repeat([]byte{1}, KeySize)
		kr, err := KeyringFromSecret(secret)
		Expect(err).NotTo(HaveOccurred())
		Expect(kr.Close()).To(Succeed())
		Expect(wiped(secret)).To(BeFalse())
	})

	It("of a name root is wiped when another takes its place", func() {
		Expect(kr.SetNameRoot(bytes.Repeat([]byte{1}, KeySize))).To(Succeed())
		Expect(wiped(secrets[2])).To(BeTrue())
	})
})

var _ = Describe("A sealer's memory of the blind-name key", func() {
	It("is wiped as soon as HMAC has expanded it", func() {
		key := bytes.Repeat([]byte{1}, KeySize)
		names := newWireNames("", key)
		Expect(key).To(Equal(make([]byte, KeySize)))
		Expect(names.append(nil, []byte("name"))).To(Equal(newWireNames("", bytes.Repeat([]byte{1}, KeySize)).append(nil, []byte("name"))))
		Expect(names.append(nil, []byte("name"))).NotTo(Equal(newWireNames("", bytes.Repeat([]byte{2}, KeySize)).append(nil, []byte("name"))))
	})
})
