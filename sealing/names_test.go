package sealing_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sealing"
)

var _ = Describe("The name that the server sees", func() {
	wire := func(s *sealing.Sealer, name string) string {
		return string(s.AppendWireName(nil, []byte(name)))
	}

	It("is the name itself", func() {
		Expect(wire(sealer(keyring(secret)), "name")).To(Equal("name"))
	})

	It("begins with the namespace and its length", func() {
		Expect(wire(sealer(keyring(secret), sealing.WithNamespace("tenant")), "name")).To(Equal("\x06tenantname"))
	})

	It("begins with what NamespacePrefix says, for those who have to know", func() {
		for _, namespace := range []string{"", "tenant"} {
			Expect(wire(sealer(keyring(secret), sealing.WithNamespace(namespace)), "")).To(Equal(sealing.NamespacePrefix(namespace)))
		}
	})

	It("is never the same in two namespaces, however alike they are", func() {
		a := sealer(keyring(secret), sealing.WithNamespace("ab"))
		b := sealer(keyring(secret), sealing.WithNamespace("a"))
		Expect(wire(a, "c")).NotTo(Equal(wire(b, "bc")))
	})

	It("is appended", func() {
		s := sealer(keyring(secret), sealing.WithBlindNames())
		Expect(s.AppendWireName([]byte("before"), []byte("name"))).To(And(HavePrefix("before"), HaveLen(6+sealing.BlindNameSize)))
	})

	Context("when blind", func() {
		blind := func(opts ...sealing.Option) *sealing.Sealer {
			return sealer(keyring(secret), append(opts, sealing.WithBlindNames())...)
		}

		It("is the same each time, and for everyone with the keyring", func() {
			s := blind()
			first := wire(s, "name")
			Expect(wire(s, "another")).NotTo(Equal(first))
			Expect(wire(s, "name")).To(Equal(first))
			Expect(wire(blind(), "name")).To(Equal(first))
		})

		It("tells neither the name nor its length", func() {
			s := blind()
			Expect(wire(s, "a")).To(HaveLen(sealing.BlindNameSize))
			Expect(wire(s, "a much longer name than that")).To(HaveLen(sealing.BlindNameSize))
			Expect(wire(s, "name")).NotTo(ContainSubstring("name"))
		})

		It("differs between namespaces beyond their prefix", func() {
			a, b := wire(blind(sealing.WithNamespace("a")), "name"), wire(blind(sealing.WithNamespace("b")), "name")
			Expect(a).To(HavePrefix("\x01a"))
			Expect(a[2:]).NotTo(Equal(b[2:]))
		})

		It("differs between keyrings", func() {
			other := sealer(keyring(append([]byte("x"), secret[1:]...)), sealing.WithBlindNames())
			Expect(wire(other, "name")).NotTo(Equal(wire(blind(), "name")))
		})

		It("stays the same when keys rotate", func() {
			kr := keyring(secret)
			s := sealer(kr, sealing.WithBlindNames())
			before := wire(s, "name")
			id, err := kr.Generate(now)
			Expect(err).NotTo(HaveOccurred())
			Expect(kr.Promote(id)).To(Succeed())
			Expect(kr.Retire(kr.Keys()[0].ID)).To(Succeed())
			Expect(s.Rekey(kr)).To(Succeed())
			Expect(wire(s, "name")).To(Equal(before))
		})

		It("needs a keyring with a name root", func() {
			kr := &sealing.Keyring{}
			_, err := kr.Add(secret)
			Expect(err).NotTo(HaveOccurred())
			_, err = sealing.New(kr, sealing.WithBlindNames())
			Expect(err).To(MatchError(ContainSubstring("no name root")))
			Expect(kr.SetNameRoot(make([]byte, 31))).To(MatchError(ContainSubstring("31 bytes, must be exactly 32")))
			Expect(kr.SetNameRoot(secret)).To(Succeed())
			Expect(sealing.New(kr, sealing.WithBlindNames())).NotTo(BeNil())
		})
	})

	It("cannot have a namespace of more than 255 bytes", func() {
		_, err := sealing.New(keyring(secret), sealing.WithNamespace(string(make([]byte, 256))))
		Expect(err).To(MatchError("sealing: namespace is 256 bytes, limit 255"))
		Expect(sealing.New(keyring(secret), sealing.WithNamespace(string(make([]byte, 255))))).NotTo(BeNil())
	})
})
