// Package plant puts known bugs into the product, to see whether the simulator
// finds them.
//
// A planted bug is a file in bugs/: what is wrong, in a comment; the rules that it
// breaks, by one of which it must be found; the file of the product that it is in;
// and lines to take out (-) and to put in (+), between lines that stay. Indentation
// does not count.
//
//	# An item is still there at the very instant of its expiry.
//	rule model
//	cache/record.go
//	- return r.expiry == 0 || now < r.expiry
//	+ return r.expiry == 0 || now <= r.expiry
//
// A line "specs ./sim/attack FOCUS" leaves it to specs of that package, where the
// simulator cannot see what is wrong: what one peer takes from all others.
//
// Nothing in the product knows of it. The altered file takes the place of the
// real one in a build with the compiler's -overlay flag.
package plant

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

//go:embed bugs/*.bug
var bugs embed.FS

// A Plant is a bug to be planted.
type Plant struct {
	Name string
	// What is wrong.
	Bug string
	// File of the product, from the module's root.
	File string
	// One of which it is found by.
	Rules []string
	// Tier of the simulator, that has to find it.
	Tier int
	// Shell is that the server has to run on a simulated kernel for that.
	Shell bool
	// It makes runs differ, and shows only in comparing two.
	Twice bool
	// The package whose specs have to find it, in place of the simulator.
	Specs string
	// And which of them.
	Focus string
	edit  []line
}

type line struct {
	// ' ', '-' or '+'.
	op   byte
	text string
}

// All returns the bugs, in the order of their names.
func All() ([]Plant, error) {
	entries, err := bugs.ReadDir("bugs")
	if err != nil {
		return nil, err
	}
	var all []Plant
	for _, e := range entries {
		text, err := bugs.ReadFile(path.Join("bugs", e.Name()))
		if err != nil {
			return nil, err
		}
		p, err := parse(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		p.Name = strings.TrimSuffix(e.Name(), ".bug")
		all = append(all, p)
	}
	return all, nil
}

func parse(text string) (Plant, error) {
	p := Plant{Tier: 1}
	for l := range strings.Lines(text) {
		l = strings.TrimRight(l, "\n")
		switch {
		case strings.TrimSpace(l) == "":
		case strings.HasPrefix(l, "# "):
			p.Bug = strings.TrimSpace(p.Bug + " " + l[2:])
		case strings.HasPrefix(l, "rule "):
			p.Rules = strings.Fields(l)[1:]
		case l == "tier 2":
			p.Tier = 2
		case l == "tier 2 shell":
			p.Tier, p.Shell = 2, true
		case strings.HasPrefix(l, "specs "):
			p.Specs, p.Focus, _ = strings.Cut(strings.TrimPrefix(l, "specs "), " ")
		case l == "twice":
			p.Twice = true
		case p.File == "":
			p.File = l
		case len(l) > 1 && strings.ContainsRune("-+ ", rune(l[0])):
			p.edit = append(p.edit, line{l[0], strings.TrimSpace(l[1:])})
		default:
			return p, fmt.Errorf("%q is none of # - + and a file's name", l)
		}
	}
	if p.Bug == "" || p.File == "" || len(p.edit) == 0 || len(p.Rules) == 0 && p.Specs == "" {
		return p, errors.New("a planted bug has a comment, a rule or specs, a file and an edit")
	}
	return p, nil
}

// Apply returns source with the bug in it. The lines it is put between must be
// there exactly once.
func (p *Plant) Apply(source string) (string, error) {
	lines := strings.Split(source, "\n")
	var old []string
	for _, e := range p.edit {
		if e.op != '+' {
			old = append(old, e.text)
		}
	}
	at := -1
	for i := 0; i+len(old) <= len(lines); i++ {
		if !matches(lines[i:], old) {
			continue
		}
		if at >= 0 {
			return "", fmt.Errorf("%s fits %s twice, in lines %d and %d", p.Name, p.File, at+1, i+1)
		}
		at = i
	}
	if at < 0 {
		return "", fmt.Errorf("%s no longer fits %s, which has changed", p.Name, p.File)
	}
	var b strings.Builder
	for _, l := range lines[:at] {
		b.WriteString(l + "\n")
	}
	for _, e := range p.edit {
		if e.op != '-' {
			b.WriteString(e.text + "\n")
		}
	}
	b.WriteString(strings.Join(lines[at+len(old):], "\n"))
	return b.String(), nil
}

func matches(lines, old []string) bool {
	for i := range old {
		if strings.TrimSpace(lines[i]) != old[i] {
			return false
		}
	}
	return true
}

// Overlay writes the altered file and an overlay for the go command to dir, and
// returns the overlay's name. root is the module's.
func (p *Plant) Overlay(root, dir string) (string, error) {
	real, err := filepath.Abs(filepath.Join(root, filepath.FromSlash(p.File)))
	if err != nil {
		return "", err
	}
	source, err := os.ReadFile(real)
	if err != nil {
		return "", err
	}
	altered, err := p.Apply(string(source))
	if err != nil {
		return "", err
	}
	fake := filepath.Join(dir, p.Name+".go")
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {real: fake}})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, p.Name+".json")
	if err := os.WriteFile(fake, []byte(altered), 0o600); err != nil {
		return "", err
	}
	return name, os.WriteFile(name, overlay, 0o600)
}
