package mutate

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// asleep are the specs of a package with the mutants of a schema in them.
type asleep struct {
	bin  string
	took time.Duration
	// Mutants whose function is called, and the files of specs that it is called
	// from: "-" stands for goroutines that belong to no spec.
	reached map[int][]string
}

// putToSleep builds the simulator with the mutants in it, and demands that it
// finds nothing while they sleep.
func (t *Trial) putToSleep(mutants []*Mutant) (err error) {
	if t.schema, err = newSchema(t.Dir, mutants); err != nil {
		return err
	}
	if err := t.build("build", t.schema.overlay, t.sleepingSim(), "./sim/cmd"); err != nil {
		return err
	}
	how, err := t.simulate(t.sleepingSim(), unhurried)
	if err == nil && how != "" {
		err = fmt.Errorf("the simulator fails while all mutants sleep: %s", how)
	}
	return err
}

func (t *Trial) sleepingSim() string { return filepath.Join(t.Dir, "sim-asleep") }

// awake tries a mutant of the schema.
func (t *Trial) awake(m *Mutant, number int, v *Verdict) (err error) {
	wake := []string{envMutant + "=" + strconv.Itoa(number)}
	if v.Run = t.covered.runs(m); v.Run {
		if v.How, err = t.simulate(t.sleepingSim(), t.limit(t.slowest), wake...); err != nil {
			return err
		}
		if v.How != "" {
			v.By = "simulator"
			return nil
		}
	}
	judges := t.judges(m)
	if len(judges) > 1 {
		slices.SortStableFunc(judges[1:], func(a, b string) int { return cmp.Compare(t.usual(a), t.usual(b)) })
	}
	for _, pkg := range judges {
		specs, err := t.specsAsleep(pkg)
		if err != nil {
			return err
		}
		if v.How, err = t.wake(specs, pkg, number, wake); err != nil {
			return err
		}
		if v.How != "" {
			v.By = "specs"
			return nil
		}
	}
	return nil
}

// wake runs the specs that a mutant can be seen by.
func (t *Trial) wake(specs asleep, pkg string, number int, wake []string) (how string, err error) {
	files := specs.reached[number]
	if len(files) == 0 {
		return "", nil
	}
	if _, flags, err := t.specFlags(pkg); err != nil || !slices.Contains(flags, failFast) {
		if err == nil {
			how, err = t.runSpecs(specs.bin, pkg, t.limit(specs.took), wake)
		}
		return how, err
	}
	var focus []string
	for _, file := range files {
		if file != "-" {
			focus = append(focus, "--ginkgo.focus-file=/"+regexp.QuoteMeta(file))
		}
	}
	if len(focus) > 0 {
		how, err = t.runSpecs(specs.bin, pkg, t.limit(specs.took), wake, focus...)
	}
	if err == nil && how == "" && slices.Contains(files, "-") {
		how, err = t.runSpecs(specs.bin, pkg, t.limit(specs.took), wake)
	}
	return how, err
}

// usual is how long the specs of a package take, for ever if they did not run yet.
func (t *Trial) usual(pkg string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if took, known := t.took[pkg]; known {
		return took
	}
	return math.MaxInt64
}

// specsAsleep builds the specs of a package with the schema, and runs them once
// while all mutants sleep: they must pass then.
func (t *Trial) specsAsleep(pkg string) (asleep, error) {
	t.mu.Lock()
	once := t.asleep[pkg]
	if once == nil {
		once = sync.OnceValues(func() (asleep, error) { return t.fallAsleep(pkg) })
		t.asleep[pkg] = once
	}
	t.mu.Unlock()
	return once()
}

func (t *Trial) fallAsleep(pkg string) (asleep, error) {
	name := filepath.Join(t.Dir, "asleep-"+strings.ReplaceAll(pkg, "/", "-"))
	a := asleep{bin: name, reached: map[int][]string{}}
	if err := t.build("test", t.schema.overlay, a.bin, pkg); err != nil {
		return a, err
	}
	began := t.Clock.Now()
	record := []string{envMutant + "=" + recording, envRecord + "=" + name + ".reached"}
	if said, err := t.runSpecs(a.bin, pkg, unhurried, record); err != nil || said != "" {
		return a, errors.Join(err, fmt.Errorf("the specs of %s fail while all mutants sleep: %s", pkg, said))
	}
	a.took = t.Clock.Since(began)
	// there is no file if they reach none
	text, _ := readText(name + ".reached")
	for line := range strings.Lines(text) {
		var n int
		var file string
		if _, err := fmt.Sscan(line, &n, &file); err == nil && !slices.Contains(a.reached[n], file) {
			a.reached[n] = append(a.reached[n], file)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.took[pkg] = a.took
	return a, nil
}
