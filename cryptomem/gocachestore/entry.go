package gocachestore

import (
	"encoding/binary"
	"errors"
)

// An entry is what is sealed: a byte that is 1 for a string and 0 for bytes, the
// number of tags, each tag's name and mark, and the value. Numbers are uvarints,
// and stand before what they are the length of; the value goes to the end.
type entry struct {
	text  bool
	tags  []tag
	value []byte
}

func (e entry) encode() []byte {
	b := []byte{0}
	if e.text {
		b[0] = 1
	}
	b = binary.AppendUvarint(b, uint64(len(e.tags)))
	for _, t := range e.tags {
		b = appendString(appendString(b, t.name), t.mark)
	}
	return append(b, e.value...)
}

var errEntry = errors.New("gocachestore: a stored value has another layout")

// decode returns the entry, whose value is a part of b.
func decode(b []byte) (entry, error) {
	if len(b) == 0 || b[0] > 1 {
		return entry{}, errEntry
	}
	e := entry{text: b[0] == 1}
	n, size := binary.Uvarint(b[1:])
	if size <= 0 || n > uint64(len(b)) {
		return entry{}, errEntry
	}
	b = b[1+size:]
	for range n {
		var t tag
		var ok [2]bool
		t.name, b, ok[0] = cutString(b)
		t.mark, b, ok[1] = cutString(b)
		if ok != [2]bool{true, true} {
			return entry{}, errEntry
		}
		e.tags = append(e.tags, t)
	}
	e.value = b
	return e, nil
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func cutString(b []byte) (s string, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return "", nil, false
	}
	end := size + int(n)
	return string(b[size:end]), b[end:], true
}
