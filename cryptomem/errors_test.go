package cryptomem_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

var _ = Describe("A server's refusal", func() {
	shown := func(message string) string { return (&cryptomem.ServerError{Message: message}).Error() }

	It("is shown as it was sent where that is harmless", func() {
		Expect(shown(`value is 2 bytes, limit 1: "ümläut"`)).To(Equal(`server: value is 2 bytes, limit 1: "ümläut"`))
	})

	It("gives no orders to the terminal or the log that shows it", func() {
		Expect(shown("\x1b[2J\nlevel=ERROR\u009b\xff")).To(Equal(`server: "\x1b[2J\nlevel=ERROR\u009b\xff"`))
	})

	It("is shown in part where it is long", func() {
		Expect(len(shown(strings.Repeat("é", 1<<20)))).To(BeNumerically("<", 320))
	})
})
