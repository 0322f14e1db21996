package wire_test

import (
	"bytes"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

var _ = Describe("What SCAN says", func() {
	It("is a cursor and a number, and nothing else", func() {
		cursor, most, err := wire.ParseScan(wire.AppendScan(nil, 1<<40, 7))
		Expect(err).NotTo(HaveOccurred())
		Expect(cursor).To(Equal(uint64(1 << 40)))
		Expect(most).To(Equal(uint32(7)))
		_, _, err = wire.ParseScan(make([]byte, wire.ScanSize+1))
		Expect(err).To(MatchError("value is 13 bytes, SCAN needs a cursor of 8 bytes and a number of 4"))
	})

	It("tells names of any bytes, of none, and of the longest", func() {
		names := [][]byte{{}, {0, 255}, bytes.Repeat([]byte("n"), wire.MaxKeySize)}
		var b []byte
		for _, n := range names {
			b = wire.AppendName(b, n)
		}
		for _, n := range names {
			name, rest, err := wire.CutName(b)
			Expect(err).NotTo(HaveOccurred())
			Expect(bytes.Equal(name, n)).To(BeTrue())
			b = rest
		}
		Expect(b).To(BeEmpty())
	})
})

// FuzzCutName looks for an answer that is taken apart wrongly.
func FuzzCutName(f *testing.F) {
	f.Add([]byte{0, 1, 'a', 0, 0})
	f.Add([]byte{0})
	f.Add([]byte{0, 3, 'a'})
	f.Fuzz(func(t *testing.T, b []byte) {
		var again []byte
		for rest := b; len(rest) > 0; {
			name, next, err := wire.CutName(rest)
			if err != nil {
				return
			}
			again, rest = wire.AppendName(again, name), next
		}
		if !bytes.Equal(again, b) {
			t.Fatalf("%x became %x", b, again)
		}
	})
}
