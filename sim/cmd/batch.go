package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/sim"
	"github.com/Zezezknight/cryptomem/sim/report"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// ruleTwice is the rule that a run is the same every time.
const ruleTwice = "repeatable"

// minimizeRuns bounds what making a failure smaller may cost.
const minimizeRuns = 20_000

// runners are the tiers; the second one is there in a bubble only.
var runners = map[int]runner{1: sim.Run, 3: stress}

// stress plays a scenario, and lets the clients of a seed run at liberty: half of
// the seeds over the loopback interface.
func stress(s *script.Script, o sim.Options) *sim.Result {
	if len(s.Title) > 0 {
		return sim.Play(s, o)
	}
	network := "pipe"
	if s.Seed%2 == 1 {
		network = "tcp"
	}
	return sim.Stress(s, network, o)
}

var errNotHere = errors.New("this tier has not this world, or not all that happens in it")

// A batch is many runs, and what is known of them together.
type batch struct {
	*flags
	out   io.Writer
	clk   clock.Clock
	began time.Time

	// Guards everything below.
	mu   sync.Mutex
	runs int
	ops  int
	// hash of all runs, in whatever order they ended.
	hash     uint64
	reached  map[sim.State]int
	pairs    pairs
	steering *steering
	failures int
	err      error
}

func newBatch(f *flags, out io.Writer) *batch {
	clk := clock.New()
	return &batch{flags: f, out: out, clk: clk, began: clk.Now(), reached: map[sim.State]int{}, pairs: newPairs(), steering: newSteering()}
}

// playable returns the first seed, from the given one on, whose world the tier has.
func (b *batch) playable(seed uint64) uint64 {
	for !b.has(script.Generate(seed)) {
		seed++
	}
	return seed
}

// has reports whether the tier has a seed's world. Of rings, tier 3 plays scenarios only.
func (b *batch) has(s *script.Script) bool {
	return b.tier == 1 || b.plays(s) && (b.tier == 2 || s.Config.Servers == 1)
}

// plays reports whether the tier has a scenario's world.
func (b *batch) plays(s *script.Script) bool {
	return b.tier == 1 || !s.OneTier() && (!b.shell || !s.PipesOnly())
}

// seed runs the script of a seed.
func (b *batch) seed(seed uint64) {
	s := script.Generate(seed)
	if !b.has(s) {
		b.err = fmt.Errorf("seed %d: %w", seed, errNotHere)
		return
	}
	if b.shell {
		s.Config.Kernel = 1 + int(seed>>1)
	}
	b.check(s, "", runners[b.tier])
}

// checkScript runs a seed's script and returns what it reached.
func (b *batch) checkScript(s *script.Script) (reached sim.Coverage) {
	b.check(s, "", func(of *script.Script, o sim.Options) *sim.Result {
		r := runners[b.tier](of, o)
		if of == s {
			reached = r.Coverage
		}
		return r
	})
	return reached
}

// seeds runs as many seeds as was asked for, several at a time.
func (b *batch) seeds() {
	var workers sync.WaitGroup
	next := make(chan uint64)
	for range b.workers {
		workers.Go(func() {
			for seed := range next {
				b.seed(seed)
			}
		})
	}
	progress, seed := b.began, b.from
	for i := 0; b.lasting > 0 || i < b.flags.seeds; i++ {
		if b.enough() {
			break
		}
		seed = b.playable(seed)
		next <- seed
		seed++
		if now := b.clk.Now(); !b.json && b.tier != 2 && now.Sub(progress) >= 5*time.Second {
			progress = now
			b.mu.Lock()
			fmt.Fprintf(b.out, "%s, %s, %s\n", report.Count(i, "seed"), report.Count(b.ops, "operation"), report.Count(b.failures, "failure"))
			b.mu.Unlock()
		}
	}
	close(next)
	workers.Wait()
}

func (b *batch) enough() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.first && b.failures > 0 || b.lasting > 0 && b.clk.Since(b.began) >= b.lasting
}

