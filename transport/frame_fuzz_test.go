package transport_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/Zezezknight/cryptomem/testdata"
	"github.com/Zezezknight/cryptomem/transport"
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
		r, n, err := transport.ParseRequest(b)
		if n == 0 {
			if err != nil != (!bytes.HasPrefix(b, []byte("CM")) && !bytes.HasPrefix([]byte("CM"), b)) {
				t.Fatalf("error %v for %x", err, b)
			}
			return
		}
		again, err := transport.AppendRequest(nil, &r)
		if err != nil || !bytes.Equal(again, b[:n]) {
			t.Fatalf("%x was parsed and encoded to %x, %v", b[:n], again, err)
		}
		if _, m, err := transport.ParseRequest(b[:n-1]); m != 0 || err != nil {
			t.Fatalf("%x was taken for whole, %v", b[:n-1], err)
		}
	})
}

func FuzzParseResponse(f *testing.F) {
	seed(f, false, func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:len(b):len(b)]
		r, n, err := transport.ParseResponse(b)
		if n == 0 {
			if err != nil && !errors.Is(err, transport.ErrFraming) {
				t.Fatal(err)
			}
			return
		}
		if again := transport.AppendResponse(nil, r.Status, r.Value); !bytes.Equal(again, b[:n]) {
			t.Fatalf("%x was parsed and encoded to %x", b[:n], again)
		}
		if _, m, err := transport.ParseResponse(b[:n-1]); m != 0 || err != nil {
			t.Fatalf("%x was taken for whole, %v", b[:n-1], err)
		}
	})
}

// FuzzSession holds that the pieces that bytes arrive in change neither what is
// executed nor what is answered.
func FuzzSession(f *testing.F) {
	seed(f, true, func(b []byte) { f.Add(b, []byte{1, 7, 200}) })
	f.Fuzz(func(t *testing.T, input, pieces []byte) {
		limits := transport.Limits{MaxValueSize: 20_000, HighWater: 64}
		var whole, pieced recorder
		want, wantErr := receive(transport.NewSession(&whole, limits), input, len(input)+1)

		s := transport.NewSession(&pieced, limits)
		var got []byte
		var gotErr error
		for i := 0; len(input) > 0 && gotErr == nil; i++ {
			n := len(input)
			if len(pieces) > 0 {
				n = min(n, 1+int(pieces[i%len(pieces)]))
			}
			var answers []byte
			answers, gotErr = receive(s, input[:n], n)
			got = append(got, answers...)
			input = input[n:]
		}
		s.Close()
		if !bytes.Equal(got, want) || !errors.Is(gotErr, wantErr) {
			t.Fatalf("in pieces: %q, %v\nas a whole: %q, %v", got, gotErr, want, wantErr)
		}
		if len(whole.requests) != len(pieced.requests) {
			t.Fatalf("in pieces: %q\nas a whole: %q", pieced.requests, whole.requests)
		}
		for i := range whole.requests {
			if whole.requests[i] != pieced.requests[i] {
				t.Fatalf("in pieces: %s\nas a whole: %s", pieced.requests[i], whole.requests[i])
			}
		}
	})
}
