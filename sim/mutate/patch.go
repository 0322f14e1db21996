package mutate

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ByHand is the kind of mutants that were read from patches.
const ByHand = "by hand"

// Patched returns the mutant that a patch makes of one file of the packages. A
// survivor's patch is tried again in this way once there is a spec for it.
func Patched(packages []*Package, patch string) (*Mutant, error) {
	file, err := patchedFile(patch)
	if err != nil {
		return nil, err
	}
	for _, p := range packages {
		for name, source := range p.sources {
			if name == filepath.Join(p.root, filepath.FromSlash(file)) {
				return p.patched(file, source, patch)
			}
		}
	}
	return nil, fmt.Errorf("%s is not in the packages", file)
}

// patchedFile is the file that a patch changes, from the module's root.
func patchedFile(patch string) (string, error) {
	for line := range strings.Lines(patch) {
		if file, ok := strings.CutPrefix(line, "+++ b/"); ok {
			return strings.TrimSpace(file), nil
		}
	}
	return "", errors.New("the patch names no file")
}

func (p *Package) patched(file string, source []byte, patch string) (*Mutant, error) {
	altered, err := applyPatch(file, source, patch)
	if err != nil {
		return nil, err
	}
	from := 0
	for from < min(len(source), len(altered)) && source[from] == altered[from] {
		from++
	}
	to, end := len(source), len(altered)
	for to > from && end > from && source[to-1] == altered[end-1] {
		to, end = to-1, end-1
	}
	m := &Mutant{Package: p, File: file, Kind: ByHand, source: source, from: from, to: to, with: string(altered[from:end])}
	before := string(source[:from])
	m.Line, m.Column = strings.Count(before, "\n")+1, from-strings.LastIndex(before, "\n")
	if f := (&mutatedPackage{p: p}).function(m); f != nil {
		m.Func = functionName(f)
		m.first, m.last = p.fset.Position(f.Pos()).Line, p.fset.Position(f.End()).Line
	}
	return m, nil
}

// applyPatch returns the source with the patch in it.
func applyPatch(file string, source []byte, patch string) (altered []byte, err error) {
	dir, err := os.MkdirTemp("", "patch")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	name := filepath.Join(dir, filepath.FromSlash(file))
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(name, source, 0o600); err != nil {
		return nil, err
	}
	apply := exec.Command("git", "apply", "-")
	apply.Dir, apply.Stdin = dir, strings.NewReader(patch)
	if text, err := apply.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("the patch does not fit %s: %w: %s", file, err, text)
	}
	return os.ReadFile(name)
}
