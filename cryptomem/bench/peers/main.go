// Command peers puts the sealed client side by side with the usual Go clients
// of Redis and memcached, each on its own server, and prints ratios.
//
//	go run . [-goroutines 256] [-rounds 5] [-for 2s] [-value 64]
//
// Every peer whose server is installed takes part. Rounds alternate between the
// peers, medians are compared: a shared machine is noisy, and only figures of
// one run say anything about each other. It is a module of its own so that
// cryptomem does not depend on the peers' clients.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/benbjohnson/clock"
)

// wall is the only clock here: speed is about real time.
var wall = clock.New()

type settings struct {
	goroutines, rounds, value, keys int
	round                           time.Duration
	only                            string
}

// A measurement is one round of one peer.
type measurement struct {
	// Operations a second.
	rate float64
	cpu  time.Duration
	// Allocations per operation.
	allocated float64
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == serveCommand {
		exitOn(serve())
		return
	}
	var s settings
	flag.IntVar(&s.goroutines, "goroutines", 256, "goroutines that call at the same time")
	flag.IntVar(&s.rounds, "rounds", 5, "rounds for each peer; the median counts")
	flag.DurationVar(&s.round, "for", 2*time.Second, "length of a round")
	flag.IntVar(&s.value, "value", 64, "bytes of a value")
	flag.IntVar(&s.keys, "keys", 10_000, "number of keys, all of which are stored first")
	flag.StringVar(&s.only, "only", "", "measure only peers whose names contain this")
	profile := flag.String("profile", "", "write a CPU profile of the clients to this file")
	flag.Parse()
	if *profile != "" {
		f, err := os.Create(*profile)
		exitOn(err)
		exitOn(pprof.StartCPUProfile(f))
		defer pprof.StopCPUProfile()
	}
	exitOn(compare(os.Stdout, &s))
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func compare(w io.Writer, s *settings) error {
	peers, stop, err := startPeers(s)
	defer stop()
	if err != nil {
		return err
	}
	results := make([][]measurement, len(peers))
	for range s.rounds {
		for i, p := range peers {
			m, err := measure(p, s)
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			results[i] = append(results[i], m)
		}
	}
	fmt.Fprintf(w, "GET, %d goroutines, %d-byte values, %d processors\n", s.goroutines, s.value, runtime.GOMAXPROCS(0))
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "peer\tops/s\tclient ns-cpu/op\tallocs/op\tcryptomem is")
	base := median(results[0], func(m measurement) float64 { return m.rate })
	for i, p := range peers {
		rate := median(results[i], func(m measurement) float64 { return m.rate })
		fmt.Fprintf(t, "%s\t%.0f\t%.0f\t%.2f\t%.2f x\n", p.name, rate,
			median(results[i], func(m measurement) float64 { return float64(m.cpu.Nanoseconds()) }),
			median(results[i], func(m measurement) float64 { return m.allocated }), base/rate)
	}
	return t.Flush()
}

// measure runs one round: every goroutine gets random keys until time is up.
func measure(p *peer, s *settings) (measurement, error) {
	var (
		stop  atomic.Bool
		total atomic.Int64
		fault atomic.Pointer[error]
		done  sync.WaitGroup
	)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, start := processCPU(), wall.Now()
	timer := wall.AfterFunc(s.round, func() { stop.Store(true) })
	defer timer.Stop()
	for g := range s.goroutines {
		done.Go(func() {
			n, err := int64(0), error(nil)
			for key := g * 7919; !stop.Load() && err == nil; n++ {
				key = (key*1103515245 + 12345) & (1<<31 - 1)
				err = p.get(g, key%s.keys)
			}
			if err != nil {
				fault.CompareAndSwap(nil, &err)
				stop.Store(true)
			}
			total.Add(n)
		})
	}
	done.Wait()
	elapsed := wall.Since(start)
	runtime.ReadMemStats(&after)
	if e := fault.Load(); e != nil {
		return measurement{}, *e
	}
	n := max(total.Load(), 1)
	return measurement{
		rate:      float64(n) / elapsed.Seconds(),
		cpu:       (processCPU() - cpu) / time.Duration(n),
		allocated: float64(after.Mallocs-before.Mallocs) / float64(n),
	}, nil
}

func median(ms []measurement, of func(measurement) float64) float64 {
	var all []float64
	for _, m := range ms {
		all = append(all, of(m))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func takesPart(s *settings, name string) bool { return strings.Contains(name, s.only) }
