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
	"time"

	"github.com/Zezezknight/cryptomem/sim/plant"
)

// patience is how long a bug may take to be found: one that makes the product
// hang is not found at all.
const patience = 5 * time.Minute

// openPlants returns the planted bugs of those names, or all, and a new directory to
// build them in.
func openPlants(names []string) (plants []plant.Plant, dir string, err error) {
	if plants, err = plant.All(); err != nil {
		return nil, "", err
	}
	if plants, err = named(plants, names); err != nil {
		return nil, "", err
	}
	dir, err = os.MkdirTemp("", "plant")
	return plants, dir, err
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

// A search is the result of looking for a bug: nothing was found if both are nil.
type search struct {
	found *finding
	err   error
}

// searchAll looks for every bug, as many at a time as there are processors, and returns
// functions that wait for the results, in the order of the plants.
func searchAll(plants []plant.Plant, look func(*plant.Plant) (*finding, error)) []func() search {
	room := make(chan struct{}, runtime.GOMAXPROCS(0))
	all := make([]func() search, len(plants))
	for i := range plants {
		done := make(chan search, 1)
		go func() {
			room <- struct{}{}
			defer func() { <-room }()
			found, err := look(&plants[i])
			done <- search{found, err}
		}()
		all[i] = func() search { return <-done }
	}
	return all
}

// sow writes the overlay that plants a bug to a directory of its own below dir.
func sow(p *plant.Plant, dir string) (own, overlay string, err error) {
	own = filepath.Join(dir, p.Name)
	if err := os.Mkdir(own, 0o700); err != nil {
		return "", "", err
	}
	overlay, err = p.Overlay(".", own)
	return own, overlay, err
}

// build builds the simulator as dir/sim, with an overlay if one is named.
func build(dir, overlay string) (bin string, err error) {
	bin = filepath.Join(dir, "sim")
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-overlay", overlay, "-o", bin, "./sim/cmd") //nolint:gosec // G204: the arguments are our own files
	if text, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("does not build: %s", bytes.TrimSpace(text))
	}
	return bin, nil
}

// ask runs a simulator and returns what it finds first, nil if that is nothing.
func ask(bin string, args ...string) (*finding, error) {
	var lines bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	sim := exec.CommandContext(ctx, bin, append(args, "--json", "--first", "--workers", "1")...) //nolint:gosec // G204: built a moment ago
	sim.Stdout = &lines
	err := sim.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	return first(&lines, err)
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
