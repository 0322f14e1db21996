package sealing_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sealing"
)

var _ = Describe("A keyring derived for one namespace", func() {
	var roots, alice *sealing.Keyring
	name, value := []byte("name"), []byte("value")
	derive := func(kr *sealing.Keyring, namespace string) *sealing.Keyring {
		GinkgoHelper()
		derived, err := kr.Derive(namespace)
		Expect(err).NotTo(HaveOccurred())
		return derived
	}
	BeforeEach(func() {
		roots = fresh()
		alice = derive(roots, "alice")
	})

	It("reads and writes what the roots do in that namespace, without being told which it is", func() {
		for _, s := range []*sealing.Sealer{sealer(alice), sealer(alice, sealing.WithNamespace("alice"))} {
			Expect(s.Namespace()).To(Equal("alice"))
			owner := sealer(roots, sealing.WithNamespace("alice"))
			envelope, err := s.Seal(nil, name, value, never, stamp)
			Expect(err).NotTo(HaveOccurred())
			Expect(owner.Open(nil, name, envelope, now)).To(Equal(value))
			envelope, err = owner.Seal(nil, name, value, never, stamp)
			Expect(err).NotTo(HaveOccurred())
			Expect(s.Open(nil, name, envelope, now)).To(Equal(value))
		}
	})

	It("makes the blind names of that namespace", func() {
		wire := func(kr *sealing.Keyring) []byte {
			return sealer(kr, sealing.WithNamespace("alice"), sealing.WithBlindNames()).AppendWireName(nil, name)
		}
		Expect(wire(alice)).To(Equal(wire(roots)))
	})

	It("works in no other namespace, and says so", func() {
		_, err := sealing.New(alice, sealing.WithNamespace("bob"))
		Expect(err).To(MatchError(`sealing: the keyring is of namespace "alice" alone, and cannot be used for "bob"`))
	})

	It("reads nothing of another namespace, and forges nothing in it, whatever it is said to be", func() {
		bob := sealer(roots, sealing.WithNamespace("bob"))
		envelope, err := bob.Seal(nil, name, value, never, stamp)
		Expect(err).NotTo(HaveOccurred())
		content := written(alice)
		posing, err := sealing.ParseKeyFile([]byte(strings.Replace(content, `"alice"`, `"bob"`, 1)))
		Expect(err).NotTo(HaveOccurred())
		s := sealer(posing, sealing.WithNamespace("bob"))
		Expect(s.Open(nil, name, envelope, now)).Error().To(MatchError(sealing.ErrNotAuthentic))
		forged, err := s.Seal(nil, name, value, never, stamp)
		Expect(err).NotTo(HaveOccurred())
		Expect(bob.Open(nil, name, forged, now)).Error().To(MatchError(sealing.ErrNotAuthentic))
	})

	It("holds nothing that it was made of", func() {
		root, err := sealing.KeyringFromSecret(secret)
		Expect(err).NotTo(HaveOccurred())
		content := written(derive(root, "alice"))
		Expect(content).NotTo(ContainSubstring(base64.StdEncoding.EncodeToString(secret)))
		Expect(content).NotTo(ContainSubstring("name_root"))
	})

	It("rotates with its roots, by their ids", func() {
		tenant := sealer(alice)
		owner := sealer(roots, sealing.WithNamespace("alice"))
		old := roots.Keys()[0].ID
		id := generate(roots)
		Expect(roots.Promote(id)).To(Succeed())
		Expect(owner.Rekey(roots)).To(Succeed())
		envelope, err := owner.Seal(nil, name, value, never, stamp)
		Expect(err).NotTo(HaveOccurred())
		Expect(tenant.Open(nil, name, envelope, now)).Error().To(MatchError(&sealing.KeyError{ID: id}))
		Expect(tenant.Rekey(derive(roots, "alice"))).To(Succeed())
		Expect(tenant.Open(nil, name, envelope, now)).To(Equal(value))

		Expect(roots.Retire(old)).To(Succeed())
		Expect(derive(roots, "alice").Keys()).To(Equal(roots.Keys()))
	})

	It("is not taken into use by a sealer of another namespace", func() {
		s := sealer(alice)
		Expect(s.Rekey(derive(roots, "bob"))).NotTo(Succeed())
		Expect(s.Rekey(roots)).To(Succeed())
		Expect(s.Namespace()).To(Equal("alice"))
	})

	It("makes no keys of its own, nor keys of another namespace", func() {
		_, err := alice.Generate(now)
		Expect(err).To(MatchError(`sealing: the keyring holds keys derived for namespace "alice": change the root keys and derive again`))
		_, err = alice.Add(secret)
		Expect(err).To(HaveOccurred())
		Expect(alice.AddWithID(1, secret)).NotTo(Succeed())
		Expect(alice.SetNameRoot(secret)).NotTo(Succeed())
		_, err = alice.Derive("alice")
		Expect(err).To(HaveOccurred())
	})

	It("lasts when its roots are closed, and is wiped by itself", func() {
		Expect(roots.Close()).To(Succeed())
		s := sealer(alice)
		Expect(alice.Close()).To(Succeed())
		envelope, err := s.Seal(nil, name, value, never, stamp)
		Expect(err).NotTo(HaveOccurred())
		Expect(s.Open(nil, name, envelope, now)).To(Equal(value))
	})

	It("takes the cut with it", func() {
		roots.SetNotBefore(now)
		Expect(derive(roots, "alice").NotBefore()).To(Equal(now))
	})

	It("says which namespace it is of", func() {
		Expect(alice.Namespace()).To(Equal("alice"))
		Expect(roots.Namespace()).To(BeEmpty())
		Expect(fmt.Sprint(alice)).To(HaveSuffix(`, of namespace "alice" alone)`))
	})

	It("needs a namespace of 1 to 255 bytes", func() {
		_, err := roots.Derive("")
		Expect(err).To(MatchError("sealing: no namespace to derive keys for"))
		_, err = roots.Derive(strings.Repeat("n", 256))
		Expect(err).To(MatchError("sealing: namespace is 256 bytes, limit 255"))
		derive(roots, strings.Repeat("n", 255))
	})

	Describe("in a key file", func() {
		It("is the same when it is read again", func() {
			roots.SetNotBefore(now)
			alice = derive(roots, "alice")
			got, err := sealing.ParseKeyFile([]byte(written(alice)))
			Expect(err).NotTo(HaveOccurred())
			Expect(got.Namespace()).To(Equal("alice"))
			Expect(got.NotBefore()).To(BeTemporally("==", now))
			Expect(written(got)).To(Equal(written(alice)))
		})

		It("is UTF-8", func() {
			Expect(derive(roots, "\xff").WriteFile(filepath.Join(GinkgoT().TempDir(), "key.json"))).
				To(MatchError(ContainSubstring("not UTF-8")))
		})

		DescribeTable("is not mistaken for roots, nor roots for it", func(old, new, reason string) {
			content := written(alice)
			Expect(content).To(ContainSubstring(old))
			_, err := sealing.ParseKeyFile([]byte(strings.ReplaceAll(content, old, new)))
			Expect(err).To(MatchError(ContainSubstring(reason)))
		},
			Entry("without its namespace", `"namespace": "alice",`, ``, "must name their namespace"),
			Entry("with a root key", `"data_key"`, `"secret"`, "no secret and no name_root"),
			Entry("with a name root", `"name_key"`, `"name_root"`, "no secret and no name_root"),
			Entry("with a namespace that is too long", `"alice"`, `"`+strings.Repeat("n", 256)+`"`, "namespace is 256 bytes, limit 255"),
		)
	})
})

// written returns what a key file of the keyring holds.
func written(kr *sealing.Keyring) string {
	GinkgoHelper()
	path := filepath.Join(GinkgoT().TempDir(), "key.json")
	Expect(kr.WriteFile(path)).To(Succeed())
	content, err := os.ReadFile(path)
	Expect(err).NotTo(HaveOccurred())
	return string(content)
}
