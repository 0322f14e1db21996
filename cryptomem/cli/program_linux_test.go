package cli

import (
	"bytes"
	"os"
	"strings"
	"unicode"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("The pages of the program itself", func() {
	// resident returns how much of files this process has resident, as in "12 kB".
	resident := func() (kilobytes int) {
		text, err := os.ReadFile("/proc/self/status")
		Expect(err).NotTo(HaveOccurred())
		_, rest, _ := strings.Cut(string(text), "RssFile:")
		for _, digit := range strings.TrimLeftFunc(rest, unicode.IsSpace) {
			if !unicode.IsDigit(digit) {
				break
			}
			kilobytes = 10*kilobytes + int(digit-'0')
		}
		return kilobytes
	}
	// touch reads all of the memory, which brings it there.
	touch := func(a addresses) []byte {
		memory, err := os.Open("/proc/self/mem")
		Expect(err).NotTo(HaveOccurred())
		defer func() { Expect(memory.Close()).To(Succeed()) }()
		b := make([]byte, a.to-a.from)
		Expect(memory.ReadAt(b, int64(a.from))).To(Equal(len(b)))
		return b
	}
	kilobytes := func(a addresses) int { return int(a.to-a.from) >> 10 }

	It("go back, and come again as they were", func() {
		p := findProgram()
		code, constants := touch(p.code), touch(p.constants)
		all := kilobytes(p.code) + kilobytes(p.constants)
		Expect(all).To(BeNumerically(">", 1<<10))
		Expect(resident()).To(BeNumerically(">=", all))
		p.discardAll()
		Expect(resident()).To(BeNumerically("<", all/2))
		Expect(bytes.Equal(touch(p.code), code)).To(BeTrue())
		Expect(bytes.Equal(touch(p.constants), constants)).To(BeTrue())
	})

	It("go back without the code", func() {
		p := findProgram()
		touch(p.constants)
		touch(p.code)
		before := resident()
		p.discardConstants()
		Expect(resident()).To(BeNumerically("<=", before-kilobytes(p.constants)/2))
		Expect(resident()).To(BeNumerically(">=", kilobytes(p.code)))
	})
})