// check runs one script, twice if asked to, and takes note of what came of it.
func (b *batch) check(s *script.Script, file string, run runner) bool {
	if b.frames != "" {
		// if it fails, that is told below
		text, _ := sim.Frames(s)
		if err := os.WriteFile(b.frames, []byte(text), 0o600); err != nil {
			b.err = err
		}
	}
	r := run(s, sim.Options{Answers: file != ""})
	if b.tier == 2 && file != "" && r.Failure == nil {
		r.Failure = sim.Compare(s, sim.Run(s, sim.Options{Answers: true}), r)
	}
	if again := r; b.twice && r.Failure == nil {
		if again = run(s, sim.Options{}); again.Hash != r.Hash {
			r.Failure = &sim.Failure{Rule: ruleTwice, Detail: fmt.Sprintf("the same script came to %x and to %x", r.Hash, again.Hash)}
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.runs++
	b.ops += r.Ops
	b.hash ^= r.Hash
	for _, state := range sim.States() {
		if r.Coverage.Has(state) {
			b.reached[state]++
		}
	}
	b.pairs.add(&r.Coverage)
	if r.Failure == nil && (b.report == "" || !b.oneSeed && len(b.scenarios) == 0) {
		return false
	}
	if r.Failure != nil {
		b.failures++
	}
	if b.failures <= maxReports {
		b.tell(s, file, r, run)
	}
	return r.Failure != nil
}

// maxReports is after how many failures the rest are only counted.
const maxReports = 5

// tell reports a failure, or a single run that was asked about.
func (b *batch) tell(s *script.Script, file string, r *sim.Result, run runner) {
	small := s
	if b.tier == 3 {
		b.tellUnrepeatable(s, file, r)
		return
	}
	if b.minimize && r.Failure != nil && r.Failure.Rule != ruleTwice && r.Failure.Rule != sim.RuleTiers {
		small = script.Minimize(s, minimizeRuns, func(c *script.Script) bool {
			f := run(c, sim.Options{}).Failure
			return f != nil && f.Rule == r.Failure.Rule
		})
	}
	recorded := run(small, sim.Options{Record: true})
	if recorded.Failure == nil {
		recorded.Failure = r.Failure
	}
	if b.json {
		line, _ := json.Marshal(finding{s.Seed, recorded.Failure.Rule, len(small.Actions), len(s.Actions)})
		fmt.Fprintf(b.out, "%s\n", line)
		return
	}
	replay := file
	if r.Failure != nil && b.write != "" {
		replay = b.keep(small, recorded.Failure)
	}
	rep := report.Report{Script: small, Result: recorded, Seed: s.Seed, File: file, Whole: len(s.Actions)}
	tier := fmt.Sprintf("--tier %d", b.tier)
	if b.shell {
		tier += " --shell"
	}
	rep.Replay = fmt.Sprintf("go run ./sim/cmd %s --seed %d", tier, s.Seed)
	if replay != "" {
		rep.Replay = fmt.Sprintf("go run ./sim/cmd %s --scenario %s", tier, replay)
	}
	if r.Failure != nil {
		fmt.Fprintf(b.out, "\n%s\n", rep.Text())
	}
	if b.report != "" {
		var page strings.Builder
		if err := rep.HTML(&page); err != nil {
			b.err = err
		} else if err := os.WriteFile(b.report, []byte(page.String()), 0o600); err != nil {
			b.err = err
		}
		b.report = ""
	}
}

// tellUnrepeatable reports a run of tier 3, of which there is no second one.
func (b *batch) tellUnrepeatable(s *script.Script, file string, r *sim.Result) {
	if r.Failure == nil {
		fmt.Fprintln(b.out, "tier 3 keeps no record for a report")
		return
	}
	if b.json {
		line, _ := json.Marshal(finding{s.Seed, r.Failure.Rule, len(s.Actions), len(s.Actions)})
		fmt.Fprintf(b.out, "%s\n", line)
		return
	}
	what, again := fmt.Sprintf("seed %d", s.Seed), fmt.Sprintf("--seed %d", s.Seed)
	if file != "" {
		what, again = file, "--scenario "+file
	}
	fmt.Fprintf(b.out, "\n%s: %v\nTier 3 cannot be repeated; try again: go run -race ./sim/cmd --tier 3 %s\n", what, r.Failure, again)
}

// A finding is a failure as a line of JSON.
type finding struct {
	Seed    uint64 `json:"seed"`
	Rule    string `json:"rule"`
	Actions int    `json:"actions"` // minimised
	Of      int    `json:"of"`
}

// keep writes a failure as a scenario and returns the file's name.
func (b *batch) keep(s *script.Script, f *sim.Failure) string {
	c := s.Clone()
	c.Title = []string{"Breaks the rule " + f.Rule + "."}
	name := filepath.Join(b.write, fmt.Sprintf("%s-%d.txt", f.Rule, s.Seed))
	err := os.MkdirAll(b.write, 0o750)
	if err == nil {
		err = os.WriteFile(name, []byte(c.String()), 0o600)
	}
	if err != nil {
		b.err = err
		return ""
	}
	return name
}

// summary says how much was run and what was reached.
func (b *batch) summary() {
	if b.json || b.oneSeed {
		return
	}
	speed := ""
	// in the bubble of a failure, it is the year 2000
	if took := b.clk.Since(b.began).Seconds(); took > 0 {
		speed = fmt.Sprintf(" in %.1fs: %.0f runs/s, %.0f operations/s", took, float64(b.runs)/took, float64(b.ops)/took)
	}
	fmt.Fprintf(b.out, "%s, %s%s, %s\n", report.Count(b.runs, "run"), report.Count(b.ops, "operation"), speed, report.Count(b.failures, "failure"))
	if b.tier < 3 {
		fmt.Fprintf(b.out, "Hash of all runs: %016x\n", b.hash)
	}
	if b.tier != 1 {
		return
	}
	fmt.Fprintf(b.out, "Pairs of states reached in one run: %d\n", b.pairs.count())
	fmt.Fprintln(b.out, "States reached, in runs:")
	for i, state := range sim.States() {
		end := "   "
		if i%4 == 3 {
			end = "\n"
		}
		fmt.Fprintf(b.out, "%7d %-20s%s", b.reached[state], state, end)
	}
	fmt.Fprintln(b.out)
}

// everywhere reports whether every state was reached, and names those that
// were not.
func (b *batch) everywhere() bool {
	all := true
	for _, state := range sim.States() {
		if b.reached[state] == 0 {
			fmt.Fprintf(b.out, "no run reached: %s\n", state)
			all = false
		}
	}
	return all
}
