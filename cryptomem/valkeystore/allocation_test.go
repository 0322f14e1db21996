//go:build !race

// The race detector has pools forget at random.

package valkeystore_test

import (
	"context"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore/valkeytest"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A call, sealed or opened, allocates nothing beyond what valkey-go does, whether the
// caller is alone or not; alone, less.
func TestACallAllocatesNothingOfItsOwn(t *testing.T) {
	addrs := []string{valkeytest.Start(t).Addr}
	bare := valkeytest.Client(t, addrs[0])
	store, err := valkeystore.New(valkeystore.Address{Hosts: addrs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	same, err := valkey.NewClient(sameOptions(addrs))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(same.Close)
	through, err := valkeystore.FromClient(same)
	if err != nil {
		t.Fatal(err)
	}
	ctx, key := context.Background(), "name"
	envelope, err := sealer.Seal(nil, []byte(key), []byte("value"), time.Time{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	sealed := valkey.BinaryString(envelope)
	for _, c := range []struct {
		name   string
		bare   func() error
		sealed func(cryptomem.Store) error
	}{
		{"SET", func() error {
			return bare.Do(ctx, bare.B().Set().Key(key).Value(sealed).Px(time.Hour).Build()).Error()
		}, sets(ctx, key)},
		{"GET", func() error {
			_, err := bare.Do(ctx, bare.B().Get().Key(key).Build()).AsBytes()
			return err
		}, gets(ctx, key)},
	} {
		most := allocations(t, c.bare)
		for name, s := range map[string]cryptomem.Store{"alone": store, "through valkey-go": through} {
			got := allocations(t, func() error { return c.sealed(s) })
			if got > most {
				t.Errorf("%s %s: %v allocations, valkey-go's own are %v", c.name, name, got, most)
			}
		}
	}
}

func allocations(t *testing.T, f func() error) float64 {
	t.Helper()
	return testing.AllocsPerRun(2000, func() {
		if err := f(); err != nil {
			t.Fatal(err)
		}
	})
}

func sets(ctx context.Context, key string) func(cryptomem.Store) error {
	var envelope []byte
	value := []byte("value")
	r := &cryptomem.Request{Command: wire.Set, Name: []byte(key), TTL: time.Hour, Sealer: sealFunc(func(r *cryptomem.Request) (err error) {
		envelope, err = sealer.Seal(envelope[:0], r.Name, value, time.Time{}, 0)
		r.Value = envelope
		return err
	})}
	return func(s cryptomem.Store) error { return s.Do(ctx, r) }
}

func gets(ctx context.Context, key string) func(cryptomem.Store) error {
	var value []byte
	r := &cryptomem.Request{Command: wire.Get, Name: []byte(key)}
	return func(s cryptomem.Store) error {
		if err := s.Do(ctx, r); err != nil {
			return err
		}
		var err error
		value, err = sealer.Open(value[:0], r.Name, r.Answer, time.Time{})
		return err
	}
}
