package mutate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// A Package is a package of the product, parsed and with its types.
type Package struct {
	// Path of import.
	Path string
	Dir  string // absolute
	// The packages whose specs see it: its own, then those that import it.
	Specs []string

	// The module's directory.
	root  string
	fset  *token.FileSet
	files []*ast.File
	// sources by absolute file name.
	sources map[string][]byte
	info    *types.Info
	lookup  types.Importer
}

// listed is what "go list" says of a package.
type listed struct {
	ImportPath   string
	Dir          string
	Export       string
	GoFiles      []string
	TestGoFiles  []string
	XTestGoFiles []string
	Imports      []string
	TestImports  []string
	XTestImports []string
	DepOnly      bool
	Module       *struct{ Dir string }
}

// Load reads the packages that patterns name, as the go command understands
// them in directory dir.
func Load(dir string, patterns ...string) ([]*Package, error) {
	list, err := goList(dir, append([]string{"-deps", "-export", "--"}, patterns...))
	if err != nil {
		return nil, err
	}
	all, err := goList(dir, []string{"--", "./..."})
	if err != nil {
		return nil, err
	}
	exports := map[string]string{}
	for _, l := range list {
		exports[l.ImportPath] = l.Export
	}
	var packages []*Package
	for _, l := range list {
		if l.DepOnly || l.Module == nil || len(l.GoFiles) == 0 {
			continue
		}
		p, err := load(l, exports)
		if err != nil {
			return nil, err
		}
		p.Specs = specsOf(l.ImportPath, all)
		packages = append(packages, p)
	}
	if len(packages) == 0 {
		return nil, fmt.Errorf("no package of this module matches %q", patterns)
	}
	slices.SortFunc(packages, func(a, b *Package) int { return bytes.Compare([]byte(a.Path), []byte(b.Path)) })
	return packages, nil
}

func goList(dir string, args []string) ([]listed, error) {
	list := exec.Command("go", append([]string{"list", "-json"}, args...)...) //nolint:gosec // G204: packages that the caller names
	list.Dir = dir
	var errs bytes.Buffer
	list.Stderr = &errs
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, bytes.TrimSpace(errs.Bytes()))
	}
	var all []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listed
		err := decoder.Decode(&l)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
}

// specsOf returns the packages whose specs run the code of path.
func specsOf(path string, all []listed) []string {
	var own, others []string
	for i := range all {
		l := &all[i]
		if len(l.TestGoFiles)+len(l.XTestGoFiles) == 0 {
			continue
		}
		switch {
		case l.ImportPath == path:
			own = append(own, path)
		case slices.Contains(l.Imports, path), slices.Contains(l.TestImports, path), slices.Contains(l.XTestImports, path):
			others = append(others, l.ImportPath)
		}
	}
	return append(own, others...)
}

func load(l listed, exports map[string]string) (*Package, error) {
	p := &Package{
		Path: l.ImportPath, Dir: l.Dir, root: l.Module.Dir, fset: token.NewFileSet(), sources: map[string][]byte{},
		info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}},
	}
	p.lookup = importer.ForCompiler(p.fset, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("no export data of %s", path)
		}
		return os.Open(exports[path])
	})
	for _, name := range l.GoFiles {
		name = filepath.Join(l.Dir, name)
		source, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		file, err := parser.ParseFile(p.fset, name, source, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		p.files = append(p.files, file)
		p.sources[name] = source
	}
	return p, p.check(p.files, p.info)
}

func (p *Package) check(files []*ast.File, info *types.Info) error {
	config := types.Config{Importer: p.lookup, GoVersion: "go1.26"}
	_, err := config.Check(p.Path, p.fset, files, info)
	return err
}

// Compiles reports whether the package still does with m in it.
func (p *Package) Compiles(m *Mutant) bool {
	files := slices.Clone(p.files)
	for i, f := range files {
		name := p.fset.Position(f.Package).Filename
		if name != filepath.Join(p.root, m.File) {
			continue
		}
		altered, err := parser.ParseFile(p.fset, name, m.Apply(), parser.SkipObjectResolution)
		if err != nil {
			return false
		}
		files[i] = altered
	}
	return p.check(files, nil) == nil
}
