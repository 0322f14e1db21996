package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/sim/mutate"
	"github.com/Zezezknight/cryptomem/sim/report"
)

const mutateUsage = `Usage:
    sim mutate [flags] [PACKAGE]...

Changes one small thing in the product, again and again, and sees who notices:
the simulator first, then the specs. Packages are named as for the go command;
without any, it is those that a value passes through.

Flags:
%s
Exit codes: 0 all were found, or those that were not are in code that is not
marked as covered (sim/mutate/covered.txt); 1 one in covered code was not;
2 wrong usage, or something does not build.

Example:
    $ go run ./sim/cmd mutate --n 20 --seed 7 ./cache
`

// mutated are the packages that mutants are drawn from if none is named.
var mutated = []string{"./cache/...", "./sealing/...", "./transport/...", "./cryptomem"}

// mutateFlags are what the command line can say.
type mutateFlags struct {
	n, seeds, workers int
	seed              uint64
	commit, dir       string
	grace             time.Duration
	list, survivors   bool
	near, specsOnly   bool
	patches, packages []string
}

func parseMutate(args []string, out io.Writer) (*mutateFlags, error) {
	var f mutateFlags
	set := pflag.NewFlagSet("sim mutate", pflag.ContinueOnError)
	set.IntVar(&f.n, "n", 20, "how many mutants to try")
	set.Uint64Var(&f.seed, "seed", 1, "that draws them")
	set.StringVar(&f.commit, "commit", "", "draw by this text instead, such as a commit's hash")
	set.IntVar(&f.seeds, "seeds", 500, "that the simulator may run for each on tier 1; a tenth on tier 2")
	set.DurationVar(&f.grace, "grace", 20*time.Second, "what a program may take beyond ten times its usual time before it counts as hanging")
	set.IntVar(&f.workers, "workers", runtime.GOMAXPROCS(0), "mutants to try at a time")
	set.StringVar(&f.dir, "write", "dist/mutate", "keep verdicts and survivors in this directory, and go on from what is there")
	set.BoolVar(&f.list, "list", false, "print the mutants as patches, and try none")
	set.BoolVar(&f.survivors, "survivors", false, "print survivors as sim/mutate/equivalents.txt has them")
	set.BoolVar(&f.near, "near", false, "of the specs, run only those of the package that a mutant is in")
	set.BoolVar(&f.specsOnly, "specs-only", false, "leave the simulator out, which is quicker where specs find nearly all")
	set.StringSliceVar(&f.patches, "patch", nil, "try this patch instead of a draw; may be repeated")
	set.Usage = func() { fmt.Fprintf(out, mutateUsage, set.FlagUsages()) }
	if err := parseFlags(set, args); err != nil {
		return nil, err
	}
	if f.n < 1 || f.seeds < 1 || f.workers < 1 {
		return nil, errors.New("there is nothing to try")
	}
	if f.commit != "" {
		f.seed = draw(f.commit)
	}
	if f.packages = set.Args(); len(f.packages) == 0 {
		f.packages = mutated
	}
	return &f, nil
}

// mutants is the command "sim mutate".
func mutants(args []string, out, errs io.Writer) int {
	f, err := parseMutate(args, out)
	if errors.Is(err, pflag.ErrHelp) {
		return 0
	}
	var survived bool
	if err == nil {
		survived, err = f.run(out)
	}
	switch {
	case err != nil:
		fmt.Fprintln(errs, "sim mutate:", err)
		return 2
	case survived:
		return 1
	}
	return 0
}

// run tries the mutants, and reports whether one in covered code survived.
func (f *mutateFlags) run(out io.Writer) (survived bool, err error) {
	packages, err := mutate.Load(".", f.packages...)
	if err != nil {
		return false, err
	}
	equivalents, err := mutate.Equivalents()
	if err != nil {
		return false, err
	}
	drawn, err := f.draw(packages)
	if err != nil {
		return false, err
	}
	if f.list {
		for _, m := range drawn {
			fmt.Fprintf(out, "%v\n%s\n", m, m.Patch())
		}
		return false, nil
	}
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	root, err := filepath.Abs(".")
	if err != nil {
		return false, err
	}
	trial := &mutate.Trial{Root: root, Dir: dir, Clock: clock.New(), Seeds: f.seeds, Grace: f.grace, Near: f.near, SpecsOnly: f.specsOnly}
	if err := trial.Prepare(drawn); err != nil {
		return false, err
	}
	c := mutate.Campaign{Trial: trial, Equivalents: equivalents, Dir: f.dir, Workers: f.workers, Out: out}
	verdicts, err := c.Run(drawn)
	if err != nil {
		return false, err
	}
	fmt.Fprintf(out, "\n%s %s\n\n%s", report.Count(len(drawn), "mutant"), f.origin(), mutate.Table(verdicts))
	for _, file := range trial.LeftOut() {
		fmt.Fprintf(out, "left out, since it fails while no mutant is active: %s\n", file)
	}
	for i, v := range verdicts {
		if !v.Survived() {
			continue
		}
		if f.survivors {
			fmt.Fprintf(out, "%s\n", drawn[i].Stanza("?"))
		}
		mark := ""
		if mutate.Covered(v.File) {
			survived, mark = true, ", which is marked as covered"
		}
		fmt.Fprintf(out, "survives: %v%s: %s\n", drawn[i], mark, filepath.Join(f.dir, v.ID+".patch"))
	}
	return survived, nil
}

// draw returns the mutants to try.
func (f *mutateFlags) draw(packages []*mutate.Package) ([]*mutate.Mutant, error) {
	if len(f.patches) == 0 {
		return mutate.Draw(packages, f.seed, f.n), nil
	}
	var all []*mutate.Mutant
	for _, name := range f.patches {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		m, err := mutate.Patched(packages, string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, m)
	}
	return all, nil
}

// origin says where the mutants come from.
func (f *mutateFlags) origin() string {
	if len(f.patches) > 0 {
		return "from patches"
	}
	return fmt.Sprintf("of seed %d", f.seed)
}
