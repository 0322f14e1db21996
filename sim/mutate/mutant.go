package mutate

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/Zezezknight/cryptomem/sim/script"
)

// A Mutant is one small change to one file of the product.
type Mutant struct {
	Package *Package
	// File from the module's root.
	File   string
	Line   int
	Column int
	// Func that it is in, such as "shard.take"; empty outside of functions.
	Func string
	// Kind of change, such as "comparison".
	Kind string

	// Lines of that function, from first to last.
	first, last int

	// source of the whole file.
	source []byte
	// What is replaced.
	from, to int
	with     string
}

// ID identifies the mutant as long as its file stays as it is.
func (m *Mutant) ID() string {
	h := uint64(len(m.source))
	for _, text := range []string{m.File, m.with, string(m.source)} {
		for _, b := range []byte(text) {
			h = (h ^ uint64(b)) * 1099511628211
		}
	}
	return fmt.Sprintf("%016x", script.Draw(h, uint64(m.from), uint64(m.to)))
}

// Apply returns the file with the change in it.
func (m *Mutant) Apply() []byte {
	altered := append([]byte(nil), m.source[:m.from]...)
	altered = append(altered, m.with...)
	return append(altered, m.source[m.to:]...)
}

// String returns where the mutant is and of what kind.
func (m *Mutant) String() string {
	return fmt.Sprintf("%s:%d %s: %s", m.File, m.Line, m.Func, m.Kind)
}

// Change returns the lines that the mutant takes out and puts in.
func (m *Mutant) Change() (out, in []string) {
	_, out, in = m.lines()
	return out, in
}

// lines returns the number of the first changed line, from 0, and the changed
// lines before and after.
func (m *Mutant) lines() (first int, before, after []string) {
	before = strings.Split(string(m.source), "\n")
	after = strings.Split(string(m.Apply()), "\n")
	for first < min(len(before), len(after)) && before[first] == after[first] {
		first++
	}
	before, after = before[first:], after[first:]
	for len(before) > 0 && len(after) > 0 && before[len(before)-1] == after[len(after)-1] {
		before, after = before[:len(before)-1], after[:len(after)-1]
	}
	return first, before, after
}

// around is how many lines a patch shows around a change.
const around = 3

// Patch returns the change as "patch -p1" and "git apply" read it.
func (m *Mutant) Patch() string {
	first, before, after := m.lines()
	all := strings.Split(strings.TrimSuffix(string(m.source), "\n"), "\n")
	from := max(first-around, 0)
	to := min(first+len(before)+around, len(all))
	var b strings.Builder
	fmt.Fprintf(&b, "--- a/%s\n+++ b/%s\n@@ -%d,%d +%d,%d @@ %s\n", m.File, m.File, from+1, to-from, from+1, to-from-len(before)+len(after), m.Func)
	write := func(mark string, lines []string) {
		for _, l := range lines {
			b.WriteString(mark + l + "\n")
		}
	}
	write(" ", all[from:first])
	write("-", before)
	write("+", after)
	write(" ", all[first+len(before):to])
	return b.String()
}

// Overlay writes the altered file and an overlay for the go command to dir, and
// returns the overlay's name.
func (m *Mutant) Overlay(dir string) (string, error) {
	altered := filepath.Join(dir, "mutant.go")
	text, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(m.Package.root, m.File): altered}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(altered, m.Apply(), 0o600); err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, text, 0o600)
}
