package main

import (
	"cmp"
	"slices"
	"sync"

	"github.com/Zezezknight/cryptomem/sim"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// How steering works: seeds are run in rounds. For each place in a round a few are
// looked at, and the one is run whose features have lately led to the most pairs of
// states that no run had reached together before. What was learned counts from the
// next round on, so that a run is decided by the first seed whatever the processors.
const (
	steerRound   = 64
	steerChoices = 4
)

// pairs has, for each state, those that were reached in one run with it.
type pairs []sim.Coverage

func newPairs() pairs { return make(pairs, len(sim.States())) }

// add takes note of what a run has reached, and returns how many pairs are new.
func (p pairs) add(c *sim.Coverage) (fresh int) {
	for _, s := range sim.States() {
		if c.Has(s) {
			fresh += p[s].Join(c)
		}
	}
	return fresh / 2
}

// count returns how many pairs there are, of two different states.
func (p pairs) count() (n int) {
	for a := range p {
		for _, b := range sim.States() {
			if int(b) < a && p[a].Has(b) {
				n++
			}
		}
	}
	return n
}

// A steering is what is known of how features pay.
type steering struct {
	pairs pairs
	// By feature: runs that had it, and pairs that they were the first to reach.
	runs, found map[string]float64
}

func newSteering() *steering {
	return &steering{pairs: newPairs(), runs: map[string]float64{}, found: map[string]float64{}}
}

// features are what a script's world has that others have not.
func features(s *script.Script) (all []string) {
	seen := map[string]bool{}
	add := func(f string) {
		if !seen[f] {
			seen[f] = true
			all = append(all, f)
		}
	}
	for i := range s.Actions {
		add(s.Actions[i].Verb.String())
	}
	for _, line := range s.Settings() {
		add(line)
	}
	slices.Sort(all)
	return all
}

// promise is what a script is expected to reach, above all if a feature of it has
// seldom been tried.
func (t *steering) promise(all []string) float64 {
	sum := 0.0
	for _, f := range all {
		sum += (t.found[f] + 1) / (t.runs[f] + 1)
	}
	return sum / float64(max(len(all), 1))
}

// learn takes note of what a run has reached.
func (t *steering) learn(all []string, c *sim.Coverage) {
	fresh := float64(t.pairs.add(c))
	for _, f := range all {
		// what is long ago counts less
		t.runs[f], t.found[f] = t.runs[f]*0.99+1, t.found[f]*0.99+fresh
	}
}

// steered runs as many seeds as was asked for, those that promise most.
func (b *batch) steered() {
	t, next := b.steering, b.from
	for left := b.flags.seeds; left > 0 && !b.enough(); left -= steerRound {
		round := make([]*chosen, min(left, steerRound))
		for i := range round {
			candidates := make([]*chosen, steerChoices)
			for k := range candidates {
				s := script.Generate(next)
				candidates[k] = &chosen{script: s, features: features(s)}
				next++
			}
			round[i] = slices.MaxFunc(candidates, func(x, y *chosen) int {
				return cmp.Compare(t.promise(x.features), t.promise(y.features))
			})
		}
		var workers sync.WaitGroup
		places := make(chan *chosen)
		for range b.workers {
			workers.Go(func() {
				for c := range places {
					c.coverage = b.checkScript(c.script)
				}
			})
		}
		for _, c := range round {
			places <- c
		}
		close(places)
		workers.Wait()
		for _, c := range round {
			t.learn(c.features, &c.coverage)
		}
	}
}

// chosen is a seed's script that is run, and what it reached.
type chosen struct {
	script   *script.Script
	features []string
	coverage sim.Coverage
}
