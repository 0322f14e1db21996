package mutate

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/benbjohnson/clock"
)

// A Trial shows mutants to the simulator and to the specs. Safe for concurrent
// use.
type Trial struct {
	// The module's directory.
	Root string
	// Dir is for build output; the caller removes it.
	Dir   string
	Clock clock.Clock
	// Seeds that the simulator may run on tier 1; a tenth of them on tier 2.
	Seeds int
	// A program that takes ten times as long as without a mutant, and this besides, hangs.
	Grace time.Duration

	// Near says that of the specs only those of the mutant's own package run.
	Near bool
	// SpecsOnly says that the simulator runs not at all.
	SpecsOnly bool

	rounds []*round
	schema *schema

	// Guards what follows.
	mu       sync.Mutex
	flags    map[string]func() (specFlags, error)
	controls map[string]func() (control, error)
	inSchema map[string]func() (schemaSpecs, error)
	// how long the specs of a package take.
	took    map[string]time.Duration
	leftOut []string
}

// A control is a program as it is without a mutant.
type control struct {
	hash string
	took cost
}

// A Verdict says whether and how a mutant was found.
type Verdict struct {
	ID   string
	File string
	Line int
	Func string
	Kind string

	// The simulator runs the code.
	Run bool
	// What found it: "simulator" or "specs"; empty if it survived.
	By string
	// Rule or package that was broken.
	How     string
	Seconds float64
	// The recorded reason why no test can find it.
	Equivalent string
}

// Survived reports whether neither the simulator nor the specs found the mutant,
// without a recorded reason.
func (v *Verdict) Survived() bool { return v.By == "" && v.Equivalent == "" }

// errBuild is that a mutant does not build.
var errBuild = errors.New("does not build")

// Prepare builds the simulator as it is, demands that it finds nothing, and
// takes note of the code that it runs. Then it builds it with all the mutants.
func (t *Trial) Prepare(mutants []*Mutant) error {
	t.controls, t.inSchema = map[string]func() (control, error){}, map[string]func() (schemaSpecs, error){}
	t.took, t.flags = map[string]time.Duration{}, map[string]func() (specFlags, error){}
	if !t.SpecsOnly {
		if err := t.measure(); err != nil {
			return err
		}
	}
	return t.buildSchema(mutants)
}

// Try returns the verdict on m. dir is empty and m's own.
func (t *Trial) Try(m *Mutant, dir string) (*Verdict, error) {
	v := &Verdict{ID: m.ID(), File: m.File, Line: m.Line, Func: m.Func, Kind: m.Kind}
	began := t.Clock.Now()
	defer func() { v.Seconds = t.Clock.Since(began).Seconds() }()
	overlay, err := m.Overlay(dir)
	if err != nil {
		return nil, err
	}
	if number := t.schema.numbers[v.ID]; number > 0 {
		if err := t.tryInSchema(m, number, v); err != nil || v.By != "" {
			return v, err
		}
		changed, err := t.changes(m, overlay, dir)
		if !changed {
			v.Run, v.Equivalent = false, sameProgram
		}
		return v, err
	}
	return v, t.alone(m, overlay, dir, v)
}

const sameProgram = "it compiles to the same program"

// alone tries a mutant that is built on its own.
func (t *Trial) alone(m *Mutant, overlay, dir string, v *Verdict) error {
	changed := false
	if !t.SpecsOnly {
		bin := filepath.Join(dir, "sim")
		if err := t.build("build", overlay, bin, "./sim/cmd"); err != nil {
			return err
		}
		var err error
		if changed, _, err = t.changed("build", bin, "./sim/cmd"); err != nil {
			return err
		}
		if v.Run = changed && t.runs(m); v.Run {
			if v.How = t.simulate(bin, m); v.How != "" {
				v.By = "simulator"
				return nil
			}
		}
	}
	for _, pkg := range t.judges(m) {
		how, differs, err := t.specs(pkg, overlay, dir)
		if err != nil {
			return err
		}
		changed = changed || differs
		if how != "" {
			v.By, v.How = "specs", how
			return nil
		}
	}
	if !changed {
		v.Equivalent = sameProgram
	}
	return nil
}

// changes reports whether a mutant makes another program of the simulator or of
// the specs of its package.
func (t *Trial) changes(m *Mutant, overlay, dir string) (bool, error) {
	bin := filepath.Join(dir, "program")
	if !t.SpecsOnly {
		if err := t.build("build", overlay, bin, "./sim/cmd"); err != nil {
			return false, err
		}
		if changed, _, err := t.changed("build", bin, "./sim/cmd"); err != nil || changed {
			return changed, err
		}
	}
	for _, pkg := range t.judges(m)[:1] {
		if err := t.build("test", overlay, bin, pkg); err != nil {
			return false, err
		}
		if changed, _, err := t.changed("test", bin, pkg); err != nil || changed {
			return changed, err
		}
	}
	return false, nil
}

// judges returns the packages whose specs may find a mutant. The simulator has
// had its turn.
func (t *Trial) judges(m *Mutant) []string {
	all := slices.DeleteFunc(slices.Clone(m.Package.Specs), func(pkg string) bool { return strings.Contains(pkg, "/sim") })
	if t.Near {
		return all[:min(len(all), 1)]
	}
	return all
}

