package value

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
)

var prefix = []byte("\xc1CM")

const headSize = 4 // the prefix and the type

// ErrEncoding is what Decode returns for bytes that Append does not write.
var ErrEncoding = errors.New("value begins like a collection and is none")

// Append appends v as it is to be sealed.
func (v *Value) Append(dst []byte) []byte {
	if v.Type == String {
		return AppendString(dst, v.Bytes)
	}
	dst = append(append(dst, prefix...), byte(v.Type))
	dst = binary.AppendUvarint(dst, uint64(v.Len()))
	for _, f := range v.Fields {
		dst = appendElement(appendElement(dst, f.Name), f.Value)
	}
	for _, s := range v.Scores {
		dst = appendElement(dst, s.Member)
		dst = binary.BigEndian.AppendUint64(dst, math.Float64bits(s.Score))
	}
	for _, i := range v.Items {
		dst = appendElement(dst, i)
	}
	return dst
}

// AppendString appends a string as it is to be sealed.
func AppendString(dst, b []byte) []byte {
	if marked(b) {
		dst = append(append(dst, prefix...), byte(String))
	}
	return append(dst, b...)
}

// marked reports whether b begins as what is encoded does.
func marked(b []byte) bool { return len(b) >= headSize && bytes.HasPrefix(b, prefix) }

func appendElement(dst, b []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}

// Size returns how many bytes Append appends for a collection.
func (v *Value) Size() int {
	n := headSize + uvarintSize(v.Len())
	for _, f := range v.Fields {
		n += elementSize(f.Name) + elementSize(f.Value)
	}
	for _, s := range v.Scores {
		n += elementSize(s.Member) + 8
	}
	for _, i := range v.Items {
		n += elementSize(i)
	}
	return n
}

func elementSize(b []byte) int { return uvarintSize(len(b)) + len(b) }

func uvarintSize(n int) int {
	size := 1
	for ; n >= 0x80; n >>= 7 {
		size++
	}
	return size
}

// Decode returns the value that was encoded as b, which it refers to. Everything
// that does not begin with the prefix is a string.
func Decode(b []byte) (Value, error) {
	if !marked(b) {
		return Value{Type: String, Bytes: b}, nil
	}
	v := Value{Type: Type(b[headSize-1])}
	r := reader{rest: b[headSize:]}
	if v.Type == String {
		if !marked(r.rest) {
			// it needs no prefix
			return Value{}, ErrEncoding
		}
		return Value{Type: String, Bytes: r.rest}, nil
	}
	// at most as many as there are bytes
	n := r.uvarint()
	switch v.Type {
	case Hash:
		v.Fields = make(Fields, 0, n)
		for range n {
			v.Fields = append(v.Fields, Field{Name: r.element(), Value: r.element()})
		}
	case SortedSet:
		v.Scores = make(Scores, 0, n)
		for range n {
			v.Scores = append(v.Scores, Score{Member: r.element(), Score: r.score()})
		}
	case Set, List:
		v.Items = make([][]byte, 0, n)
		for range n {
			v.Items = append(v.Items, r.element())
		}
	default:
		return Value{}, ErrEncoding
	}
	if r.failed || len(r.rest) > 0 || !v.sound() {
		return Value{}, ErrEncoding
	}
	return v, nil
}

// sound reports whether a collection has elements, and a sorted set its order.
func (v *Value) sound() bool {
	for i := 1; i < len(v.Scores); i++ {
		if compareScores(v.Scores[i-1], v.Scores[i]) >= 0 {
			return false
		}
	}
	// Redis knows no empty collection
	return v.Len() > 0
}

// A reader takes parts off the front of what is left to decode.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) fail() {
	r.rest, r.failed = nil, true
}

func (r *reader) uvarint() int {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 || n > uint64(len(r.rest)) || size != uvarintSize(int(n)) {
		r.fail()
		return 0
	}
	r.rest = r.rest[size:]
	return int(n)
}

func (r *reader) element() []byte {
	n := r.uvarint()
	if n > len(r.rest) {
		r.fail()
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) score() float64 {
	if len(r.rest) < 8 {
		r.fail()
		return 0
	}
	f := math.Float64frombits(binary.BigEndian.Uint64(r.rest))
	if math.IsNaN(f) {
		r.fail()
	} else {
		r.rest = r.rest[8:]
	}
	return f
}
