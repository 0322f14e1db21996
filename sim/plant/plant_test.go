package plant_test

import (
	"encoding/json"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sim/plant"
)

var _ = Describe("a planted bug", func() {
	const file = "package p\n\nfunc old(a, b int) bool {\n\treturn a < b\n}\n"

	named := func(name string) plant.Plant {
		all, err := plant.All()
		Expect(err).NotTo(HaveOccurred())
		for _, p := range all {
			if p.Name == name {
				return p
			}
		}
		Fail("no such plant: " + name)
		return plant.Plant{}
	}

	It("fits the product as it is", func() {
		all, err := plant.All()
		Expect(err).NotTo(HaveOccurred())
		for _, p := range all {
			source, err := os.ReadFile(filepath.Join("..", "..", p.File))
			Expect(err).NotTo(HaveOccurred())
			_, err = p.Apply(string(source))
			Expect(err).NotTo(HaveOccurred())
		}
	})

	It("says what is wrong and where", func() {
		all, err := plant.All()
		Expect(err).NotTo(HaveOccurred())
		Expect(len(all)).To(BeNumerically(">=", 25))
		for _, p := range all {
			Expect(p.Bug).NotTo(BeEmpty())
			Expect(filepath.Join("..", "..", p.File)).To(BeAnExistingFile(), p.Name)
		}
	})

	It("takes the place of the lines it is about", func() {
		p := named("cache-expiry-late")
		altered, err := p.Apply("a\n\tfunc (r *record) alive(now int64) bool { return r.expiry == 0 || now < r.expiry }\nz\n")
		Expect(err).NotTo(HaveOccurred())
		Expect(altered).To(Equal("a\nfunc (r *record) alive(now int64) bool { return r.expiry == 0 || now <= r.expiry }\nz\n"))
	})

	It("is refused where its lines are not", func() {
		p := named("cache-expiry-late")
		_, err := p.Apply(file)
		Expect(err).To(MatchError("cache-expiry-late no longer fits cache/record.go, which has changed"))
	})

	It("reaches the compiler as an overlay, the product's file staying as it is", func() {
		root, dir := GinkgoT().TempDir(), GinkgoT().TempDir()
		p := named("cache-expiry-late")
		real := filepath.Join(root, filepath.FromSlash(p.File))
		source := []byte("func (r *record) alive(now int64) bool { return r.expiry == 0 || now < r.expiry }\n")
		Expect(os.MkdirAll(filepath.Dir(real), 0o750)).To(Succeed())
		Expect(os.WriteFile(real, source, 0o600)).To(Succeed())
		name, err := p.Overlay(root, dir)
		Expect(err).NotTo(HaveOccurred())
		text, err := os.ReadFile(name)
		Expect(err).NotTo(HaveOccurred())
		var overlay struct{ Replace map[string]string }
		Expect(json.Unmarshal(text, &overlay)).To(Succeed())
		Expect(os.ReadFile(overlay.Replace[real])).To(ContainSubstring("now <= r.expiry"))
		Expect(os.ReadFile(real)).To(Equal(source))
	})
})
