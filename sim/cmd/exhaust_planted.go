package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/Zezezknight/cryptomem/sim/plant"
)

// beyond are the planted bugs that no small world can show, and why.
var beyond = map[string]string{
	"cache-compaction-drops":   "it takes a log that is mostly dead",
	"simulator-nondeterminism": "it shows in comparing two runs",
}

// cannotShow returns why no small world can show a bug, "" if one can.
func cannotShow(p *plant.Plant) string {
	switch {
	case p.Specs != "":
		return "it is left to specs of " + p.Specs
	case p.Tier != 1:
		return "its code runs on tier 2 alone"
	}
	return beyond[p.Name]
}

// exhaustPlanted plants known bugs, all that small worlds can show or those named,
// and looks how the search finds them. Without a bug it finds nothing: that is what
// it does when it is run as it is.
func exhaustPlanted(names []string, out, errs io.Writer) int {
	plants, err := plant.All()
	if err == nil {
		plants, err = named(plants, names)
	}
	var dir string
	if err == nil {
		dir, err = os.MkdirTemp("", "plant")
	}
	if err != nil {
		fmt.Fprintln(errs, "sim exhaust:", err)
		return 2
	}
	defer func() { _ = os.RemoveAll(dir) }()

	fmt.Fprintf(out, "%-32s %-13s %6s %6s\n", "planted bug", "rule broken", "calls", "moves")
	found, failed := 0, 0
	for i, show := range showAll(plants, dir) {
		line, missed := show()
		fmt.Fprintf(out, "%-32s %s\n", plants[i].Name, line)
		switch {
		case missed:
			failed++
		case cannotShow(&plants[i]) == "":
			found++
		}
	}
	fmt.Fprintf(out, "%d of %d found that small worlds can show\n", found, found+failed)
	return min(failed, 1)
}

// showAll looks for every bug, as many at a time as there are processors, and returns
// functions that wait for what came of it.
func showAll(plants []plant.Plant, dir string) []func() (line string, missed bool) {
	type shown struct {
		line   string
		missed bool
	}
	room := make(chan struct{}, runtime.GOMAXPROCS(0))
	all := make([]func() (string, bool), len(plants))
	for i := range plants {
		done := make(chan shown, 1)
		go func() {
			room <- struct{}{}
			defer func() { <-room }()
			line, missed := showPlanted(&plants[i], filepath.Join(dir, plants[i].Name))
			done <- shown{line, missed}
		}()
		all[i] = func() (string, bool) { s := <-done; return s.line, s.missed }
	}
	return all
}

// showPlanted looks for one bug and returns what came of it.
func showPlanted(p *plant.Plant, dir string) (line string, missed bool) {
	if why := cannotShow(p); why != "" {
		return "no: " + why, false
	}
	found, err := exhaustWith(p, dir)
	switch {
	case err != nil:
		return err.Error(), true
	case found == nil:
		return "NOT FOUND: " + p.Bug, true
	case !slices.Contains(p.Rules, found.Rule):
		return fmt.Sprintf("%-13s is not what it breaks, which is %s: %s", found.Rule, strings.Join(p.Rules, " or "), p.Bug), true
	}
	return fmt.Sprintf("%-13s %6d %6d", found.Rule, found.Of, found.Actions), false
}

// exhaustWith builds the simulator with the bug in it, goes through the small worlds
// and returns what is found, nil for nothing.
func exhaustWith(p *plant.Plant, dir string) (*finding, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	overlay, err := p.Overlay(".", dir)
	if err != nil {
		return nil, err
	}
	bin := filepath.Join(dir, "sim")
	if err := build(bin, overlay); err != nil {
		return nil, err
	}
	var lines bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	sim := exec.CommandContext(ctx, bin, "exhaust", "--first", "--json", "--workers", "1") //nolint:gosec // G204: built a moment ago
	sim.Stdout = &lines
	err = sim.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	return first(&lines, err)
}
