// Command sim runs cryptomem's simulator: all scenarios and some seeds, one
// seed, one scenario, or as many seeds as a time allows. See docs/simulation.md.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/sim"
	"github.com/Zezezknight/cryptomem/sim/script"
	"github.com/Zezezknight/cryptomem/testdata"
)

const usage = `Usage:
    sim [flags]            every scenario, and then seeds
    sim score [--seeds N] [NAME]...
                           plants known bugs one by one and reports how each is found
    sim exhaust [flags]    goes through small worlds completely
    sim mutate [flags] [PACKAGE]...
                           changes the product at random places and reports who notices

Flags:
%s
Exit codes: 0 every promise kept, 1 one broken, 2 wrong usage.

Example:
    $ go run ./sim/cmd --seeds 10000
    $ go run ./sim/cmd --seed 4711 --report failure.html
    $ go run ./sim/cmd --scenario testdata/scenarios/cas-race.txt
`

// flags are what a command line can say.
type flags struct {
	seed      uint64
	seeds     int
	from      uint64
	lasting   time.Duration
	scenarios []string
	tier      int
	shell     bool
	minimize  bool
	report    string
	write     string
	frames    string
	twice     bool
	commit    string
	first     bool
	json      bool
	coverage  bool
	workers   int
	steer     bool

	oneSeed bool
}

func main() {
	// worlds are small and short-lived
	debug.SetGCPercent(400)
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, out, errs io.Writer) int {
	if len(args) > 0 && args[0] == "score" {
		return score(args[1:], out, errs)
	}
	if len(args) > 0 && args[0] == "exhaust" {
		return exhaustAll(args[1:], out, errs)
	}
	if len(args) > 0 && args[0] == "mutate" {
		return mutants(args[1:], out, errs)
	}
	f, err := parse(args, out)
	if errors.Is(err, pflag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(errs, "sim:", err)
		return 2
	}
	b := newBatch(f, out)
	if f.tier == 2 {
		if os.Getenv("GOMAXPROCS") == "" {
			// one goroutine runs at a time: a second processor would wake up for nothing
			runtime.GOMAXPROCS(1)
		}
		inBubble(func(run runner) {
			runners[2] = f.shelled(run)
			if b.all(); b.failures > 0 {
				// what failed may have left goroutines, and no bubble ends with such
				os.Exit(b.end(errs))
			}
		}, func() { os.Exit(b.end(errs)) })
	}
	b.all()
	return b.end(errs)
}

func parse(args []string, out io.Writer) (*flags, error) {
	var f flags
	set := pflag.NewFlagSet("sim", pflag.ContinueOnError)
	set.Usage = func() { fmt.Fprintf(out, usage, set.FlagUsages()) }
	set.Uint64Var(&f.seed, "seed", 0, "run this seed alone")
	set.IntVar(&f.seeds, "seeds", 500, "how many seeds to run")
	set.Uint64Var(&f.from, "from", 0, "the first of them")
	set.DurationVar(&f.lasting, "for", 0, "run seeds for so long instead")
	set.StringArrayVar(&f.scenarios, "scenario", nil, "run this file alone; may be repeated")
	set.IntVar(&f.tier, "tier", 1, "1: state machines; 2: goroutines one at a time; 3: goroutines in parallel")
	set.BoolVar(&f.shell, "shell", false, "on tier 2, run the server's own shell, pollers and all, on a simulated kernel")
	set.BoolVar(&f.minimize, "minimize", true, "take away what a failure does not need")
	set.StringVar(&f.report, "report", "", "write a page about the first failure, or about the one run, to this file")
	set.StringVar(&f.write, "write", "dist/sim", "write minimised failures as scenarios to this directory")
	set.StringVar(&f.frames, "frames", "", "write what goes over the connections of the one scenario or seed to this file, on tier 1")
	set.BoolVar(&f.twice, "twice", false, "run everything twice and compare")
	set.StringVar(&f.commit, "commit", "", "run a seed made of this text too, such as a commit's hash")
	set.BoolVar(&f.first, "first", false, "stop at the first failure")
	set.BoolVar(&f.json, "json", false, "print failures as a line of JSON each, and nothing else")
	set.BoolVar(&f.coverage, "coverage", false, "fail unless every state was reached")
	set.BoolVar(&f.steer, "steer", false, "run those seeds first that promise pairs of states which no run has reached, on tier 1")
	set.IntVar(&f.workers, "workers", runtime.GOMAXPROCS(0), "worlds to run at a time")
	if err := parseFlags(set, args); err != nil {
		return nil, err
	}
	f.oneSeed = set.Changed("seed")
	if f.tier < 1 || f.tier > 3 {
		return nil, fmt.Errorf("tier is %d, want 1, 2 or 3", f.tier)
	}
	if f.shell && (f.tier != 2 || !sim.HasShell) {
		return nil, errors.New("--shell is for tier 2, on Linux")
	}
	if f.tier == 2 {
		// a bubble is one world
		f.workers = 1
		if f.lasting > 0 {
			return nil, errors.New("--for goes by the clock, which stands still on tier 2: use --seeds")
		}
	}
	if f.twice && f.tier == 3 {
		return nil, errors.New("--twice compares runs, and those of tier 3 cannot be repeated")
	}
	if f.coverage && (f.tier > 1 || f.oneSeed || len(f.scenarios) > 0) {
		return nil, errors.New("--coverage is about all scenarios and seeds together, on tier 1")
	}
	if one := f.oneSeed && len(f.scenarios) == 0 || !f.oneSeed && len(f.scenarios) == 1; f.frames != "" && (f.tier > 1 || !one) {
		return nil, errors.New("--frames records one scenario or seed, on tier 1")
	}
	if f.steer && (f.tier > 1 || f.lasting > 0 || f.oneSeed || len(f.scenarios) > 0) {
		return nil, errors.New("--steer chooses among seeds, a number of them, on tier 1")
	}
	if f.workers < 1 || f.seeds < 0 {
		return nil, errors.New("there is nothing to run")
	}
	if set.NArg() > 0 {
		return nil, unexpected(set.Arg(0))
	}
	return &f, nil
}

