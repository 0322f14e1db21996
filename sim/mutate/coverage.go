package mutate

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// coverage holds which parts of the source were run.
type coverage struct {
	// blocks by file, from the module's root.
	blocks map[string][]block
}

type block struct {
	fromLine, fromColumn, toLine, toColumn int
	run                                    bool
}

// readCoverage reads what a program built with -cover left in a directory.
func readCoverage(root, dir string) (*coverage, error) {
	profile := filepath.Join(dir, "profile.txt")
	tool := exec.Command("go", "tool", "covdata", "textfmt", "-i", dir, "-o", profile) //nolint:gosec // G204: our own directory
	tool.Dir = root
	if text, err := tool.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("no coverage: %w: %s", err, text)
	}
	text, err := readText(profile)
	if err != nil {
		return nil, err
	}
	return parseCoverage(text), nil
}

// modulePath is what the names in a profile begin with.
const modulePath = "github.com/Zezezknight/cryptomem/"

func parseCoverage(profile string) *coverage {
	c := &coverage{blocks: map[string][]block{}}
	for line := range strings.Lines(profile) {
		name, rest, ok := strings.Cut(strings.TrimPrefix(line, modulePath), ":")
		var b block
		var statements, times int
		if n, err := fmt.Sscanf(rest, "%d.%d,%d.%d %d %d", &b.fromLine, &b.fromColumn, &b.toLine, &b.toColumn, &statements, &times); !ok || err != nil || n < 6 {
			continue // the first line says how it was counted
		}
		b.run = times > 0
		c.blocks[name] = append(c.blocks[name], b)
	}
	return c
}

// runs reports whether the code that m changes was run. Some belongs to no block:
// what the cases of a switch compare counts as run with anything of its function,
// and declarations always.
func (c *coverage) runs(m *Mutant) bool {
	held, near := false, m.Func == ""
	for _, b := range c.blocks[m.File] {
		if b.holds(m.Line, m.Column) {
			if b.run {
				return true
			}
			held = true
		}
		near = near || b.run && m.first <= b.fromLine && b.toLine <= m.last
	}
	return near && !held
}

func (b *block) holds(line, column int) bool {
	after := line > b.fromLine || line == b.fromLine && column >= b.fromColumn
	before := line < b.toLine || line == b.toLine && column <= b.toColumn
	return after && before
}
