package access_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
)

var _ = Describe("What is told of identities", func() {
	// listed returns a list of n identities with long names.
	listed := func(n int) *access.List {
		GinkgoHelper()
		var text strings.Builder
		hash := access.HashToken("t")
		for i := range n {
			fmt.Fprintf(&text, "%s-%05d: {tokens: [%q], prefixes: [\"\"]}\n", strings.Repeat("n", 200), i, hash)
		}
		file := filepath.Join(GinkgoT().TempDir(), "identities.yaml")
		Expect(os.WriteFile(file, []byte(text.String()), 0o600)).To(Succeed())
		l, err := access.Load(file)
		Expect(err).NotTo(HaveOccurred())
		Expect(l.Len()).To(Equal(n))
		return l
	}
	name := func(i int) string { return fmt.Sprintf("%s-%05d", strings.Repeat("n", 200), i) }
	use := func(l *access.List, i, requests int) {
		GinkgoHelper()
		p, err := l.Authenticate(nil, nil, []byte(name(i)), []byte("t"))
		Expect(err).NotTo(HaveOccurred())
		for range requests {
			p.(interface{ Count(allowed bool) }).Count(true) //nolint:forcetypeassert // what a server does
		}
	}

	It("is each one of them while they are few", func() {
		l := listed(access.MaxUses)
		Expect(l.Use()).To(HaveLen(access.MaxUses))
		Expect(l.Use()[access.MaxUses-1].Identity).To(Equal(name(access.MaxUses - 1)))
	})

	It("is the busiest and the sum of all others where they are many, in an answer that every client takes", func() {
		const many = 8000
		l := listed(many)
		for i := range access.MaxUses + 7 {
			use(l, many-1-i, access.MaxUses+10-i)
		}
		uses := l.Use()
		Expect(uses).To(HaveLen(access.MaxUses + 1))
		Expect(uses[0].Identity).To(Equal(name(many - access.MaxUses)))
		Expect(uses[access.MaxUses-1]).To(Equal(access.Use{Identity: name(many - 1), Connections: 1, Requests: access.MaxUses + 10}))
		Expect(uses[access.MaxUses]).To(Equal(access.Use{Others: many - access.MaxUses, Connections: 7, Requests: 10 + 9 + 8 + 7 + 6 + 5 + 4}))
		text, err := json.Marshal(uses)
		Expect(err).NotTo(HaveOccurred())
		Expect(len(text)).To(BeNumerically("<", 1<<20/4), "a quarter of the least that a client takes")
	})
})
