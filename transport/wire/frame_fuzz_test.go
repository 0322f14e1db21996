package wire_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/Zezezknight/cryptomem/testdata"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// seed adds what one side says in the golden dialogues, up to a size that
// fuzzing is quick with.
func seed(f *testing.F, client bool, add func([]byte)) {
	all, err := testdata.Dialogues()
	if err != nil {
		f.Fatal(err)
	}
	for _, d := range all {
		if b, ok := d.Said(client); ok && len(b) < 1<<16 {
			add(b)
		}
	}
}

func FuzzParseRequest(f *testing.F) {
	seed(f, true, func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, b []byte) {
		// A capacity that ends with the input makes any read past it a panic.
		b = b[:len(b):len(b)]
		r, n, err := wire.ParseRequest(b)
		if n == 0 {
			if err != nil != (!bytes.HasPrefix(b, []byte("CM")) && !bytes.HasPrefix([]byte("CM"), b)) {
				t.Fatalf("error %v for %x", err, b)
			}
			return
		}
		again, err := wire.AppendRequest(nil, &r)
		if err != nil || !bytes.Equal(again, b[:n]) {
			t.Fatalf("%x was parsed and encoded to %x, %v", b[:n], again, err)
		}
		if _, m, err := wire.ParseRequest(b[:n-1]); m != 0 || err != nil {
			t.Fatalf("%x was taken for whole, %v", b[:n-1], err)
		}
	})
}

func FuzzParseResponse(f *testing.F) {
	seed(f, false, func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:len(b):len(b)]
		r, n, err := wire.ParseResponse(b)
		if n == 0 {
			if err != nil && !errors.Is(err, wire.ErrFraming) {
				t.Fatal(err)
			}
			return
		}
		if again := wire.AppendResponse(nil, r.Status, r.Value); !bytes.Equal(again, b[:n]) {
			t.Fatalf("%x was parsed and encoded to %x", b[:n], again)
		}
		if _, m, err := wire.ParseResponse(b[:n-1]); m != 0 || err != nil {
			t.Fatalf("%x was taken for whole, %v", b[:n-1], err)
		}
	})
}
