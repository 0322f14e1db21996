package sealing_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/Zezezknight/cryptomem/sealing"
)

// FuzzOpen gives Open whatever comes to mind: it must not panic, answer each
// time with one of its errors, and open nothing but what was sealed.
func FuzzOpen(f *testing.F) {
	for _, v := range slices.Concat(vectors.Accepted, vectors.Edges, vectors.Refused) {
		f.Add([]byte(v.Name), []byte(v.Envelope))
	}
	kr, err := sealing.KeyringFromSecret(vectors.Accepted[0].Secret)
	if err != nil {
		f.Fatal(err)
	}
	s, err := sealing.New(kr)
	if err != nil {
		f.Fatal(err)
	}
	sealed := map[string][]byte{}
	for _, v := range slices.Concat(vectors.Accepted, vectors.Edges) {
		sealed[string(v.Name)+"\x00"+string(v.Envelope)] = v.Value
	}
	f.Fuzz(func(t *testing.T, name, envelope []byte) {
		value, err := s.Open([]byte("ahead"), name, envelope, now)
		if !bytes.HasPrefix(value, []byte("ahead")) {
			t.Fatalf("what was in the buffer is gone: %q", value)
		}
		switch {
		case err == nil:
			if want, ok := sealed[string(name)+"\x00"+string(envelope)]; !ok || !bytes.Equal(value[5:], want) {
				t.Fatal("opened an envelope that was never sealed")
			}
		case !errors.Is(err, sealing.ErrMalformed) && !errors.Is(err, sealing.ErrUnknownKey) &&
			!errors.Is(err, sealing.ErrNotAuthentic) && !errors.Is(err, sealing.ErrExpired) && !errors.Is(err, sealing.ErrStale):
			t.Fatalf("unexpected error: %v", err)
		case len(value) != 5:
			t.Fatal("an error, and a value")
		}
	})
}

// FuzzHeader reads the header of anything: it must not panic, and what it accepts
// is of one of the two versions.
func FuzzHeader(f *testing.F) {
	for _, v := range slices.Concat(vectors.Accepted, vectors.Edges, vectors.Refused) {
		f.Add([]byte(v.Envelope))
	}
	f.Fuzz(func(t *testing.T, envelope []byte) {
		h, err := sealing.ParseHeader(envelope)
		if err != nil {
			if !errors.Is(err, sealing.ErrMalformed) {
				t.Fatalf("unexpected error: %v", err)
			}
			return
		}
		if (h.Stamp == 0) != (h.Version == sealing.VersionUnstamped) || h.ID() == 0 {
			t.Fatalf("version 0x%02x with stamp %d and id %d", h.Version, h.Stamp, h.ID())
		}
	})
}

// FuzzRoundTrip seals anything under any name and opens it again.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("name"), []byte("value"), true, "namespace", uint64(stamp))
	f.Add([]byte{}, []byte{}, false, "", uint64(0))
	f.Fuzz(func(t *testing.T, name, value []byte, padded bool, namespace string, at uint64) {
		if len(namespace) > sealing.MaxNamespace {
			return
		}
		kr, err := sealing.KeyringFromSecret(secret)
		if err != nil {
			t.Fatal(err)
		}
		opts := []sealing.Option{sealing.WithNamespace(namespace)}
		if padded {
			opts = append(opts, sealing.WithPadding())
		}
		s, err := sealing.New(kr, opts...)
		if err != nil {
			t.Fatal(err)
		}
		envelope, err := s.Seal(nil, name, value, now, min(sealing.Stamp(at), stamp))
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Open(nil, name, envelope, now)
		if err != nil || !bytes.Equal(got, value) {
			t.Fatalf("sealed %q, opened %q, %v", value, got, err)
		}
	})
}

// FuzzKeyFile must neither panic nor accept a keyring that cannot seal.
func FuzzKeyFile(f *testing.F) {
	f.Add([]byte(`{"version":1,"primary":"00000001","keys":[{"id":"00000001","state":"enabled","secret":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlBQkNERUY="}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		kr, err := sealing.ParseKeyFile(content)
		if err != nil {
			return
		}
		if _, err := sealing.New(kr); err != nil {
			t.Fatalf("a key file without use: %v", err)
		}
	})
}
