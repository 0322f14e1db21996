package session_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/Zezezknight/cryptomem/testdata"
	"github.com/Zezezknight/cryptomem/transport/session"
)

// FuzzSession holds that the pieces that bytes arrive in change neither what is
// executed nor what is answered.
func FuzzSession(f *testing.F) {
	all, err := testdata.Dialogues()
	if err != nil {
		f.Fatal(err)
	}
	for _, d := range all {
		if b, ok := d.Said(true); ok && len(b) < 1<<16 { // fuzzing is quick with these
			f.Add(b, []byte{1, 7, 200})
		}
	}
	f.Fuzz(func(t *testing.T, input, pieces []byte) {
		limits := session.Limits{MaxValueSize: 20_000, HighWater: 64}
		var whole, pieced foresighted
		want, wantErr := receive(session.New(&whole, limits), input, len(input)+1)

		s := session.New(&pieced, limits)
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
