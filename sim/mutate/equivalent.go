package mutate

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

//go:embed equivalents.txt
var equivalents string

// An Equivalent is a mutant that changes nothing observable, with the reason. It is
// identified by its file, its function and the lines that it changes, so that it is
// still recognised when other lines move.
//
//	# The buffer is only larger than it need be.
//	cache/shard.go shard.grow
//	- room := 2 * n
//	+ room := 3 * n
type Equivalent struct {
	Reason string
	File   string
	Func   string
	// Lines, without their indentation.
	Out []string
	In  []string
}

// Equivalents returns the recorded ones.
func Equivalents() ([]Equivalent, error) { return parseEquivalents(equivalents) }

func parseEquivalents(text string) ([]Equivalent, error) {
	var all []Equivalent
	for i, stanza := range strings.Split(text, "\n\n") {
		if strings.TrimSpace(stanza) == "" {
			continue
		}
		e, err := parseEquivalent(stanza)
		if err != nil {
			return nil, fmt.Errorf("equivalent mutant %d: %w", i+1, err)
		}
		all = append(all, e)
	}
	return all, nil
}

func parseEquivalent(stanza string) (Equivalent, error) {
	var e Equivalent
	for line := range strings.Lines(stanza) {
		line = strings.TrimSpace(line)
		mark, rest, _ := strings.Cut(line, " ")
		switch {
		case line == "":
		case mark == "#":
			e.Reason = strings.TrimSpace(e.Reason + " " + rest)
		case mark == "-":
			e.Out = append(e.Out, strings.TrimSpace(rest))
		case mark == "+":
			e.In = append(e.In, strings.TrimSpace(rest))
		case e.File == "":
			e.File, e.Func = mark, rest
		default:
			return e, fmt.Errorf("%q is none of # - + and a file's name", line)
		}
	}
	if e.Reason == "" || e.File == "" || len(e.Out)+len(e.In) == 0 {
		return e, errors.New("it wants a reason, a file, and lines that go or come")
	}
	return e, nil
}

// Is reports whether m is the mutant.
func (e *Equivalent) Is(m *Mutant) bool {
	if e.File != m.File || e.Func != m.Func {
		return false
	}
	out, in := m.Change()
	return same(e.Out, out) && same(e.In, in)
}

func same(trimmed, lines []string) bool {
	if len(trimmed) != len(lines) {
		return false
	}
	for i := range lines {
		if trimmed[i] != strings.TrimSpace(lines[i]) {
			return false
		}
	}
	return true
}

// Fits reports whether the lines that the mutant takes out are still in its
// file. One that does not fit is to be removed, or renewed.
func (e *Equivalent) Fits(root string) bool {
	source, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(e.File)))
	if err != nil {
		return false
	}
	lines := strings.Split(string(source), "\n")
	for i := 0; i+len(e.Out) <= len(lines); i++ {
		if same(e.Out, lines[i:i+len(e.Out)]) {
			return true
		}
	}
	return false
}

// Stanza returns the mutant as equivalents.txt has it, with that reason.
func (m *Mutant) Stanza(reason string) string {
	var b strings.Builder
	b.WriteString("# " + reason + "\n" + strings.TrimSpace(m.File+" "+m.Func) + "\n")
	out, in := m.Change()
	for _, l := range out {
		b.WriteString("- " + strings.TrimSpace(l) + "\n")
	}
	for _, l := range in {
		b.WriteString("+ " + strings.TrimSpace(l) + "\n")
	}
	return b.String()
}
