package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

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
	// errors are said below
	set.SetOutput(io.Discard)
	err := set.Parse(args)
	if errors.Is(err, pflag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(errs, "sim score:", err)
		return 2
	}
	plants, err := plant.All()
	if err == nil {
		plants, err = named(plants, set.Args())
	}
	var dir string
	if err == nil {
		dir, err = os.MkdirTemp("", "plant")
	}
	if err != nil {
		fmt.Fprintln(errs, "sim score:", err)
		return 2
	}
	defer func() { _ = os.RemoveAll(dir) }()

	missed, bySpecs, sizes := 0, 0, []int{}
	fmt.Fprintf(out, "%-32s %-13s %5s %8s %8s\n", "planted bug", "rule broken", "tier", "seed", "actions")
	clean := filepath.Join(dir, "sim")
	if err := build(clean, ""); err != nil {
		fmt.Fprintln(errs, "sim score:", err)
		return 2
	}
	for i, find := range findAll(plants, dir, clean, *seeds) {
		p := plants[i]
		found, err := find()
		switch {
		case err != nil:
			missed++
			fmt.Fprintf(out, "%-32s %v\n", p.Name, err)
		case found == nil && p.Specs != "":
			missed++
			fmt.Fprintf(out, "%-32s NOT FOUND by the specs of %s: %s\n", p.Name, p.Specs, p.Bug)
		case p.Specs != "" && err == nil:
			bySpecs++
			fmt.Fprintf(out, "%-32s %s\n", p.Name, p.Specs)
		case found == nil:
			missed++
			fmt.Fprintf(out, "%-32s NOT FOUND within %s: %s\n", p.Name, report.Count(*seeds, "seed"), p.Bug)
		case !slices.Contains(p.Rules, found.Rule):
			missed++
			fmt.Fprintf(out, "%-32s %-13s is not what it breaks, which is %s: %s\n", p.Name, found.Rule, strings.Join(p.Rules, " or "), p.Bug)
		default:
			sizes = append(sizes, found.Actions)
			fmt.Fprintf(out, "%-32s %-13s %5d %8d %8d\n", p.Name, found.Rule, p.Tier, found.Seed, found.Actions)
		}
	}
	slices.Sort(sizes)
	if len(sizes) > 0 {
		fmt.Fprintf(out, "%d of %d found; minimised, the median is %s\n", len(sizes)+bySpecs, len(plants), report.Count(sizes[len(sizes)/2], "action"))
	}
	return min(missed, 1)
}

func named(plants []plant.Plant, names []string) ([]plant.Plant, error) {
	if len(names) == 0 {
		return plants, nil
	}
	var some []plant.Plant
	for _, name := range names {
		i := slices.IndexFunc(plants, func(p plant.Plant) bool { return p.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("no planted bug is called %q", name)
		}
		some = append(some, plants[i])
	}
	return some, nil
}

// findAll looks for every bug, as many at a time as there are processors, and
// returns functions that wait for what was found, in the order of the plants.
func findAll(plants []plant.Plant, dir, clean string, seeds int) []func() (*finding, error) {
	room := make(chan struct{}, runtime.GOMAXPROCS(0))
	all := make([]func() (*finding, error), len(plants))
	for i, p := range plants {
		all[i] = sync.OnceValues(func() (*finding, error) {
			room <- struct{}{}
			defer func() { <-room }()
			found, err := find(p, filepath.Join(dir, p.Name), seeds)
			// the specs pass without the bug, or CI says so
			if found != nil && p.Specs == "" {
				err = control(p, clean, found.Seed)
			}
			return found, err
		})
		// whoever asks later gets the same
		go func() { _, _ = all[i]() }()
	}
	return all
}

// patience is how long a bug may take to be found: one that makes the product
// hang is not found at all.
const patience = 5 * time.Minute

// build builds the simulator, with an overlay if one is named.
func build(bin, overlay string) error {
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-overlay", overlay, "-o", bin, "./sim/cmd") //nolint:gosec // G204: the arguments are our own files
	if text, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("does not build: %s", bytes.TrimSpace(text))
	}
	return nil
}

// find builds the simulator with the bug in it and runs seeds until one fails.
// It returns nil if none does.
func find(p plant.Plant, dir string, seeds int) (*finding, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	overlay, err := p.Overlay(".", dir)
	if err != nil {
		return nil, err
	}
	if p.Specs != "" {
		return findBySpecs(p, overlay)
	}
	bin := filepath.Join(dir, "sim")
	if err := build(bin, overlay); err != nil {
		return nil, err
	}
	return search(p, bin, "--seeds", strconv.Itoa(seeds))
}

// control runs the seed that found a bug without the bug, which must find nothing.
func control(p plant.Plant, clean string, seed uint64) error {
	found, err := search(p, clean, "--seed", strconv.FormatUint(seed, 10))
	if err == nil && found != nil {
		err = fmt.Errorf("seed %d breaks %s without the bug as well", seed, found.Rule)
	}
	return err
}

// search runs a simulator and returns what it finds, nil if that is nothing.
func search(p plant.Plant, bin string, args ...string) (*finding, error) {
	args = append(args, "--json", "--first", "--workers", "1", "--tier", strconv.Itoa(p.Tier))
	if p.Twice {
		args = append(args, "--twice")
	}
	var lines bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	sim := exec.CommandContext(ctx, bin, args...) //nolint:gosec // G204: built a moment ago
	sim.Stdout = &lines
	err := sim.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	return first(&lines, err)
}

// findBySpecs runs the specs that have to fail. They build what they run, too, with
// the bug in it.
func findBySpecs(p plant.Plant, overlay string) (*finding, error) {
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

// first returns the finding with the lowest seed.
func first(lines *bytes.Buffer, ended error) (*finding, error) {
	var all []finding
	decoder := json.NewDecoder(lines)
	for {
		var f finding
		if err := decoder.Decode(&f); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	if len(all) == 0 {
		return nil, ended
	}
	least := slices.MinFunc(all, func(a, b finding) int { return cmp.Compare(a.Seed, b.Seed) })
	return &least, nil
}
