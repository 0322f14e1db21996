package valkeystore_test

import (
	"context"
	"testing"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore/valkeytest"
)

// A hit in the near cache: found, opened and checked, 64 bytes.
func BenchmarkNearHit(b *testing.B) {
	server := valkeytest.Start(b)
	store, err := valkeystore.Open("valkey://"+server.Addr, valkeystore.WithNearCache(64<<20))
	if err != nil {
		b.Fatal(err)
	}
	c, err := cryptomem.NewClient(store, cryptomem.WithSecret([]byte("a secret that only specs may have"[:32])))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	ctx := context.Background()
	if err := c.Set(ctx, "name", make([]byte, 64)); err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 0, 64)
	if _, err := c.GetAppend(ctx, buf, "name"); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.GetAppend(ctx, buf, "name"); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(store.NearStats().Misses), "misses")
}
