package oracle_test

import (
	"bytes"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sim/oracle"
)

var _ = Describe("Seal", func() {
	envelope := func(version, key, nonce, text byte) []byte {
		header := map[byte]int{0xC1: 14, 0xC2: 22}[version]
		e := bytes.Repeat([]byte{text}, header+24+5+16)
		e[0] = version
		copy(e[2:6], bytes.Repeat([]byte{key}, 4))
		copy(e[header:], bytes.Repeat([]byte{nonce}, 24))
		return e
	}
	var s *oracle.Seal
	BeforeEach(func() { s = oracle.NewSeal(true, "name") })
	sent := func(e []byte) string {
		if v := s.Sent([]byte("blind"), e); v != nil {
			return v.Rule
		}
		return ""
	}

	It("refuses a nonce that comes twice under one key, whatever the version", func() {
		for i, version := range []byte{0xC1, 0xC2} {
			key := byte(i)
			Expect(sent(envelope(version, key, 7, 1))).To(BeEmpty())
			Expect(sent(envelope(version, key, 8, 1))).To(BeEmpty())
			Expect(sent(envelope(version, key, 7, 2))).To(Equal(oracle.RuleNonce))
		}
	})

	It("takes the same envelope twice, and the same nonce under another key", func() {
		Expect(sent(envelope(0xC2, 1, 7, 1))).To(BeEmpty())
		Expect(sent(envelope(0xC2, 1, 7, 1))).To(BeEmpty())
		Expect(sent(envelope(0xC2, 2, 7, 1))).To(BeEmpty())
	})

	It("refuses what is no envelope", func() {
		Expect(sent(nil)).To(Equal(oracle.RuleClear))
		Expect(sent([]byte("a value"))).To(Equal(oracle.RuleClear))
		Expect(sent(envelope(0xC2, 1, 1, 1)[:61])).To(Equal(oracle.RuleClear))
	})

	It("refuses a name in the clear where names are blind", func() {
		e := envelope(0xC2, 1, 1, 1)
		Expect(s.Sent([]byte("name"), e)).To(MatchError(ContainSubstring(`"name"`)))
		Expect(why(oracle.NewSeal(false, "name").Sent([]byte("name"), e))).To(BeEmpty())
	})
})

var _ = Describe("Wiretap", func() {
	It("finds a text however it is cut", func() {
		const text = "open secret"
		stream := []byte("before " + text + " and behind")
		for size := 1; size <= len(stream); size++ {
			t, heard := oracle.NewWiretap(text), 0
			for rest := stream; len(rest) > 0; rest = rest[min(size, len(rest)):] {
				if v := t.Sent(rest[:min(size, len(rest))]); v != nil {
					heard++
				}
			}
			Expect(heard).To(BeNumerically(">", 0), "%d bytes at a time", size)
		}
	})

	It("finds nothing if the text is incomplete", func() {
		t := oracle.NewWiretap("open secret")
		for _, s := range []string{"open ", "secre", "T open secre", "", "T open", " sealed secret"} {
			Expect(why(t.Sent([]byte(s)))).To(BeEmpty())
		}
	})
})
