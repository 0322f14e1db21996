package main

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/plant"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// beyond are the planted bugs that no small world can show, and why.
var beyond = map[string]string{
	"cache-compaction-drops":      "it takes a log that is mostly dead",
	"freshness-judged-by-the-end": "it takes two connections of one client at a time",
	"freshness-window-not-asked":  "it takes time to go on by a window",
	"sealing-retired-still-opens": "it takes keys that are let go of",
	"session-share-keeps-budget":  "it takes a bound on memory in flight",
	"session-upload-keeps-memory": "it takes a bound on memory in flight",
	"simulator-nondeterminism":    "it shows in comparing two runs",
}

// cannotShow returns why no small world can show a bug, "" if one can.
func cannotShow(p *plant.Plant) string {
	switch {
	case p.Specs != "":
		return "it is left to specs of " + p.Specs
	case p.Tier != 1:
		return "its code runs on tier 2 alone"
	}
	for _, rule := range p.Rules {
		switch rule {
		case oracle.RuleAccess, oracle.RuleQuota:
			return "it takes identities"
		case oracle.RuleSnapshot:
			return "it takes a disk"
		}
	}
	return beyond[p.Name]
}

// drawPlants keeps n of the bugs that small worlds can show, drawn by a text.
func drawPlants(plants []plant.Plant, n int, text string) []plant.Plant {
	seed := draw(text)
	plants = slices.DeleteFunc(plants, func(p plant.Plant) bool { return cannotShow(&p) != "" })
	slices.SortFunc(plants, func(a, b plant.Plant) int {
		return cmp.Compare(script.Draw(seed, draw(a.Name)), script.Draw(seed, draw(b.Name)))
	})
	return plants[:min(n, len(plants))]
}

// draw makes a number of a text.
func draw(text string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, text)
	return h.Sum64()
}

// exhaustPlanted plants known bugs, all that small worlds can show or those named,
// and looks how the search finds them. Without a bug it finds nothing: that is what
// it does when it is run as it is.
func exhaustPlanted(names []string, drawn int, commit string, out, errs io.Writer) int {
	plants, dir, err := openPlants(names)
	if err != nil {
		fmt.Fprintln(errs, "sim exhaust:", err)
		return 2
	}
	if drawn > 0 {
		plants = drawPlants(plants, drawn, commit)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	fmt.Fprintf(out, "%-32s %-13s %6s %6s\n", "planted bug", "rule broken", "calls", "moves")
	found, failed := 0, 0
	look := func(p *plant.Plant) (*finding, error) { return exhaustWith(p, dir) }
	for i, wait := range searchAll(plants, look) {
		line, missed := shown(&plants[i], wait())
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

// shown returns the line that says how a bug was found.
func shown(p *plant.Plant, s search) (line string, missed bool) {
	switch why := cannotShow(p); {
	case why != "":
		return "no: " + why, false
	case s.err != nil:
		return s.err.Error(), true
	case s.found == nil:
		return "NOT FOUND: " + p.Bug, true
	case !slices.Contains(p.Rules, s.found.Rule):
		return fmt.Sprintf("%-13s is not what it breaks, which is %s: %s", s.found.Rule, strings.Join(p.Rules, " or "), p.Bug), true
	}
	return fmt.Sprintf("%-13s %6d %6d", s.found.Rule, s.found.Of, s.found.Actions), false
}

// exhaustWith builds the simulator with the bug in it, goes through the small worlds
// and returns what is found, nil for nothing.
func exhaustWith(p *plant.Plant, dir string) (*finding, error) {
	if cannotShow(p) != "" {
		return nil, nil
	}
	own, overlay, err := sow(p, dir)
	if err != nil {
		return nil, err
	}
	bin, err := build(own, overlay)
	if err != nil {
		return nil, err
	}
	return ask(bin, "exhaust")
}
