package snapshot_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cache"

	"github.com/Zezezknight/cryptomem/cryptomem/server/snapshot"
)

// What a restart costs an item: save and load of 64-byte values.
func BenchmarkRestart(b *testing.B) {
	const items = 200_000
	clk := clock.NewMock()
	// Each start places items by a key of its own, as a server does.
	fill := func(hashKey byte) *cache.Cache {
		c, err := cache.New(clk, cache.WithMaxMemory(256<<20), cache.WithHashKey([16]byte{hashKey}))
		if err != nil {
			b.Fatal(err)
		}
		return c
	}
	c := fill(1)
	for i := range items {
		if _, err := c.Set(c.Now(), fmt.Appendf(nil, "key-%020d", i), make([]byte, 64), time.Hour); err != nil {
			b.Fatal(err)
		}
	}
	path := filepath.Join(b.TempDir(), "snapshot")
	b.Run("save", func(b *testing.B) {
		for b.Loop() {
			if _, err := snapshot.Save(context.Background(), path, c, clk); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/items, "ns/item")
	})
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			if _, err := snapshot.Load(context.Background(), path, fill(2), clk); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/items, "ns/item")
	})
}
