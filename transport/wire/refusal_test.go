package wire_test

import (
	"strings"
	"unicode/utf8"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

var _ = Describe("a refusal", func() {
	It("quotes what it was sent escaped, and a few dozen bytes of it at most", func() {
		Expect(wire.Quote([]byte("a\x1b[31m\xff\n"))).To(Equal(`"a\x1b[31m\xff\n"`))
		Expect(wire.Quote([]byte(strings.Repeat("a", wire.MaxQuote)))).To(Equal(`"` + strings.Repeat("a", wire.MaxQuote) + `"`))
		long := wire.Quote([]byte(strings.Repeat("\xff", wire.MaxKeySize)))
		Expect(long).To(HaveSuffix(`" (65535 bytes)`[1:]))
		Expect(len(long)).To(BeNumerically("<", 5*wire.MaxQuote))
	})

	It("is never longer than the bound, however long its text", func() {
		b := wire.Refuse("%s", strings.Repeat("ä", wire.MaxMessage)).Append(nil, wire.Set)
		r, n, err := wire.ParseResponse(b)
		Expect(err).NotTo(HaveOccurred())
		Expect(n).To(Equal(len(b)))
		Expect(len(r.Value)).To(BeNumerically("<=", wire.MaxMessage))
		Expect(utf8.Valid(r.Value)).To(BeTrue())
	})
})
