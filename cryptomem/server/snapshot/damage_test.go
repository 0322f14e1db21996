package snapshot_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/server/snapshot"
)

// Where things are in a file, in bytes.
const (
	headerSize      = 36
	copyOffset      = 4096
	prefixSize      = copyOffset + headerSize
	blockHeaderSize = 32
)

// encode writes a snapshot with a block for each of the given items, and
// returns where each block begins, the last one included.
func encode(items ...string) (file []byte, begins []int) {
	var b bytes.Buffer
	w, err := snapshot.NewWriter(&b, time.Unix(1, 0))
	if err != nil {
		panic(err)
	}
	for _, it := range items {
		begins = append(begins, b.Len())
		w.Append(snapshot.Entry{Key: []byte(it), Value: []byte("value of " + it), Account: []byte("of " + it)})
		if err := w.Flush(); err != nil {
			panic(err)
		}
	}
	begins = append(begins, b.Len())
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes(), begins
}

// decode returns the keys of the items that are read, all of them joined.
func decode(file []byte) (string, snapshot.Summary, error) {
	r, err := snapshot.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return "", snapshot.Summary{}, err
	}
	var keys []string
	summary, err := r.Each(func(it snapshot.Entry) {
		if string(it.Value) != "value of "+string(it.Key) || string(it.Account) != "of "+string(it.Key) {
			keys = append(keys, fmt.Sprintf("WRONG %q of %q", it.Value, it.Account))
		}
		keys = append(keys, string(it.Key))
	})
	return strings.Join(keys, " "), summary, err
}

