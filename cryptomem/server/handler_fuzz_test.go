package server_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cache"

	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/testdata"
	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// FuzzHandler holds that a server answers the same bytes in whatever pieces a
// client's bytes arrive, large values included, keeps its store sound, and
// gives all memory back.
func FuzzHandler(f *testing.F) {
	all, err := testdata.Dialogues()
	if err != nil {
		f.Fatal(err)
	}
	for _, d := range all {
		if input, ok := d.Said(true); ok && len(input) < 1<<16 {
			f.Add(input, []byte{1, 7, 200}, uint16(0))
			// What is stored first grows large.
			f.Add(input, []byte{255, 3}, uint16(20_000))
		}
	}
	f.Fuzz(func(t *testing.T, input, pieces []byte, large uint16) {
		if large > 0 {
			frame, err := wire.AppendRequest(nil, &wire.Request{Command: wire.Set, Key: []byte("user:1"), Value: make([]byte, large)})
			if err != nil {
				t.Fatal(err)
			}
			input = append(frame, input...)
		}
		want, wantErr := converse(t, input, nil)
		got, gotErr := converse(t, input, pieces)
		if !bytes.Equal(got, want) || !errors.Is(gotErr, wantErr) {
			t.Fatalf("in pieces: %q, %v\nas a whole: %q, %v", got, gotErr, want, wantErr)
		}
	})
}

// converse gives input to a new server in pieces of the given sizes and returns
// what it answers.
func converse(t *testing.T, input, pieces []byte) (answers []byte, err error) {
	store, err := cache.New(clock.NewMock(), cache.WithMaxMemory(4<<20), cache.WithShards(1))
	if err != nil {
		t.Fatal(err)
	}
	memory := session.NewBudget(1 << 20)
	h := server.NewHandler(store)
	h.AllowFlush = true
	s := session.New(h, session.Limits{MaxValueSize: 100_000, Memory: memory})
	for i := 0; len(input) > 0 && err == nil; i++ {
		n := len(input)
		if len(pieces) > 0 {
			n = min(n, 1+int(pieces[i%len(pieces)])*int(pieces[0]))
		}
		var more []byte
		more, err = execute(s, input[:n])
		s.Release()
		answers = append(answers, more...)
		input = input[n:]
	}
	s.Close()
	if used := memory.Used(); used != 0 {
		t.Fatalf("%d bytes of memory in flight remain", used)
	}
	if failed := errors.Join(store.Check(), store.Close()); failed != nil {
		t.Fatal(failed)
	}
	return answers, err
}
