package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/sim/exhaust"
	"github.com/Zezezknight/cryptomem/sim/report"
)

const exhaustUsage = `Usage:
    sim exhaust [flags]

Goes through small worlds completely: every order of deliveries, every place where a
link can be cut, every moment for the janitor, and every expiry just before, at and
just after it. What it finds is a scenario, and shortest first.

Flags:
%s
Exit codes: 0 every promise kept in all of them, 1 one broken, 2 wrong usage or not
gone through to the end.
`

// An exhaustion goes through worlds, several at a time.
type exhaustion struct {
	// A part of their names.
	worlds  string
	lasting time.Duration
	workers int
	write   string
	first   bool
	json    bool
	planted bool

	out   io.Writer
	clk   clock.Clock
	began time.Time

	// Guards everything below.
	mu       sync.Mutex
	progress time.Time
	states   int
	paths    int
	done     int
	whole    bool
	// best is the shortest.
	best *exhaust.Violation
	err  error
}

// exhaustAll is the command.
func exhaustAll(args []string, out, errs io.Writer) int {
	s := &exhaustion{out: out, clk: clock.New(), whole: true}
	set := pflag.NewFlagSet("sim exhaust", pflag.ContinueOnError)
	set.StringVar(&s.worlds, "worlds", "", "only worlds with this in the name of their family or their own")
	set.DurationVar(&s.lasting, "for", 0, "give up after so long")
	set.IntVar(&s.workers, "workers", runtime.GOMAXPROCS(0), "worlds to go through at a time")
	set.StringVar(&s.write, "write", "dist/sim", "write what is found as a scenario to this directory")
	set.BoolVar(&s.first, "first", false, "begin with chosen scripts, and stop at the first row of worlds in which something is broken")
	set.BoolVar(&s.json, "json", false, "print what is found as a line of JSON, and nothing else")
	var drawn int
	var commit string
	set.IntVar(&drawn, "draw", 0, "with --planted: so many of the bugs, drawn by --commit")
	set.StringVar(&commit, "commit", "", "a text to draw by, such as a commit's hash")
	set.BoolVar(&s.planted, "planted", false, "plant known bugs one by one and report how each is found; names may follow")
	set.Usage = func() { fmt.Fprintf(out, exhaustUsage, set.FlagUsages()) }
	err := parseFlags(set, args)
	if errors.Is(err, pflag.ErrHelp) {
		return 0
	}
	if err == nil && !s.planted && set.NArg() > 0 {
		err = unexpected(set.Arg(0))
	}
	if err == nil && s.workers < 1 {
		err = errors.New("there is nothing to run")
	}
	if err == nil && s.planted {
		return exhaustPlanted(set.Args(), drawn, commit, out, errs)
	}
	if err == nil {
		s.began = s.clk.Now()
		s.progress = s.began
		err = s.all()
	}
	switch {
	case err != nil:
		fmt.Fprintln(errs, "sim exhaust:", err)
		return 2
	case s.best != nil:
		return s.tell(errs)
	case !s.whole:
		fmt.Fprintf(errs, "sim exhaust: not gone through to the end within %v\n", s.lasting)
		return 2
	}
	return 0
}

