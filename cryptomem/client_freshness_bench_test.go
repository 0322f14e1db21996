// The race detector makes pools forget, and nothing measured under it counts.
//go:build !race

package cryptomem_test

import (
	"context"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

// slot is a store of one value: what a call costs without one.
type slot struct{ envelope []byte }

func (s *slot) Do(_ context.Context, r *cryptomem.Request) error {
	if r.Command == cryptomem.CommandGet {
		r.Answer, r.Err = append(r.Answer[:0], s.envelope...), nil
		return nil
	}
	if r.Err = r.Sealer.SealRequest(r); r.Err == nil {
		s.envelope = append(s.envelope[:0], r.Value...)
	}
	return r.Err
}

func (s *slot) DoAll(ctx context.Context, rs []*cryptomem.Request) {
	for _, r := range rs {
		_ = s.Do(ctx, r)
	}
}

func (s *slot) Close() error { return nil }

func slotClient(opts ...cryptomem.Option) *cryptomem.Client {
	c, err := cryptomem.NewClient(&slot{}, append(opts, cryptomem.WithSecret([]byte(secret)))...)
	if err != nil {
		panic(err)
	}
	return c
}

var _ = Describe("A client's memory", func() {
	It("costs no allocation on Get and Set", func() {
		c, ctx, room := slotClient(), context.Background(), make([]byte, 0, 64)
		DeferCleanup(c.Close)
		value := []byte("value")
		Expect(testing.AllocsPerRun(100, func() { _ = c.Set(ctx, "key", value) })).To(BeZero())
		Expect(testing.AllocsPerRun(100, func() { room, _ = c.GetAppend(ctx, room[:0], "key") })).To(BeZero())
		Expect(room).To(Equal(value))
	})
})

// What remembering costs a call, in nanoseconds: clients with and without take
// turns of a few microseconds, and the medians of those are compared.
//
//	go test -run '^$' -bench ClientFreshness ./cryptomem
func BenchmarkClientFreshness(b *testing.B) {
	ctx, room, value := context.Background(), make([]byte, 0, 64), []byte("value")
	clients := []*cryptomem.Client{slotClient(cryptomem.WithoutFreshness()), slotClient()}
	for _, c := range clients {
		defer c.Close() //nolint:errcheck // it is always nil
		if err := c.Set(ctx, "key", value); err != nil {
			b.Fatal(err)
		}
	}
	for name, call := range map[string]func(*cryptomem.Client) error{
		"get": func(c *cryptomem.Client) (err error) { room, err = c.GetAppend(ctx, room[:0], "key"); return err },
		"set": func(c *cryptomem.Client) error { return c.Set(ctx, "key", value) },
	} {
		b.Run(name, func(b *testing.B) {
			const turn = 16
			var times [2][]time.Duration
			for b.Loop() {
				for i, c := range clients {
					began := time.Now() //nolint:forbidigo // a benchmark measures real time
					for range turn {
						if err := call(c); err != nil {
							b.Fatal(err)
						}
					}
					times[i] = append(times[i], time.Since(began)) //nolint:forbidigo // a benchmark measures real time
				}
			}
			var medians [2]float64
			for i, t := range times {
				slices.Sort(t)
				medians[i] = float64(t[len(t)/2]) / turn
			}
			b.ReportMetric(medians[0], "without-ns")
			b.ReportMetric(medians[1]-medians[0], "more-ns")
			b.ReportMetric(0, "ns/op")
		})
	}
}
