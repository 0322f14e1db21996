package gocachestore

import (
	"bytes"
	"testing"
)

func FuzzEntry(f *testing.F) {
	f.Add(entry{value: []byte("value")}.encode())
	f.Add(entry{text: true, tags: []tag{{"a", "1"}, {"", ""}}}.encode())
	f.Add([]byte{1, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decode(b)
		if err != nil {
			return
		}
		again, err := decode(e.encode())
		if err != nil || again.text != e.text || len(again.tags) != len(e.tags) || !bytes.Equal(again.value, e.value) {
			t.Fatalf("%+v came back as %+v, %v", e, again, err)
		}
	})
}
