package session_test

import (
	"bytes"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// foresighted records the keys given to Prefetch, and how many requests had been executed.
type foresighted struct {
	recorder
	told []string
	at   []int
}

func (f *foresighted) Prefetch(keys [][]byte) {
	f.told = append(f.told, string(bytes.Join(keys, []byte(" "))))
	f.at = append(f.at, len(f.requests))
}

var _ = Describe("requests that arrive together", func() {
	gets := func(keys string) (input []byte) {
		for key := range strings.SplitSeq(keys, " ") {
			input = append(input, frame(wire.Get, 0, key, "")...)
		}
		return input
	}
	run := func(input []byte) *foresighted {
		f := &foresighted{}
		s := session.New(f, session.Limits{})
		Expect(receive(s, input, len(input)+1)).Error().NotTo(HaveOccurred())
		s.Close()
		return f
	}

	It("are told to the handler before the first of them is executed", func() {
		f := run(append(gets("a b"), frame(wire.Set, 0, "c", "value")...))
		Expect(f.told).To(Equal([]string{"a b c"}))
		Expect(f.at).To(Equal([]int{0}))
		Expect(f.requests).To(HaveLen(3))
	})

	It("are told once each, at most sixteen at a time", func() {
		f := run(gets("a b c d e f g h i j k l m n o p q r"))
		Expect(f.told).To(Equal([]string{"a b c d e f g h i j k l m n o p", "q r"}))
		Expect(f.at).To(Equal([]int{0, 16}))
	})

	It("are only told as far as they are whole", func() {
		whole := gets("a b")
		f := run(append(whole, frame(wire.Get, 0, "c", "")[:wire.RequestHeaderSize]...))
		Expect(f.told).To(Equal([]string{"a b"}))
	})

	It("are not told when there is only one", func() {
		Expect(run(gets("a")).told).To(BeEmpty())
		Expect(run(append(gets("a"), frame(wire.Ping, 0, "", "")...)).told).To(BeEmpty())
	})

	It("are told once each, though one of them is refused", func() {
		input := append(gets("a"), frame(wire.Get, 0, "x", "GET takes no value")...)
		f := &foresighted{}
		s := session.New(f, session.Limits{})
		for _, part := range [][]byte{append(input, gets("b")...), gets("c d")} {
			Expect(receive(s, part, len(part)+1)).Error().NotTo(HaveOccurred())
		}
		s.Close()
		Expect(f.told).To(Equal([]string{"a x b", "c d"}))
	})

	It("are told up to one that is slow, and from there on again", func() {
		input := append(gets("a b"), frame(wire.Flush, 0, "p", "")...)
		Expect(run(append(input, gets("c d")...)).told).To(Equal([]string{"a b", "c d"}))
	})
})
