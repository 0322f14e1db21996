package valkeystore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/valkey-io/valkey-go"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore/valkeytest"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A contender does one operation, again and again.
type contender struct {
	name string
	do   func(worker, n int) error
}

// compareRounds is how often contenders take turns, each for compareRound.
const (
	compareRounds = 9
	compareRound  = 200 * time.Millisecond
)

// measure runs the contenders in turns and returns the medians of operations a
// second and of CPU time an operation.
func measure(b *testing.B, workers int, contenders []contender) (rate, cpu []float64) {
	rates, cpus := make([][]float64, len(contenders)), make([][]float64, len(contenders))
	for round := range compareRounds + 1 {
		for i, c := range contenders {
			ops, spent, took := run(b, workers, c)
			if round > 0 { // the first warms up
				rates[i] = append(rates[i], ops/took.Seconds())
				cpus[i] = append(cpus[i], float64(spent)/ops)
			}
		}
	}
	for i := range contenders {
		slices.Sort(rates[i])
		slices.Sort(cpus[i])
		rate, cpu = append(rate, rates[i][compareRounds/2]), append(cpu, cpus[i][compareRounds/2])
	}
	return rate, cpu
}

var clk = clock.New()

func run(b *testing.B, workers int, c contender) (ops float64, spent, took time.Duration) {
	var total atomic.Int64
	var wg sync.WaitGroup
	from, start := cpuTime(), clk.Now()
	for w := range workers {
		wg.Go(func() {
			n := 0
			for ; n&15 != 0 || clk.Since(start) < compareRound; n++ {
				if err := c.do(w, n); err != nil {
					b.Errorf("%s: %v", c.name, err)
					return
				}
			}
			total.Add(int64(n))
		})
	}
	wg.Wait()
	return float64(total.Load()), cpuTime() - from, clk.Since(start)
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // never fails for oneself
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkAgainstBare(b *testing.B) {
	addrs := rivalAddrs(b)
	for where := range addrs {
		for _, size := range []int{64, 1024} {
			for _, workers := range []int{1, 256} {
				for _, command := range []wire.Command{wire.Get, wire.Set} {
					b.Run(fmt.Sprintf("%s/%v/%d/%d", where, command, size, workers), func(b *testing.B) {
						compare(b, addrs[where], command, size, workers)
					})
				}
			}
		}
	}
}

// rivalAddrs starts one server and a cluster of three primaries.
func rivalAddrs(b *testing.B) map[string][]string {
	var cluster []string
	for _, n := range valkeytest.StartCluster(b, 3, false).Nodes {
		cluster = append(cluster, n.Addr)
	}
	return map[string][]string{"node": {valkeytest.Start(b).Addr}, "cluster": cluster}
}

// GetMany and SetMany of 100 names beside DoMulti.
func BenchmarkManyAgainstBare(b *testing.B) {
	for where, addrs := range rivalAddrs(b) {
		store, err := valkeystore.New(valkeystore.Address{Hosts: addrs})
		if err != nil {
			b.Fatal(err)
		}
		c, err := cryptomem.NewClient(store, cryptomem.WithSecret([]byte("a secret that only specs may have"[:32])))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = c.Close() }) // always nil
		same := mustClient(b, sameOptions(addrs))
		b.Cleanup(same.Close)
		var keys []string
		var pairs []cryptomem.Pair
		for i := range 100 {
			keys = append(keys, "bench:name:"+strconv.Itoa(i))
			pairs = append(pairs, cryptomem.Pair{Key: keys[i], Value: make([]byte, 64)})
		}
		ctx := context.Background()
		for name, contenders := range map[string][]contender{
			"SetMany": {
				{"sealed", func(int, int) error { return c.SetMany(ctx, pairs)[0] }},
				{"same options", func(int, int) error {
					cmds := make(valkey.Commands, len(pairs))
					for i, p := range pairs {
						cmds[i] = same.B().Set().Key(p.Key).Value(valkey.BinaryString(p.Value)).Build()
					}
					return same.DoMulti(ctx, cmds...)[0].Error()
				}},
			},
			"GetMany": {
				{"sealed", func(int, int) error { r := c.GetMany(ctx, keys); return errors.Join(r[0].Err, r[99].Err) }},
				{"same options", func(int, int) (err error) {
					cmds := make(valkey.Commands, len(keys))
					for i, key := range keys {
						cmds[i] = same.B().Get().Key(key).Build()
					}
					for _, r := range same.DoMulti(ctx, cmds...) {
						_, err = r.AsBytes()
					}
					return err
				}},
			},
		} {
			for _, err := range c.SetMany(ctx, pairs) {
				if err != nil {
					b.Fatal(err)
				}
			}
			b.Run(where+"/"+name, func(b *testing.B) {
				rate, cpu := measure(b, 1, contenders)
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(rate[0]*100, "names/s")
				b.ReportMetric(rate[1]/rate[0], "×time")
				b.ReportMetric(cpu[0]/cpu[1], "×CPU")
			})
		}
	}
}

