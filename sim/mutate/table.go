package mutate

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
)

// A Tally counts the fates of mutants.
type Counts struct {
	All, Simulator, Specs, Equivalent, Survived int
	// In code that the simulator runs, equivalents left out.
	Run, RunSimulator int

	// Until they were found.
	seconds []float64
}

// Add counts one more.
func (t *Counts) Add(v *Verdict) {
	t.All++
	switch v.fate() {
	case "simulator":
		t.Simulator++
	case "specs":
		t.Specs++
	case "equivalent":
		t.Equivalent++
		return
	default:
		t.Survived++
	}
	if v.By != "" {
		t.seconds = append(t.seconds, v.Seconds)
	}
	if v.Run {
		t.Run++
		if v.By == "simulator" {
			t.RunSimulator++
		}
	}
}

// Found is the share of mutants that were found, equivalents left out, in
// percent.
func (t *Counts) Found() float64 { return percent(t.Simulator+t.Specs, t.All-t.Equivalent) }

// FoundByRunning is the share that the simulator found of those in code that it
// runs, in percent.
func (t *Counts) FoundByRunning() float64 { return percent(t.RunSimulator, t.Run) }

func percent(n, of int) float64 {
	if of == 0 {
		return 100
	}
	return 100 * float64(n) / float64(of)
}

// median is how many seconds it took to find half of them.
func (t *Counts) median() float64 {
	if len(t.seconds) == 0 {
		return 0
	}
	slices.Sort(t.seconds)
	return t.seconds[len(t.seconds)/2]
}

// Table returns who found what, by package and by kind of change.
func Table(verdicts []*Verdict) string {
	var total Counts
	packages, kinds := map[string]*Counts{}, map[string]*Counts{}
	add := func(m map[string]*Counts, key string, v *Verdict) {
		if m[key] == nil {
			m[key] = &Counts{}
		}
		m[key].Add(v)
	}
	for _, v := range verdicts {
		total.Add(v)
		add(packages, path.Dir(v.File), v)
		add(kinds, v.Kind, v)
	}
	var b strings.Builder
	for _, group := range []map[string]*Counts{packages, kinds, {"all": &total}} {
		fmt.Fprintf(&b, "%-24s %7s %9s %6s %10s %8s %6s %14s %7s\n", "", "mutants", "simulator", "specs", "equivalent", "survived", "found", "sim. where run", "median")
		var names []string
		for name := range group {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			t := group[name]
			fmt.Fprintf(&b, "%-24s %7d %9d %6d %10d %8d %5.1f%% %13.1f%% %6.1fs\n", name, t.All, t.Simulator, t.Specs, t.Equivalent, t.Survived, t.Found(), t.FoundByRunning(), t.median())
		}
		b.WriteString("\n")
	}
	return b.String()
}

func readText(name string) (string, error) {
	b, err := os.ReadFile(name)
	return string(b), err
}
