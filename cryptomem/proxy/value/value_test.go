package value_test

import (
	"bytes"
	"math"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/value"
)

func hash(pairs ...string) value.Value {
	v := value.Value{Type: value.Hash}
	for i := 0; i < len(pairs); i += 2 {
		v.Fields.Set([]byte(pairs[i]), []byte(pairs[i+1]))
	}
	return v
}

func sortedSet(scores map[string]float64) value.Value {
	v := value.Value{Type: value.SortedSet}
	for member, score := range scores {
		v.Scores.Set([]byte(member), score)
	}
	return v
}

func items(t value.Type, members ...string) value.Value {
	v := value.Value{Type: t}
	for _, m := range members {
		v.Items = append(v.Items, []byte(m))
	}
	return v
}

var _ = Describe("A value", func() {
	DescribeTable("has one encoding, byte for byte",
		func(v value.Value, want string) {
			got := v.Append([]byte{})
			Expect(string(got)).To(Equal(want))
			again, err := value.Decode(got)
			Expect(err).NotTo(HaveOccurred())
			Expect(again).To(Equal(v))
			if v.Type != value.String {
				Expect(v.Size()).To(Equal(len(got)))
			}
		},
		Entry("a string as it is", value.Value{Type: value.String, Bytes: []byte("42")}, "42"),
		Entry("an empty string", value.Value{Type: value.String, Bytes: []byte{}}, ""),
		Entry("a string like a collection", value.Value{Type: value.String, Bytes: []byte("\xc1CMh")}, "\xc1CM$\xc1CMh"),
		Entry("a string that is the prefix", value.Value{Type: value.String, Bytes: []byte("\xc1CM")}, "\xc1CM"),
		Entry("a hash", hash("name", "Ada", "", ""), "\xc1CMh\x02\x04name\x03Ada\x00\x00"),
		Entry("a sorted set", sortedSet(map[string]float64{"b": 1, "a": 1, "c": math.Inf(-1)}),
			"\xc1CMz\x03\x01c\xff\xf0\x00\x00\x00\x00\x00\x00\x01a\x3f\xf0\x00\x00\x00\x00\x00\x00\x01b\x3f\xf0\x00\x00\x00\x00\x00\x00"),
		Entry("a set", items(value.Set, "x", "y"), "\xc1CMs\x02\x01x\x01y"),
		Entry("a list", items(value.List, "x", "x"), "\xc1CMl\x02\x01x\x01x"),
		Entry("a long element", items(value.List, string(bytes.Repeat([]byte{'x'}, 128))),
			"\xc1CMl\x01\x80\x01"+string(bytes.Repeat([]byte{'x'}, 128))),
	)

	DescribeTable("is refused in any other",
		func(b string) {
			_, err := value.Decode([]byte(b))
			Expect(err).To(MatchError(value.ErrEncoding))
		},
		Entry("of an unknown type", "\xc1CMx\x01\x01a"),
		Entry("without elements", "\xc1CMl\x00"),
		Entry("cut short", "\xc1CMl\x02\x01a"),
		Entry("with something behind it", "\xc1CMl\x01\x01ab"),
		Entry("with a length in two bytes where one does", "\xc1CMl\x01\x81\x00a"),
		Entry("with more elements than bytes", "\xc1CMl\xff\xff\xff\xff\x0f"),
		Entry("with a length beyond the end", "\xc1CMl\x01\x05a"),
		Entry("out of order", "\xc1CMz\x02\x01b\x3f\xf0\x00\x00\x00\x00\x00\x00\x01a\x3f\xf0\x00\x00\x00\x00\x00\x00"),
		Entry("with a score that is no number", "\xc1CMz\x01\x01a\x7f\xf8\x00\x00\x00\x00\x00\x00"),
		Entry("for a string that needs no prefix", "\xc1CM$abc"),
	)

	It("keeps the members of a sorted set in order as scores change", func() {
		v := sortedSet(map[string]float64{"a": 1, "b": 2, "c": 3})
		Expect(v.Scores.Set([]byte("a"), 2.5)).To(BeFalse())
		Expect(v.Scores.Index([]byte("a"))).To(Equal(1))
		Expect(v.Scores.Delete([]byte("b"))).To(BeTrue())
		Expect(v.Scores.Delete([]byte("b"))).To(BeFalse())
		Expect(v.Scores.Index([]byte("c"))).To(Equal(1))
	})

	It("is not changed through its copy", func() {
		v := hash("a", "1", "b", "2")
		c := v.Clone()
		c.Fields.Set([]byte("a"), []byte("3"))
		c.Fields.Delete([]byte("b"))
		Expect(v).To(Equal(hash("a", "1", "b", "2")))
	})
})

func FuzzDecode(f *testing.F) {
	for _, v := range []value.Value{
		hash("a", "1"), sortedSet(map[string]float64{"a": 1, "b": -2}), items(value.Set, "a"), items(value.List, "a", ""),
		{Type: value.String, Bytes: []byte("\xc1CMh")},
	} {
		f.Add(v.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := value.Decode(b[:len(b):len(b)])
		if err != nil {
			return
		}
		if again := v.Append(nil); !bytes.Equal(again, b) {
			t.Fatalf("%x was decoded and encoded to %x", b, again)
		}
	})
}