var _ = Describe("A damaged snapshot", func() {
	var (
		file   []byte
		begins []int
	)
	BeforeEach(func() { file, begins = encode("a", "b", "c", "d") })

	read := func(file []byte) (string, snapshot.Summary) {
		GinkgoHelper()
		keys, summary, err := decode(file)
		Expect(err).NotTo(HaveOccurred())
		return keys, summary
	}

	It("is read to its end when it is whole", func() {
		keys, summary := read(file)
		Expect(keys).To(Equal("a b c d"))
		Expect(summary).To(Equal(snapshot.Summary{Items: 4, Blocks: 4, Whole: true}))
	})

	It("gives the whole blocks before the place at which it was cut, wherever that is", func() {
		for size := headerSize; size < len(file); size++ {
			keys, summary := read(file[:size])
			whole := 0
			for whole < 4 && begins[whole+1] <= size {
				whole++
			}
			Expect(keys).To(Equal(strings.Join([]string{"a", "b", "c", "d"}[:whole], " ")), "cut at %d", size)
			Expect(summary.Whole).To(BeFalse(), "cut at %d", size)
			Expect(summary.Lost).To(BeEquivalentTo(max(size-begins[whole], 0)), "cut at %d", size)
		}
	})

	It("gives all blocks but the one in which a bit has flipped, whichever bit it is", func() {
		for bit := prefixSize * 8; bit < len(file)*8; bit++ {
			damaged := bytes.Clone(file)
			damaged[bit/8] ^= 1 << (bit % 8)
			hit := 0
			for hit < 4 && begins[hit+1] <= bit/8 {
				hit++
			}
			keys, summary := read(damaged)
			Expect(summary.Whole).To(BeFalse(), "bit %d", bit)
			want := strings.Fields("a b c d")
			if hit < 4 {
				want = append(want[:hit], want[hit+1:]...)
			}
			Expect(keys).To(Equal(strings.Join(want, " ")), "bit %d", bit)
		}
	})

	It("is read by one of its headers when the other is damaged, whichever bit it is", func() {
		for _, begin := range []int{0, copyOffset} {
			for bit := begin * 8; bit < (begin+headerSize)*8; bit++ {
				damaged := bytes.Clone(file)
				damaged[bit/8] ^= 1 << (bit % 8)
				keys, summary := read(damaged)
				Expect(keys).To(Equal("a b c d"), "bit %d", bit)
				Expect(summary).To(Equal(snapshot.Summary{Items: 4, Blocks: 4}), "bit %d", bit)
				r, err := snapshot.NewReader(bytes.NewReader(damaged), int64(len(damaged)))
				Expect(err).NotTo(HaveOccurred())
				Expect(r.Created).To(BeTemporally("==", time.Unix(1, 0)))
			}
		}
	})

	It("survives the loss of its first 4 KiB, and says that it is not whole", func() {
		clear(file[:copyOffset])
		keys, summary := read(file)
		Expect(keys).To(Equal("a b c d"))
		Expect(summary.Whole).To(BeFalse())
	})

	It("is not whole when something stands between its headers", func() {
		file[copyOffset/2] = 1
		keys, summary := read(file)
		Expect(keys).To(Equal("a b c d"))
		Expect(summary.Whole).To(BeFalse())
	})

	It("is refused when both headers are damaged", func() {
		file[20] ^= 1
		file[copyOffset+20] ^= 1
		_, _, err := decode(file)
		Expect(err).To(MatchError(snapshot.ErrNotSnapshot))
	})

	It("is no other file that merely holds one where the copy of the header would be", func() {
		_, _, err := decode(append(make([]byte, copyOffset), file...))
		Expect(err).To(MatchError(snapshot.ErrNotSnapshot))
		_, _, err = decode(file[copyOffset:])
		Expect(err).To(MatchError(snapshot.ErrNotSnapshot))
	})

	It("is told from one of another format, with what to do", func() {
		for _, older := range []string{"CMSNAP\x00\x01", "CMSNAP\x00\x01" + strings.Repeat("x", 10_000)} {
			_, _, err := decode([]byte(older))
			Expect(err).To(MatchError(snapshot.ErrFormat))
			Expect(err).To(MatchError(ContainSubstring("it has format 1, this version reads 2; load it with the version that saved it")))
		}
	})

	It("is as good as none when it is empty", func() {
		_, _, err := decode(nil)
		Expect(err).To(MatchError(snapshot.ErrEmpty))
	})

	It("finds the next block where bytes were lost or came in between", func() {
		keys, summary := read(append(bytes.Clone(file[:begins[1]+5]), file[begins[1]+9:]...))
		Expect(keys).To(Equal("a c d"))
		Expect(summary.Whole).To(BeFalse())
		keys, summary = read(append(append(bytes.Clone(file[:begins[1]]), make([]byte, 100_000)...), file[begins[1]:]...))
		Expect(keys).To(Equal("a b c d"))
		Expect(summary.Lost).To(BeEquivalentTo(100_000))
		Expect(summary.Whole).To(BeFalse())
	})

	It("is not whole when a block is missing without a trace", func() {
		keys, summary := read(append(bytes.Clone(file[:begins[1]]), file[begins[2]:]...))
		Expect(keys).To(Equal("a c d"))
		Expect(summary.Lost).To(BeZero())
		Expect(summary.Whole).To(BeFalse())
	})

	It("is not whole when something stands behind its end", func() {
		keys, summary := read(append(file, "more"...))
		Expect(keys).To(Equal("a b c d"))
		Expect(summary.Lost).To(BeEquivalentTo(4))
		Expect(summary.Whole).To(BeFalse())
	})

	It("takes no block of another file for its own", func() {
		other, at := encode("x", "y", "z", "w")
		spliced := append(bytes.Clone(file[:begins[2]]), other[at[2]:]...)
		keys, summary := read(spliced)
		Expect(keys).To(Equal("a b"))
		Expect(summary.Whole).To(BeFalse())
	})

	It("believes no length that reaches beyond the end", func() {
		binary.BigEndian.PutUint32(file[begins[3]+24:], 1<<32-1)
		keys, _ := read(file)
		Expect(keys).To(Equal("a b c"))
	})
})

// countedReader counts the bytes that are asked of it, and how often.
type countedReader struct {
	*bytes.Reader
	bytes, calls int64
	most         int // in one call
}

func (c *countedReader) ReadAt(b []byte, offset int64) (int, error) {
	c.most = max(c.most, len(b))
	c.bytes += int64(len(b))
	c.calls++
	return c.Reader.ReadAt(b, offset)
}

