package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/benbjohnson/clock"
	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem/bench"
	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/transport/address"
)

// runReplay replays a trace on servers that it starts, once for each limit, or on
// the one that --addr names.
func (f *benchFlags) runReplay(ctx context.Context, c *console, fs *pflag.FlagSet) error {
	var curves []bench.ReplayCurve
	var err error
	if fs.Changed("addr") {
		curves, err = f.replayOn(ctx, c)
	} else {
		curves, err = f.replay(ctx, c)
	}
	if err != nil {
		return err
	}
	if err := f.writeReport(c, &bench.Page{Title: "A trace replayed", Curves: curves}); err != nil {
		return err
	}
	if f.json {
		return json.NewEncoder(c.out).Encode(curves)
	}
	return bench.WriteReplay(c.out, curves)
}

// readTrace reads the trace of --trace, with sizes for objects that have none.
func (f *benchFlags) readTrace() (trace []bench.Lookup, largest int, err error) {
	file, err := os.Open(f.trace)
	if err != nil {
		return nil, 0, err
	}
	// it was only read
	defer func() { _ = file.Close() }()
	if trace, err = bench.ReadTrace(file); err != nil {
		return nil, 0, fmt.Errorf("%s: %w", f.trace, err)
	}
	if f.drawn {
		bench.DrawSizes(trace)
	}
	for i := range trace {
		if trace[i].Size == 0 {
			trace[i].Size = int(f.valueSize)
		}
		largest = max(largest, trace[i].Size)
	}
	return trace, largest, nil
}

// replay starts each server with each limit.
func (f *benchFlags) replay(ctx context.Context, c *console) ([]bench.ReplayCurve, error) {
	trace, largest, err := f.readTrace()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var curves []bench.ReplayCurve
	for _, s := range bench.Servers(self) {
		curve := bench.ReplayCurve{Server: s.Protocol.String()}
		for _, limit := range f.limits {
			room := bench.Room{Memory: int64(limit), ValueSize: largest + sealing.Overhead}
			point, err := replayStarted(ctx, &s, room, trace)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.Protocol, err)
			}
			curve.Points = append(curve.Points, point)
			if isTerminal(c.err) {
				fmt.Fprintf(c.err, "%s, %s: %.4f\n", s.Protocol, &limit, point.Ratio())
			}
		}
		curves = append(curves, curve)
	}
	return curves, nil
}

func replayStarted(ctx context.Context, s *bench.Server, room bench.Room, trace []bench.Lookup) (point bench.ReplayPoint, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p, err := s.Start(ctx, clock.New(), room)
	if err != nil {
		return point, err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.Addr)
	if err != nil {
		return point, err
	}
	// every answer is in hand
	defer func() { _ = conn.Close() }()
	point.Limit = room.Memory
	if point.Hits, err = bench.Replay(ctx, s.Protocol, conn, trace, sealing.Overhead); err != nil {
		return point, err
	}
	// 0 where it is not known
	point.Resident, _ = bench.ProcessMemory(p.PID)
	return point, nil
}

// replayOn replays on a server that runs.
func (f *benchFlags) replayOn(ctx context.Context, c *console) ([]bench.ReplayCurve, error) {
	name := f.protocol
	if name == "sealed" {
		// sealed values are as many bytes more
		name = bench.Cryptomem.String()
	}
	protocol, err := bench.ParseProtocol(name)
	if err != nil {
		return nil, usageError(err.Error())
	}
	trace, _, err := f.readTrace()
	if err != nil {
		return nil, err
	}
	conn, err := address.Dial(ctx, f.client.address(c))
	if err != nil {
		return nil, err
	}
	// every answer is in hand
	defer func() { _ = conn.Close() }()
	hits, err := bench.Replay(ctx, protocol, conn, trace, sealing.Overhead)
	if err != nil {
		return nil, err
	}
	return []bench.ReplayCurve{{Server: protocol.String(), Points: []bench.ReplayPoint{{Hits: hits}}}}, nil
}

// sizesFlag is a list of sizes with commas between.
type sizesFlag []sizeFlag

func (s *sizesFlag) Type() string { return "sizes" }

func (s *sizesFlag) String() string {
	var texts []string
	for _, size := range *s {
		texts = append(texts, size.String())
	}
	return strings.Join(texts, ",")
}

func (s *sizesFlag) Set(text string) error {
	*s = nil
	for part := range strings.SplitSeq(text, ",") {
		var size sizeFlag
		if err := size.Set(part); err != nil {
			return err
		}
		*s = append(*s, size)
	}
	return nil
}
