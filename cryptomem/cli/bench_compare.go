package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"

	"github.com/benbjohnson/clock"
	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem/bench"
)

// runCompare measures the servers that it starts in turn.
func (f *benchFlags) runCompare(ctx context.Context, c *console, fs *pflag.FlagSet) error {
	if err := f.startsServers(fs); err != nil {
		return err
	}
	shape := bench.Shape{Name: "compare", Load: f.load, TLS: f.client.tls}
	comparison, err := f.compareServers(ctx, c, &shape, f.rounds)
	if err != nil {
		return err
	}
	if err := f.writeReport(c, &bench.Page{Title: "cryptomem beside others", Runs: runsOf(comparison)}); err != nil {
		return err
	}
	if f.json {
		return json.NewEncoder(c.out).Encode(comparison)
	}
	return comparison.WriteText(c.out)
}

// startsServers refuses flags about a server that runs already.
func (f *benchFlags) startsServers(fs *pflag.FlagSet) error {
	if fs.Changed("addr") || fs.Changed("protocol") || fs.Changed("server-pid") {
		return usageError("--compare and --table start the servers themselves: --addr, --protocol and --server-pid do not go with them")
	}
	return nil
}

func runsOf(c *bench.Comparison) (runs []bench.NamedResult) {
	for _, s := range c.Servers {
		runs = append(runs, bench.NamedResult{Server: s.Server, Result: s.Run})
	}
	return runs
}

// compareServers starts the servers that count for the shape and puts its load on
// each in turn. The load comes from processes of this program too, so that it can
// be kept off the processor that the servers have.
func (f *benchFlags) compareServers(ctx context.Context, c *console, shape *bench.Shape, rounds int) (_ *bench.Comparison, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	room, done, err := roomFor(shape)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	var servers []bench.Server
	var names []string
	var processes []*bench.Process
	defer func() {
		for _, p := range processes {
			err = errors.Join(err, p.Stop())
		}
	}()
	for _, s := range bench.Servers(self) {
		if !shape.Counts(s.Protocol.String()) {
			continue
		}
		p, err := s.Start(ctx, clock.New(), room)
		if err != nil {
			return nil, err
		}
		servers = append(servers, s)
		processes = append(processes, p)
		names = append(names, s.Protocol.String())
	}
	if shape.Idle > 0 {
		return f.compareIdle(ctx, c, shape, room, servers, processes)
	}
	comparison, err := bench.Compare(ctx, names, rounds, func(ctx context.Context, i int) (*bench.Result, error) {
		return f.measureApart(ctx, c, self, shape, room, servers[i], processes[i])
	})
	if err != nil {
		return nil, err
	}
	for i, p := range processes {
		// 0 where it is not known
		comparison.Servers[i].Resident, _ = bench.ProcessMemory(p.PID)
	}
	return comparison, nil
}

// measureApart runs the load on one server in a process of its own.
func (f *benchFlags) measureApart(ctx context.Context, c *console, self string, shape *bench.Shape, room bench.Room, s bench.Server, p *bench.Process) (*bench.Result, error) {
	var argv []string
	if !shape.Spread {
		argv = bench.OnOtherProcessors()
	}
	l := &shape.Load
	argv = append(
		argv, self, "bench", "--json",
		"--addr", p.Addr, "--protocol", s.Protocol.String(),
		"--connections", strconv.Itoa(l.Connections), "--depth", strconv.Itoa(l.Depth),
		"--rate", strconv.FormatFloat(l.Rate, 'g', -1, 64),
		"--duration", f.duration.String(), "--warmup", f.warmup.String(), "--ttl", l.TTL.String(),
		"--gets", strconv.FormatFloat(100*l.Gets, 'g', -1, 64), "--keys", strconv.Itoa(l.Keys),
		"--key-size", f.keySize.String(), "--value-size", strconv.Itoa(l.ValueSize),
		"--seed", strconv.FormatUint(l.Seed, 10), "--timeout", f.client.timeout.String(),
	)
	if l.Reconnect {
		argv = append(argv, "--reconnect")
	}
	if room.TLS != nil {
		argv = append(argv, "--ca", room.TLS.CA)
	}
	if _, err := bench.ProcessCPU(p.PID); err == nil { // or there is no way to know it here
		argv = append(argv, "--server-pid", strconv.Itoa(p.PID))
	}
	load := exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // this very program
	var out, failure bytes.Buffer
	load.Stdout, load.Stderr = &out, &failure
	if err := load.Run(); err != nil {
		return nil, fmt.Errorf("load: %w: %s", err, bytes.TrimSpace(failure.Bytes()))
	}
	result := new(bench.Result)
	if err := json.Unmarshal(out.Bytes(), result); err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	if isTerminal(c.err) {
		fmt.Fprintf(c.err, "%s: %s: %.0f/s\n", shape.Name, s.Protocol, result.Rate)
	}
	return result, nil
}
