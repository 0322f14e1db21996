package mutate

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// schemaSpecs are the specs of a package, built with the mutants of a schema. They run
// a file at a time, the quickest first.
type schemaSpecs struct {
	bin   string
	took  time.Duration
	files []specFile
}

// A specFile is a file of specs. Tests without Ginkgo are as one file without a
// focus.
type specFile struct {
	name    string
	focus   []string
	took    cost
	reached map[int]bool
}

// buildSchema builds the simulator with the mutants in it, and demands that it
// finds nothing while none is active.
func (t *Trial) buildSchema(mutants []*Mutant) (err error) {
	if t.schema, err = newSchema(t.Dir, mutants); err != nil {
		return err
	}
	if t.SpecsOnly {
		return nil
	}
	if err := t.build("build", t.schema.overlay, t.schemaSim(), "./sim/cmd"); err != nil {
		return err
	}
	if how := t.simulate(t.schemaSim(), nil); how != "" {
		return fmt.Errorf("the simulator fails while no mutant is active: %s", how)
	}
	return nil
}

func (t *Trial) schemaSim() string { return filepath.Join(t.Dir, "sim-schema") }

// tryInSchema tries a mutant of the schema.
func (t *Trial) tryInSchema(m *Mutant, number int, v *Verdict) (err error) {
	activate := []string{envMutant + "=" + strconv.Itoa(number)}
	v.Run = t.runs(m)
	if v.How = t.simulate(t.schemaSim(), m, activate...); v.How != "" {
		v.By = "simulator"
		return nil
	}
	judges := t.judges(m)
	if len(judges) > 1 {
		slices.SortStableFunc(judges[1:], func(a, b string) int { return cmp.Compare(t.usual(a), t.usual(b)) })
	}
	for _, pkg := range judges {
		specs, err := t.specsInSchema(pkg)
		if err != nil {
			return err
		}
		for _, file := range specs.files {
			if !file.reached[number] {
				continue
			}
			if v.How, _, err = t.runSpecs(specs.bin, pkg, t.limit(file.took), activate, file.focus...); err != nil {
				return err
			}
			if v.How != "" {
				v.By = "specs"
				return nil
			}
		}
	}
	return nil
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

// specsInSchema builds the specs of a package with the schema, and runs them once
// while no mutant is active.
func (t *Trial) specsInSchema(pkg string) (schemaSpecs, error) {
	t.mu.Lock()
	once := t.inSchema[pkg]
	if once == nil {
		once = sync.OnceValues(func() (schemaSpecs, error) { return t.buildSpecs(pkg) })
		t.inSchema[pkg] = once
	}
	t.mu.Unlock()
	return once()
}

func (t *Trial) buildSpecs(pkg string) (schemaSpecs, error) {
	a := schemaSpecs{bin: filepath.Join(t.Dir, "specs-"+strings.ReplaceAll(pkg, "/", "-"))}
	if err := t.build("test", t.schema.overlay, a.bin, pkg); err != nil {
		return a, err
	}
	files, err := t.specFiles(pkg)
	if err != nil {
		return a, err
	}
	for _, file := range files {
		if err := t.record(a.bin, pkg, &file); err != nil {
			return a, err
		}
		a.took += file.took.time
		a.files = append(a.files, file)
	}
	slices.SortStableFunc(a.files, func(x, y specFile) int { return cmp.Compare(x.took.time, y.took.time) })
	t.mu.Lock()
	defer t.mu.Unlock()
	t.took[pkg] = a.took
	return a, nil
}

// record finds out which mutants a file of specs reaches. If its specs fail while
// none is active, it cannot judge, and is left out.
func (t *Trial) record(bin, pkg string, file *specFile) error {
	name := bin + "-" + file.name + ".reached"
	if err := openToAll(name); err != nil {
		return err
	}
	said, took, err := t.runSpecs(bin, pkg, unhurried, []string{envMutant + "=" + recording, envRecord + "=" + name}, file.focus...)
	if err != nil {
		return err
	}
	file.took, file.reached = took, map[int]bool{}
	if said != "" {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.leftOut = append(t.leftOut, file.name+" of "+said)
		return nil
	}
	text, err := readText(name)
	if err != nil {
		return err
	}
	for _, field := range strings.Fields(text) {
		if n, err := strconv.Atoi(field); err == nil {
			file.reached[n] = true
		}
	}
	return nil
}

// openToAll makes an empty file that anyone may write to: specs run their own program as
// other users, too.
func openToAll(name string) error {
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		return err
	}
	return errors.Join(os.Chmod(name, 0o666), os.Chmod(filepath.Dir(name), 0o711)) //nolint:gosec // G302: it holds numbers
}

// LeftOut returns the files of specs that fail while no mutant is active, and so
// could not judge.
func (t *Trial) LeftOut() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.leftOut)
}

// specFiles lists the files of a package's specs.
func (t *Trial) specFiles(pkg string) (files []specFile, err error) {
	f, err := t.specFlags(pkg)
	if err != nil || !slices.Contains(f.flags, failFast) {
		return []specFile{{name: "all"}}, err
	}
	list, err := goList(t.Root, []string{"--", pkg})
	if err != nil {
		return nil, err
	}
	for _, l := range list {
		for _, name := range slices.Concat(l.TestGoFiles, l.XTestGoFiles) {
			files = append(files, specFile{name: name, focus: []string{"--ginkgo.focus-file=/" + regexp.QuoteMeta(name) + "$"}})
		}
	}
	return files, nil
}
