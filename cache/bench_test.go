package cache_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cache"
)

var benchItems = flag.Int("items", 3_000_000, "items in the big store of the benchmarks")

// benchKey writes the 24-byte key of item i.
func benchKey(key []byte, i uint64) []byte {
	key = append(key[:0], "benchmark-key-->"...)
	return binary.BigEndian.AppendUint64(key, i*0x9e3779b97f4a7c15)
}

func benchCache(b *testing.B, opts ...cache.Option) *cache.Cache {
	b.Helper()
	c, err := cache.New(clock.New(), append([]cache.Option{cache.WithMaxMemory(8 << 30)}, opts...)...)
	if err != nil {
		b.Fatal(err)
	}
	return c
}

func fill(b *testing.B, c *cache.Cache, n, size int, ttl time.Duration) {
	b.Helper()
	key, value := []byte(nil), make([]byte, size)
	for i := range uint64(n) {
		key = benchKey(key, i)
		if _, err := c.Set(c.Now(), key, value, ttl); err != nil {
			b.Fatal(err)
		}
	}
}

// chase follows a random cycle through as much memory as the store has: what
// one dependent random access costs on this machine.
func chase(b *testing.B, bytes int) {
	next := make([]uint64, bytes/8)
	for i := range next {
		next[i] = uint64(i)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := len(next) - 1; i > 0; i-- { // one cycle through all (Sattolo)
		j := r.IntN(i)
		next[i], next[j] = next[j], next[i]
	}
	at := uint64(0)
	reportCPU(b)
	for b.Loop() {
		at = next[at]
	}
	if at == 1<<63 {
		b.Fatal("unreachable, but keeps the loop alive")
	}
}

// residentBytes is the resident memory of this process, 0 if unknown.
func residentBytes() int {
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kb, _ := strconv.Atoi(fields[0])
	return kb << 10
}

// BenchmarkPrefetch is a hit among -items items in batches of 16, with and without
// a Prefetch of the batch.
func BenchmarkPrefetch(b *testing.B) {
	c := benchCache(b)
	fill(b, c, *benchItems, 64, time.Hour)
	now := c.Now()
	for name, told := range map[string]bool{"one after another": false, "told in advance": true} {
		b.Run(name, func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			keys := make([][]byte, cache.MaxPrefetch)
			var dst []byte
			b.ReportAllocs()
			reportCPU(b)
			for i := 0; i < b.N; i += len(keys) {
				for j := range keys {
					keys[j] = benchKey(keys[j], r.Uint64N(uint64(*benchItems)))
				}
				if told {
					c.Prefetch(keys)
				}
				for _, key := range keys {
					dst, _, _ = c.GetAppend(now, dst[:0], key)
				}
			}
		})
	}
}

// BenchmarkStore measures operations on stores of 2 thousand and of -items
// items with 64-byte values.
func BenchmarkStore(b *testing.B) {
	for _, n := range []int{2000, 100_000, *benchItems} {
		b.Run(fmt.Sprintf("items=%d", n), func(b *testing.B) {
			before := residentBytes()
			c := benchCache(b)
			fill(b, c, n, 64, time.Hour)
			st := c.Stats()
			perItem := float64(residentBytes()-before) / float64(n)
			now := c.Now()
			r := rand.New(rand.NewPCG(1, 2))
			key, value := []byte(nil), make([]byte, 64)
			var dst []byte
			b.Run("get", func(b *testing.B) {
				b.ReportAllocs()
				reportCPU(b)
				for b.Loop() {
					key = benchKey(key, r.Uint64N(uint64(n)))
					var ok bool
					if dst, _, ok = c.GetAppend(now, dst[:0], key); !ok {
						b.Fatal("miss")
					}
				}
				b.ReportMetric(perItem, "resident-B/item")
				b.ReportMetric(float64(st.Memory.Total)/float64(n), "charged-B/item")
			})
			b.Run("miss", func(b *testing.B) {
				b.ReportAllocs()
				reportCPU(b)
				for b.Loop() {
					key = benchKey(key, uint64(n)+r.Uint64N(uint64(n)))
					if _, _, ok := c.GetAppend(now, dst[:0], key); ok {
						b.Fatal("hit")
					}
				}
			})
			b.Run("overwrite", func(b *testing.B) {
				b.ReportAllocs()
				reportCPU(b)
				for b.Loop() {
					key = benchKey(key, r.Uint64N(uint64(n)))
					if _, err := c.Set(now, key, value, time.Hour); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("chase", func(b *testing.B) { chase(b, int(st.Memory.Total)) })
			b.Run("insert", func(b *testing.B) {
				b.ReportAllocs()
				i := uint64(n)
				reportCPU(b)
				for b.Loop() {
					key = benchKey(key, i)
					if _, err := c.Set(now, key, value, time.Hour); err != nil {
						b.Fatal(err)
					}
					i++
				}
			})
		})
	}
}

// BenchmarkSizes measures a set of a fresh key, a get and a delete at several
// value sizes.
func BenchmarkSizes(b *testing.B) {
	for _, size := range []int{64, 1 << 10, 16 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("value=%d", size), func(b *testing.B) {
			c := benchCache(b)
			n := min(64<<20/size, 100_000)
			fill(b, c, n, size, time.Hour)
			now := c.Now()
			r := rand.New(rand.NewPCG(1, 2))
			key, value, dst := []byte(nil), make([]byte, size), make([]byte, 0, size)
			b.Run("get", func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(size))
				reportCPU(b)
				for b.Loop() {
					key = benchKey(key, r.Uint64N(uint64(n)))
					dst, _, _ = c.GetAppend(now, dst[:0], key)
				}
			})
			b.Run("set", func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(size))
				reportCPU(b)
				for b.Loop() {
					key = benchKey(key, r.Uint64N(uint64(n)))
					if _, err := c.Set(now, key, value, time.Hour); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("delete+set", func(b *testing.B) {
				b.ReportAllocs()
				reportCPU(b)
				for b.Loop() {
					key = benchKey(key, r.Uint64N(uint64(n)))
					c.Delete(now, key)
					if _, err := c.Set(now, key, value, time.Hour); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

// BenchmarkExpire measures the cost per item of giving back a million items that
// all expire at once.
func BenchmarkExpire(b *testing.B) {
	clk := clock.NewMock()
	c, err := cache.New(clk, cache.WithMaxMemory(8<<30))
	if err != nil {
		b.Fatal(err)
	}
	const n = 1_000_000
	reportCPU(b)
	for b.Loop() {
		b.StopTimer()
		fill(b, c, n, 64, time.Minute)
		clk.Add(2 * time.Minute)
		b.StartTimer()
		c.Sweep(c.Now(), 0)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/item")
}

// BenchmarkParallel measures 15 gets to one set from all processors.
func BenchmarkParallel(b *testing.B) {
	c := benchCache(b)
	const n = 1_000_000
	fill(b, c, n, 64, time.Hour)
	now := c.Now()
	b.RunParallel(func(pb *testing.PB) {
		r := rand.New(rand.NewPCG(rand.Uint64(), 2))
		var key, dst []byte
		value := make([]byte, 64)
		for pb.Next() {
			x := r.Uint64()
			key = benchKey(key, x>>4%n)
			if x&15 == 0 {
				_, _ = c.Set(now, key, value, time.Hour)
			} else {
				dst, _, _ = c.GetAppend(now, dst[:0], key)
			}
		}
	})
}
