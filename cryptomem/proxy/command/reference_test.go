package command_test

import (
	"os"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/command"
)

var _ = Describe("The table of commands", func() {
	It("is what the document says", func() {
		text, err := os.ReadFile("../../../docs/proxy.md")
		Expect(err).NotTo(HaveOccurred())
		_, rest, _ := strings.Cut(string(text), "<!-- Written by: cryptomem proxy --commands -->\n\n")
		written, _, ended := strings.Cut(rest, "\n<!-- end -->")
		Expect(ended).To(BeTrue())
		Expect(written).To(Equal(command.Reference()), "put what go run ./cryptomem/cmd proxy --commands prints into docs/proxy.md")
	})

	It("says of every command of Redis 7.0 whether it is spoken, or why not", func() {
		names, err := os.ReadFile("testdata/redis-7.0-commands")
		Expect(err).NotTo(HaveOccurred())
		refused := make(map[string]bool)
		for _, r := range command.Refused {
			for _, n := range r.Names {
				Expect(refused).NotTo(HaveKey(n))
				refused[n] = true
			}
		}
		for _, name := range strings.Fields(string(names)) {
			parent, sub, isSub := strings.Cut(name, "|")
			if refused[parent] || refused[name] {
				Expect(command.Find([]byte(name))).To(BeNil(), name)
				continue
			}
			c := command.Find([]byte(parent))
			Expect(c).NotTo(BeNil(), name)
			if isSub {
				Expect(c.Sub([]byte(sub))).NotTo(BeNil(), name)
			}
		}
	})
})
