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

// runCompare measures the servers that it starts in turn. The load comes from
// processes of this program too, so that it can be kept off the processor that
// the servers have.
func (f *benchFlags) runCompare(ctx context.Context, c *console, fs *pflag.FlagSet) (err error) {
	if fs.Changed("addr") || fs.Changed("protocol") || fs.Changed("server-pid") {
		return usageError("--compare starts the servers itself: --addr, --protocol and --server-pid do not go with it")
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	servers := bench.Servers(self)
	var names []string
	var processes []*bench.Process
	defer func() {
		for _, p := range processes {
			err = errors.Join(err, p.Stop())
		}
	}()
	for _, s := range servers {
		p, err := s.Start(ctx, clock.New(), f.load)
		if err != nil {
			return err
		}
		processes = append(processes, p)
		names = append(names, s.Protocol.String())
	}
	comparison, err := bench.Compare(ctx, names, f.rounds, func(ctx context.Context, i int) (*bench.Result, error) {
		return f.measureApart(ctx, c, self, servers[i], processes[i])
	})
	if err != nil {
		return err
	}
	if f.json {
		return json.NewEncoder(c.out).Encode(comparison)
	}
	return comparison.WriteText(c.out)
}

// measureApart runs the load on one server in a process of its own.
func (f *benchFlags) measureApart(ctx context.Context, c *console, self string, s bench.Server, p *bench.Process) (*bench.Result, error) {
	argv := append(
		bench.OnOtherProcessors(), self, "bench", "--json",
		"--addr", p.Addr, "--protocol", s.Protocol.String(),
		"--connections", strconv.Itoa(f.load.Connections), "--depth", strconv.Itoa(f.load.Depth),
		"--rate", strconv.FormatFloat(f.load.Rate, 'g', -1, 64),
		"--duration", f.duration.String(), "--warmup", f.warmup.String(), "--ttl", f.ttl.String(),
		"--gets", strconv.FormatFloat(f.gets, 'g', -1, 64), "--keys", strconv.Itoa(f.load.Keys),
		"--key-size", f.keySize.String(), "--value-size", f.valueSize.String(),
		"--seed", strconv.FormatUint(f.load.Seed, 10), "--timeout", f.client.timeout.String(),
	)
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
		fmt.Fprintf(c.err, "%s: %.0f/s\n", s.Protocol, result.Rate)
	}
	return result, nil
}
