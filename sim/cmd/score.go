package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/sim/plant"
	"github.com/Zezezknight/cryptomem/sim/report"
)

// score plants known bugs, each by itself, and looks how they are found. The
// product's source is not touched: the compiler is told to read an altered copy
// of one file instead.
func score(args []string, out, errs io.Writer) int {
	set := pflag.NewFlagSet("sim score", pflag.ContinueOnError)
	seeds := set.Int("seeds", 1000, "how many seeds may be run to find a bug")
	set.Usage = func() {
		fmt.Fprintf(out, "Usage:\n    sim score [--seeds N] [NAME]...\n\nPlants known bugs one by one, all or those named, and reports how each is found.\n\n%s", set.FlagUsages())
	}
	err := parseFlags(set, args)
	if errors.Is(err, pflag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(errs, "sim score:", err)
		return 2
	}
	plants, dir, err := openPlants(set.Args())
	if err != nil {
		fmt.Fprintln(errs, "sim score:", err)
		return 2
	}
	defer func() { _ = os.RemoveAll(dir) }()

	clean, err := build(dir, "")
	if err != nil {
		fmt.Fprintln(errs, "sim score:", err)
		return 2
	}
	board := newScoreboard(out, *seeds)
	look := func(p *plant.Plant) (*finding, error) { return find(p, dir, clean, *seeds) }
	for i, wait := range searchAll(plants, look) {
		s := wait()
		board.add(&plants[i], s.found, s.err)
	}
	board.sum()
	return min(board.missed, 1)
}

// A scoreboard prints a line for each planted bug, and the sum of them.
type scoreboard struct {
	out   io.Writer
	seeds int
	// missed and bySpecs are how many bugs nothing, or specs, have found.
	missed, bySpecs int
	// sizes are the actions of the minimised runs that have found the others.
	sizes []int
}

func newScoreboard(out io.Writer, seeds int) *scoreboard {
	fmt.Fprintf(out, "%-32s %-13s %5s %8s %8s\n", "planted bug", "rule broken", "tier", "seed", "actions")
	return &scoreboard{out: out, seeds: seeds}
}

func (b *scoreboard) add(p *plant.Plant, found *finding, err error) {
	switch {
	case err != nil:
		b.miss(p, "%v", err)
	case found == nil && p.Specs != "":
		b.miss(p, "NOT FOUND by the specs of %s: %s", p.Specs, p.Bug)
	case p.Specs != "":
		b.bySpecs++
		fmt.Fprintf(b.out, "%-32s %s\n", p.Name, p.Specs)
	case found == nil:
		b.miss(p, "NOT FOUND within %s: %s", report.Count(b.seeds, "seed"), p.Bug)
	case !slices.Contains(p.Rules, found.Rule):
		b.miss(p, "%-13s is not what it breaks, which is %s: %s", found.Rule, strings.Join(p.Rules, " or "), p.Bug)
	default:
		b.sizes = append(b.sizes, found.Actions)
		fmt.Fprintf(b.out, "%-32s %-13s %5d %8d %8d\n", p.Name, found.Rule, p.Tier, found.Seed, found.Actions)
	}
}

func (b *scoreboard) miss(p *plant.Plant, format string, args ...any) {
	b.missed++
	fmt.Fprintf(b.out, "%-32s %s\n", p.Name, fmt.Sprintf(format, args...))
}

func (b *scoreboard) sum() {
	if len(b.sizes) == 0 {
		return
	}
	slices.Sort(b.sizes)
	found := len(b.sizes) + b.bySpecs
	fmt.Fprintf(b.out, "%d of %d found; minimised, the median is %s\n", found, found+b.missed, report.Count(b.sizes[len(b.sizes)/2], "action"))
}

// find builds the simulator with the bug in it and runs seeds until one fails, which
// must be clean without the bug. It returns nil if none does.
func find(p *plant.Plant, dir, clean string, seeds int) (*finding, error) {
	own, overlay, err := sow(p, dir)
	if err != nil {
		return nil, err
	}
	if p.Specs != "" {
		return findBySpecs(p, overlay) // they pass without the bug, or CI says so
	}
	bin, err := build(own, overlay)
	if err != nil {
		return nil, err
	}
	found, err := askSeeds(p, bin, "--seeds", strconv.Itoa(seeds))
	if err != nil || found == nil {
		return nil, err
	}
	without, err := askSeeds(p, clean, "--seed", strconv.FormatUint(found.Seed, 10))
	if err == nil && without != nil {
		err = fmt.Errorf("seed %d breaks %s without the bug as well", found.Seed, without.Rule)
	}
	return found, err
}

func askSeeds(p *plant.Plant, bin string, args ...string) (*finding, error) {
	args = append(args, "--tier", strconv.Itoa(p.Tier))
	if p.Shell {
		args = append(args, "--shell")
	}
	if p.Twice {
		args = append(args, "--twice")
	}
	return ask(bin, args...)
}

// findBySpecs runs the specs that have to fail. They build what they run, too, with
// the bug in it.
func findBySpecs(p *plant.Plant, overlay string) (*finding, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	run := func(args ...string) ([]byte, error) {
		c := exec.CommandContext(ctx, "go", args...) //nolint:gosec // G204: the arguments are our own files
		c.Env = append(os.Environ(), "GOFLAGS=-overlay="+overlay)
		return c.CombinedOutput()
	}
	if text, err := run("build", "./..."); err != nil {
		return nil, fmt.Errorf("does not build: %s", bytes.TrimSpace(text))
	}
	text, err := run("test", "-count=1", p.Specs, "-ginkgo.focus", p.Focus)
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil, nil
	case !errors.As(err, &exit) || !bytes.Contains(text, []byte("[FAIL]")):
		return nil, fmt.Errorf("its specs did not run: %s", bytes.TrimSpace(text))
	}
	return &finding{Rule: "specs"}, nil
}