var _ = Describe("A hostile snapshot", func() {
	const size = 1 << 20
	// hostile is a file with that id, and headers of blocks in place of blocks.
	hostile := func(id []byte, block func(rest int) []byte) []byte {
		file := make([]byte, prefixSize, size)
		for number, at := range []int{0, copyOffset} {
			header := append(file[at:at], "CMSNAP"...)
			header = append(header, byte(number), 2)
			header = append(append(header, make([]byte, 8)...), id...)
			binary.BigEndian.PutUint32(file[at+headerSize-4:], crc32.Checksum(header, crc32.MakeTable(crc32.Castagnoli)))
		}
		for len(file) < size {
			b := block(size - len(file))
			file = append(file, b[:min(len(b), size-len(file))]...)
		}
		return file
	}
	// head is the header of a block with that id, and a checksum that fails.
	head := func(id []byte, items, length int) []byte {
		b := append(bytes.Clone(id), 0, 0, 0, 0)
		b = binary.BigEndian.AppendUint32(b, uint32(items))
		b = binary.BigEndian.AppendUint32(b, uint32(length))
		return append(b, 1, 2, 3, 4)
	}
	id := []byte("an id of 16 byte")

	DescribeTable("is read a few times over at most", func(file []byte) {
		r := &countedReader{Reader: bytes.NewReader(file)}
		reader, err := snapshot.NewReader(r, size)
		Expect(err).NotTo(HaveOccurred())
		summary, err := reader.Each(func(snapshot.Entry) { Fail("no block is whole") })
		Expect(err).NotTo(HaveOccurred())
		Expect(summary).To(Equal(snapshot.Summary{Lost: size - prefixSize}))
		Expect(r.bytes).To(BeNumerically("<=", 5*size))
		Expect(r.calls).To(BeNumerically("<=", size/8))
	},
		Entry("where every block declares the rest of the file", hostile(id, func(rest int) []byte {
			return head(id, 1, max(rest-blockHeaderSize, 0))
		})),
		Entry("where every block declares many items", hostile(id, func(rest int) []byte {
			return head(id, 1000, max(rest-blockHeaderSize, 0))
		})),
		Entry("where the id is everywhere", hostile(id, func(int) []byte { return id })),
		Entry("where the id is at every offset", hostile(make([]byte, 16), func(int) []byte { return make([]byte, size) })),
	)

	It("takes no memory for more than an item can have", func() {
		r := &countedReader{Reader: bytes.NewReader(hostile(id, func(int) []byte { return head(id, 1, 1<<31-1) }))}
		reader, err := snapshot.NewReader(r, 1<<40) // as a sparse file may say that it is
		Expect(err).NotTo(HaveOccurred())
		_, err = reader.Each(func(snapshot.Entry) { Fail("no block is whole") })
		Expect(err).NotTo(HaveOccurred())
		Expect(r.most).To(BeNumerically("<", 1<<30))
	})

	It("is lost behind the place where reading it again had to end, and only there", func() {
		file, begins := encode("a", "b")
		whole := file[begins[0]:begins[1]] // a block of the id below
		attack := hostile(file[8+8:8+8+16], func(rest int) []byte {
			if rest == size-prefixSize {
				return whole
			}
			return head(file[8+8:8+8+16], 1, max(rest-blockHeaderSize, 0))
		})
		keys, summary, err := decode(attack)
		Expect(err).NotTo(HaveOccurred())
		Expect(keys).To(Equal("a"))
		Expect(summary.Lost).To(BeEquivalentTo(size - prefixSize - len(whole)))
		Expect(summary.Whole).To(BeFalse())
	})
})

// FuzzReader leaves out the zeros between the headers.
func FuzzReader(f *testing.F) {
	file, begins := encode("a", "b", "c")
	first, second, blocks := file[:headerSize], file[copyOffset:prefixSize], file[prefixSize:]
	f.Add(first, second, blocks)
	f.Add(first, second, blocks[:begins[2]-prefixSize])
	f.Add(first, []byte{}, append(bytes.Clone(blocks[:begins[1]-prefixSize]), blocks[begins[2]-prefixSize:]...))
	f.Add([]byte{}, second, blocks)
	f.Add([]byte("CMSNAP"), []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, first, second, blocks []byte) {
		input := first
		if len(second)+len(blocks) > 0 {
			input = make([]byte, prefixSize, prefixSize+len(blocks))
			copy(input, first)
			copy(input[copyOffset:], second)
			input = append(input, blocks...)
		}
		r, err := snapshot.NewReader(bytes.NewReader(input), int64(len(input)))
		if err != nil {
			return
		}
		size := 0
		summary, err := r.Each(func(it snapshot.Entry) { size += len(it.Key) + len(it.Value) + len(it.Account) + 15 })
		if err != nil {
			t.Fatal(err)
		}
		if taken := size + int(summary.Blocks)*blockHeaderSize + int(summary.Lost) + min(prefixSize, len(input)); taken > len(input) {
			t.Fatalf("%d bytes accounted for, the file has %d", taken, len(input))
		}
	})
}
