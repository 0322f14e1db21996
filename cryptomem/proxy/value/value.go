package value

import (
	"bytes"
	"slices"
)

// A Type is that of a value; its zero is the type of nothing.
type Type byte

// The types of values, as they are encoded.
const (
	None      Type = 0
	String    Type = '$'
	Hash      Type = 'h'
	SortedSet Type = 'z'
	Set       Type = 's'
	List      Type = 'l'
)

// String returns the name that TYPE answers.
func (t Type) String() string {
	switch t {
	case String:
		return "string"
	case Hash:
		return "hash"
	case SortedSet:
		return "zset"
	case Set:
		return "set"
	case List:
		return "list"
	}
	return "none"
}

// A Value is one of the types. Which field holds it follows from Type.
type Value struct {
	Type   Type
	Bytes  []byte // String
	Fields Fields // Hash
	Scores Scores // SortedSet
	// Items of a Set or a List.
	Items [][]byte
}

// Len returns the number of elements of a collection.
func (v *Value) Len() int {
	return len(v.Fields) + len(v.Scores) + len(v.Items)
}

// Clone returns a copy that shares the elements.
func (v *Value) Clone() Value {
	c := *v
	c.Fields, c.Scores, c.Items = slices.Clone(v.Fields), slices.Clone(v.Scores), slices.Clone(v.Items)
	return c
}

// IndexItem returns where item is in a set or list, or -1.
func (v *Value) IndexItem(item []byte) int {
	return slices.IndexFunc(v.Items, func(i []byte) bool { return bytes.Equal(i, item) })
}

// An Entry is what lies under a name, and until when.
type Entry struct {
	Value
	// Unix milliseconds; 0 means for good.
	Expires int64
	// Changed since it was read.
	Changed bool
}

// Exists reports whether there is something.
func (e *Entry) Exists() bool { return e.Type != None }

// Remove makes it nothing.
func (e *Entry) Remove() {
	*e = Entry{Changed: true}
}

// Put makes it v, and for good.
func (e *Entry) Put(v Value) {
	*e = Entry{Value: v, Changed: true}
}