// sameOptions are those that a store's promises rest on.
func sameOptions(addrs []string) valkey.ClientOption {
	return valkey.ClientOption{InitAddress: addrs, DisableCache: true, PipelineMultiplex: -1, AlwaysPipelining: true, DisableRetry: true}
}

func compare(b *testing.B, addrs []string, command wire.Command, size, workers int) {
	names := make([][]byte, 1000)
	for i := range names {
		names[i] = []byte("bench:name:" + strconv.Itoa(i))
	}
	value := make([]byte, size)
	store, err := valkeystore.New(valkeystore.Address{Hosts: addrs})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = store.Close() }() // always nil
	same := mustClient(b, sameOptions(addrs))
	defer same.Close()
	defaults := mustClient(b, valkey.ClientOption{InitAddress: addrs})
	defer defaults.Close()
	sealed := benchSealed(store, names, value)
	for i := range names {
		if err := sealed(wire.Set, 0, i); err != nil {
			b.Fatal(err)
		}
	}
	rate, cpu := measure(b, workers, []contender{
		{"sealed", func(w, n int) error { return sealed(command, w, n) }},
		{"same options", func(w, n int) error { return bare(same, command, names[n%len(names)], value) }},
		{"defaults", func(w, n int) error { return bare(defaults, command, names[n%len(names)], value) }},
	})
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(rate[0], "sealed/s")
	b.ReportMetric(rate[1], "bare/s")
	b.ReportMetric(rate[0]/rate[1], "×bare")
	b.ReportMetric(rate[0]/rate[2], "×defaults")
	b.ReportMetric(cpu[0]/cpu[1], "×CPU")
}

func mustClient(b *testing.B, o valkey.ClientOption) valkey.Client {
	c, err := valkey.NewClient(o)
	if err != nil {
		b.Fatal(err)
	}
	return c
}

func bare(c valkey.Client, command wire.Command, name, value []byte) error {
	if command == wire.Get {
		_, err := c.Do(context.Background(), c.B().Get().Key(valkey.BinaryString(name)).Build()).AsBytes()
		return err
	}
	return c.Do(context.Background(), c.B().Set().Key(valkey.BinaryString(name)).Value(valkey.BinaryString(value)).Build()).Error()
}

func benchSealed(store cryptomem.Store, names [][]byte, value []byte) func(c wire.Command, w, n int) error {
	type worker struct {
		r      cryptomem.Request
		buf    []byte
		opened []byte
	}
	workers := make([]worker, 512)
	return func(c wire.Command, w, n int) error {
		t := &workers[w]
		t.r = cryptomem.Request{Command: c, Name: names[n%len(names)], Answer: t.r.Answer}
		if c == wire.Set {
			var err error
			if t.buf, err = sealer.Seal(t.buf[:0], t.r.Name, value, time.Time{}, 0); err != nil {
				return err
			}
			t.r.Value = t.buf
		}
		if err := store.Do(context.Background(), &t.r); err != nil || c == wire.Set {
			return err
		}
		var err error
		t.opened, err = sealer.Open(t.opened[:0], t.r.Name, t.r.Answer, time.Unix(2e9, 0))
		return err
	}
}