// build builds a program, or the specs of a package, so that the same code
// comes to the same bytes.
func (t *Trial) build(how, overlay, bin, pkg string, flags ...string) error {
	args := []string{"build"}
	if how == "test" {
		args = []string{"test", "-c", "-vet=off"}
	}
	args = append(args, "-trimpath", "-buildvcs=false", "-ldflags=-buildid=", "-o", bin)
	args = append(args, flags...)
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	build := exec.Command("go", append(args, pkg)...) //nolint:gosec // G204: our own packages
	build.Dir = t.Root
	if text, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %w: %s", pkg, errBuild, bytes.TrimSpace(text))
	}
	return nil
}

// changed reports whether a program that was built with a mutant is another one
// than without, and what it is without.
func (t *Trial) changed(how, bin, pkg string) (bool, control, error) {
	t.mu.Lock()
	without := t.controls[pkg]
	if without == nil {
		without = sync.OnceValues(func() (control, error) { return t.control(how, pkg) })
		t.controls[pkg] = without
	}
	t.mu.Unlock()
	c, err := without()
	if err != nil {
		return false, c, err
	}
	got, err := hash(bin)
	return got != c.hash, c, err
}

// control builds a program without a mutant. Specs must pass then.
func (t *Trial) control(how, pkg string) (control, error) {
	plain := filepath.Join(t.Dir, "control-"+strings.ReplaceAll(pkg, "/", "-"))
	if err := t.build(how, "", plain, pkg); err != nil {
		return control{}, err
	}
	var took cost
	if how == "test" {
		said, usual, err := t.runSpecs(plain, pkg, unhurried, nil)
		if err != nil || said != "" {
			return control{}, errors.Join(err, fmt.Errorf("the specs of %s fail without any mutant: %s", pkg, said))
		}
		took = usual
	}
	h, err := hash(plain)
	return control{h, took}, err
}

func hash(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	// it was only read
	defer func() { _ = f.Close() }()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return string(h.Sum(nil)), err
}

// specs returns how the specs of a package find a mutant, and whether it makes
// another program of them.
func (t *Trial) specs(pkg, overlay, dir string) (how string, differs bool, err error) {
	bin := filepath.Join(dir, "specs")
	if err := t.build("test", overlay, bin, pkg); err != nil {
		if t.build("build", overlay, os.DevNull, pkg) != nil {
			return "", false, err
		}
		// The package builds: a constant that its specs use can be theirs no more.
		return pkg + ": its specs do not build", true, nil
	}
	differs, c, err := t.changed("test", bin, pkg)
	if err == nil && differs {
		how, _, err = t.runSpecs(bin, pkg, t.limit(c.took), nil)
	}
	return how, differs, err
}

// specRuns is how often specs must fail in a row: a busy machine makes some fail
// once in a while.
const specRuns = 2

// runSpecs returns how specs fail, nothing if they pass, and what they take.
func (t *Trial) runSpecs(bin, pkg string, limit cost, env []string, focus ...string) (how string, took cost, err error) {
	f, err := t.specFlags(pkg)
	if err != nil {
		return "", cost{}, err
	}
	flags := slices.Concat(f.flags, focus)
	for range specRuns {
		text, took, err := t.run(f.dir, limit, env, bin, flags...)
		if err == nil {
			return "", took, nil
		}
		if how = fmt.Sprintf("%s: %s", pkg, blame(text, err)); errors.Is(err, errSpins) {
			break
		}
	}
	return how, cost{}, nil
}

// failFast is a flag of Ginkgo.
const failFast = "--ginkgo.fail-fast"

// specFlags are the folder that the tests of a package run in, and the flags that
// end them at the first failure. Tests without Ginkgo do not know its flags.
type specFlags struct {
	dir   string
	flags []string
}

func (t *Trial) specFlags(pkg string) (specFlags, error) {
	t.mu.Lock()
	once := t.flags[pkg]
	if once == nil {
		once = sync.OnceValues(func() (specFlags, error) { return t.listFlags(pkg) })
		t.flags[pkg] = once
	}
	t.mu.Unlock()
	return once()
}

func (t *Trial) listFlags(pkg string) (f specFlags, err error) {
	const format = `{{.Dir}}{{range .TestImports}} {{.}}{{end}}{{range .XTestImports}} {{.}}{{end}}`
	list := exec.Command("go", "list", "-f", format, pkg) //nolint:gosec // G204: our own package
	list.Dir = t.Root
	out, err := list.Output()
	if err != nil {
		return f, fmt.Errorf("go list %s: %w", pkg, err)
	}
	dir, imports, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	f = specFlags{dir, []string{"-test.timeout=0", "-test.failfast"}}
	if strings.Contains(imports, "github.com/onsi/ginkgo/v2") {
		f.flags = append(f.flags, failFast, "--ginkgo.no-color")
	}
	return f, nil
}

// blame is what a failing program says is wrong, in one line.
func blame(text string, err error) string {
	if errors.Is(err, errHangs) || errors.Is(err, errSpins) || errors.Is(err, errGreedy) {
		return err.Error()
	}
	// Of tests within tests, the one inside says more.
	for _, mark := range []string{`{"seed"`, "[FAIL]", "panic:", "fatal error:", "    --- FAIL", "--- FAIL", "Timed Out"} {
		if at := strings.Index(text, mark); at >= 0 {
			line, _, _ := strings.Cut(text[at:], "\n")
			line = strings.TrimSpace(line)
			return line[:min(len(line), 160)]
		}
	}
	text = strings.TrimSpace(text)
	return err.Error() + " " + text[max(0, len(text)-160):]
}
