package mutate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/Zezezknight/cryptomem/sim"
	"github.com/Zezezknight/cryptomem/sim/script"
	"github.com/Zezezknight/cryptomem/testdata"
)

// A round is one run of the simulator. A mutant is shown to those that run its
// code.
type round struct {
	tier string
	args []string

	// Without a mutant.
	covered *coverage
	took    cost
}

// measure builds the simulator as it is, demands that it finds nothing, and takes
// note of the code that each round runs.
func (t *Trial) measure() error {
	bin := filepath.Join(t.Dir, "control")
	if err := t.build("build", "", bin, "./sim/cmd", "-cover", "-coverpkg=./..."); err != nil {
		return err
	}
	rounds, err := t.allRounds()
	if err != nil {
		return err
	}
	for i, r := range rounds {
		data := filepath.Join(t.Dir, fmt.Sprintf("coverage%d", i))
		if err := os.MkdirAll(data, 0o750); err != nil {
			return err
		}
		how, took := t.play(r, bin, unhurried, "GOCOVERDIR="+data)
		if how != "" {
			return fmt.Errorf("the simulator fails without any mutant: %s", how)
		}
		r.took = took
		if r.covered, err = readCoverage(t.Root, data); err != nil {
			return err
		}
	}
	t.rounds = rounds
	return nil
}

// allRounds returns the rounds in the order in which a mutant is shown to them.
func (t *Trial) allRounds() ([]*round, error) {
	scenarios, err := testdata.Scenarios()
	if err != nil {
		return nil, err
	}
	// the latter are those that other tiers play, too
	var played, common []string
	for _, file := range scenarios {
		s, err := script.Parse(file.Text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file.File, err)
		}
		named := []string{"--scenario", filepath.Join(t.Root, file.File)}
		played = append(played, named...)
		if !s.OneTier() {
			common = append(common, named...)
		}
	}
	few := []string{"--seeds", strconv.Itoa(max(t.Seeds/10, 1))}
	rounds := []*round{
		{tier: "1", args: played},
		{tier: "1", args: []string{"--seeds", strconv.Itoa(t.Seeds)}},
		{tier: "2", args: common},
		{tier: "2", args: few},
		{tier: "3", args: []string{"--seeds", strconv.Itoa(max(t.Seeds/50, 1))}},
	}
	if sim.HasShell {
		rounds = append(rounds, &round{tier: "2", args: append([]string{"--shell"}, few...)})
	}
	return rounds, nil
}

// runs reports whether the simulator runs the code that m changes.
func (t *Trial) runs(m *Mutant) bool {
	return slices.ContainsFunc(t.rounds, func(r *round) bool { return r.covered.runs(m) })
}

// simulate returns how the simulator finds m, nothing if it does not. Without a
// mutant, it plays every round.
func (t *Trial) simulate(bin string, m *Mutant, env ...string) string {
	for _, r := range t.rounds {
		if m != nil && !r.covered.runs(m) {
			continue
		}
		if how, _ := t.play(r, bin, t.limit(r.took), env...); how != "" {
			return how
		}
	}
	return ""
}

// play returns what a round finds, nothing if that is nothing, and what it takes.
func (t *Trial) play(r *round, bin string, limit cost, env ...string) (string, cost) {
	args := append([]string{"--json", "--first", "--minimize=false", "--workers", "1", "--tier", r.tier}, r.args...)
	text, took, err := t.run(t.Root, limit, env, bin, args...)
	if errors.Is(err, errHangs) {
		// or the machine was busy
		limit.time *= 2
		text, took, err = t.run(t.Root, limit, env, bin, args...)
	}
	if err != nil {
		return fmt.Sprintf("tier %s: %s", r.tier, blame(text, err)), took
	}
	return "", took
}
