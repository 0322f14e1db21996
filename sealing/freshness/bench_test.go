package freshness

import (
	"fmt"
	"testing"
	"time"

	"github.com/Zezezknight/cryptomem/sealing"
)

// What each call costs, with names and places in the processor's caches, as those
// are that are asked for often:
//
//	go test -run '^$' -bench . ./sealing/freshness
func BenchmarkTable(b *testing.B) {
	const hot = 256
	names := make([][]byte, hot)
	for i := range names {
		names[i] = fmt.Appendf(nil, "user:%08d:profile:data", i)
	}
	now := time.UnixMilli(1_700_000_000_000)
	table, err := New(Config{Key: [16]byte{1}})
	if err != nil {
		b.Fatal(err)
	}
	looks := make([]Snapshot, len(names))
	for i, name := range names {
		looks[i] = table.Begin(name)
		table.Written(looks[i], Envelope{table.Stamp(now), uint64(i + 1)})
		looks[i] = table.Begin(name)
	}
	each := func(call func(i int)) func(*testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				call(i * 7919 % len(names))
			}
		}
	}
	stamp := sealing.StampAt(now)
	b.Run("begin", each(func(i int) { looks[i] = table.Begin(names[i]) }))
	b.Run("hit", each(func(i int) { _ = table.Hit(looks[i], Envelope{stamp, uint64(i + 1)}, now) }))
	b.Run("miss", each(func(i int) { table.Miss(looks[i]) }))
	b.Run("written", each(func(i int) { table.Written(looks[i], Envelope{stamp, uint64(i + 1)}) }))
	b.Run("stamp", each(func(int) { table.Stamp(now) }))
	b.Run("overwritten", each(func(i int) {
		l := table.Begin(names[i])
		table.Written(l, Envelope{table.Stamp(now), l.current + 1})
	}))
}