// shelled is run with the server's shell, if that is asked for.
func (f *flags) shelled(run runner) runner {
	return func(s *script.Script, o sim.Options) *sim.Result {
		o.Shell = f.shell
		return run(s, o)
	}
}

// end sums up and returns the exit code.
func (b *batch) end(errs io.Writer) int {
	if b.err != nil {
		fmt.Fprintln(errs, "sim:", b.err)
		return 2
	}
	b.summary()
	everywhere := true
	if b.coverage {
		everywhere = b.everywhere()
	}
	switch {
	case b.failures > 0 || !everywhere:
		return 1
	}
	return 0
}

// all runs everything that was asked for.
func (b *batch) all() {
	if b.oneSeed {
		b.seed(b.flags.seed)
		return
	}
	if b.err = b.files(); b.err != nil || len(b.scenarios) > 0 {
		return
	}
	if b.commit != "" {
		b.seed(b.playable(draw(b.commit)))
	}
	if b.steer {
		b.steered()
		return
	}
	b.seeds()
}

// inBubble does f in a bubble, and then after, which must not return. A bubble
// wants a test to belong to, and testing has one way to run tests outside of
// "go test".
func inBubble(f func(runner), after func()) {
	// the flags are ours, not those of testing
	os.Args = os.Args[:1]
	world := testing.InternalTest{Name: "sim", F: func(t *testing.T) {
		sim.InBubble(t, func(run func(*script.Script, sim.Options) *sim.Result) { f(run) })
		after()
	}}
	testing.Main(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{world}, nil, nil)
}

// files runs the scenarios that were named, or all that there are.
func (b *batch) files() error {
	if len(b.scenarios) == 0 {
		if b.json {
			return nil // what plants bugs wants seeds
		}
		all, err := testdata.Scenarios()
		for i := 0; err == nil && i < len(all); i++ {
			err = b.scenario(all[i].File, all[i].Text)
		}
		return err
	}
	for _, file := range b.scenarios {
		text, err := os.ReadFile(file)
		if err == nil {
			err = b.scenario(file, string(text))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// scenario runs the text of a file.
func (b *batch) scenario(file, text string) error {
	s, err := script.Parse(text)
	if err == nil && len(s.Title) == 0 {
		err = errors.New("a scenario begins with a line of # that says what it shows")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if !b.plays(s) {
		if len(b.scenarios) == 0 {
			return nil
		}
		return fmt.Errorf("%s: %w", file, errNotHere)
	}
	b.check(s, file, runners[b.tier])
	return nil
}

// A runner runs a script on one of the tiers.
type runner func(*script.Script, sim.Options) *sim.Result
