package value

import (
	"bytes"
	"slices"
)

// Fields are those of a hash, in the order in which they were set first.
type Fields []Field

// A Field of a hash is a name and a value.
type Field struct{ Name, Value []byte }

// Index returns where the field is, or -1.
func (f Fields) Index(name []byte) int {
	return slices.IndexFunc(f, func(field Field) bool { return bytes.Equal(field.Name, name) })
}

// Get returns the field's value; not ok if there is no such field.
func (f Fields) Get(name []byte) (v []byte, ok bool) {
	if i := f.Index(name); i >= 0 {
		return f[i].Value, true
	}
	return nil, false
}

// Set copies the field in and reports whether it is new.
func (f *Fields) Set(name, v []byte) (added bool) {
	v = append([]byte{}, v...)
	if i := f.Index(name); i >= 0 {
		(*f)[i].Value = v
		return false
	}
	*f = append(*f, Field{Name: append([]byte{}, name...), Value: v})
	return true
}

// Delete removes the field and reports whether there was one.
func (f *Fields) Delete(name []byte) bool {
	i := f.Index(name)
	if i >= 0 {
		*f = slices.Delete(*f, i, i+1)
	}
	return i >= 0
}