// all goes through every family of worlds, those of few calls first.
func (s *exhaustion) all() error {
	s.say("%-38s %7s %9s %9s %6s\n", "worlds", "number", "states", "paths", "depth")
	number, families := 0, exhaust.Families()
	if s.first {
		// Worlds of one kind, which are small, before every choice of calls.
		chosen := func(f exhaust.Family) bool { return f.Chosen }
		every := slices.DeleteFunc(slices.Clone(families), chosen)
		families = slices.DeleteFunc(families, func(f exhaust.Family) bool { return !f.Chosen })
		families = append(families, every...)
	}
	for _, f := range families {
		if s.first && s.best != nil {
			break
		}
		var worlds []exhaust.World
		for _, w := range f.Worlds {
			if strings.Contains(f.Name, s.worlds) || strings.Contains(w.Name, s.worlds) {
				worlds = append(worlds, w)
			}
		}
		if len(worlds) == 0 {
			continue
		}
		number += len(worlds)
		states, paths, depth := s.family(worlds)
		if s.err != nil {
			return s.err
		}
		s.say("%-38s %7d %9d %9d %6d\n    %s\n", f.Name, len(worlds), states, paths, depth, f.Bounds)
	}
	if number == 0 {
		return fmt.Errorf("no world's name has %q in it", s.worlds)
	}
	if s.best == nil && s.whole {
		took := s.clk.Since(s.began).Seconds()
		s.say("%d worlds, %d states and %d paths in %.1fs: %.0f states/s, 0 failures\n", number, s.states, s.paths, took, float64(s.states)/took)
		s.say("States are distinct within their world, and added up over all of them. These are all\ncourses of events of these worlds, and each keeps every promise; of larger worlds this\nsays nothing.\n")
	}
	return nil
}

func (s *exhaustion) say(format string, args ...any) {
	if !s.json {
		fmt.Fprintf(s.out, format, args...)
	}
}

// family goes through the worlds of one, and returns what they come to together.
func (s *exhaustion) family(worlds []exhaust.World) (states, paths, depth int) {
	var workers sync.WaitGroup
	next := make(chan exhaust.World)
	for range s.workers {
		workers.Go(func() {
			for w := range next {
				r, err := exhaust.Explore(w, exhaust.Options{Stop: s.stop()})
				s.mu.Lock()
				if err != nil {
					s.err = err
				} else {
					s.add(r)
					states, paths, depth = states+r.States, paths+r.Paths, max(depth, r.Depth)
				}
				s.mu.Unlock()
			}
		})
	}
	for _, w := range worlds {
		next <- w
	}
	close(next)
	workers.Wait()
	return states, paths, depth
}

// add takes note of a world's result, under the lock.
func (s *exhaustion) add(r *exhaust.Result) {
	s.states += r.States
	s.paths += r.Paths
	s.done++
	if r.Violation.Less(s.best) {
		s.best = r.Violation
	}
	s.whole = s.whole && (r.Whole || s.best != nil)
	if now := s.clk.Now(); now.Sub(s.progress) >= 5*time.Second {
		s.progress = now
		s.say("  … %s, %s, %s\n", report.Count(s.done, "world"), report.Count(s.states, "state"), report.Count(s.paths, "path"))
	}
}

// stop returns what ends the search in a world early: that time is up, or that
// something as short was found already.
func (s *exhaustion) stop() func(int) bool {
	asked := 0
	return func(moves int) bool {
		if asked++; asked&63 != 1 {
			return false
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		found := s.best != nil && s.best.Moves <= moves
		return found || s.lasting > 0 && s.clk.Since(s.began) > s.lasting
	}
}

// tell reports the violation, writes it down, and returns the exit code.
func (s *exhaustion) tell(errs io.Writer) int {
	v := s.best
	if s.json {
		line, _ := json.Marshal(finding{0, v.Failure.Rule, v.Moves, v.Calls})
		fmt.Fprintf(s.out, "%s\n", line)
		return 1
	}
	name := filepath.Join(s.write, "exhaust-"+v.Failure.Rule+".txt")
	err := os.MkdirAll(s.write, 0o750)
	if err == nil {
		err = os.WriteFile(name, []byte(v.Script.String()), 0o600)
	}
	if err != nil {
		fmt.Fprintln(errs, "sim exhaust:", err)
		return 2
	}
	fmt.Fprintf(s.out, "\n%v\n\n%s\n", v.Failure, v.Script)
	if !s.first {
		fmt.Fprintln(s.out, "No world of these breaks anything in fewer moves.")
	}
	fmt.Fprintf(s.out, "replay: go run ./sim/cmd --scenario %s\n", name)
	return 1
}
