package mutate

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A schema is one program that holds many mutants, so that it is built once for all
// of them (Untch, Offutt and Harrold, Mutation Analysis Using Mutant
// Schemata, ISSTA 1993). The environment variable MUTANT activates one.
// Each mutant is a copy of its function with the change in it:
//
//	func (s *shard) room(n int) bool { if mutantActive == 7 { return s.mutant7_room(n) }
//		return n <= s.free
//	}
//
//	func (s *shard) mutant7_room(n int) bool {
//		return n < s.free
//	}
//
// With MUTANT=record, functions that are called write down which mutants they hold.
type schema struct {
	// For the compiler.
	overlay string
	// Numbers of the mutants in it, by ID, from 1. Mutants outside of functions are not.
	numbers map[string]int
}

// The variables of a schema's environment.
const (
	envMutant = "MUTANT"
	envRecord = "MUTANTS_REACHED" // the file for MUTANT=record
	recording = "record"
)

// maxNumber is above the number of every mutant in a schema.
const maxNumber = 1 << 16

// newSchema writes a schema of the mutants to a directory.
func newSchema(dir string, mutants []*Mutant) (*schema, error) {
	s := &schema{overlay: filepath.Join(dir, "schema.json"), numbers: map[string]int{}}
	in := map[*Package]*mutatedPackage{}
	for _, m := range mutants {
		h := in[m.Package]
		if h == nil {
			h = &mutatedPackage{p: m.Package, by: map[*ast.FuncDecl][]numberedMutant{}}
			in[m.Package] = h
		}
		if n := len(s.numbers) + 1; n < maxNumber && s.numbers[m.ID()] == 0 && h.admit(m, n) {
			s.numbers[m.ID()] = n
		}
	}
	replace := map[string]string{}
	for _, h := range in {
		for name, text := range h.files(h.chooser()) {
			altered := filepath.Join(dir, fmt.Sprintf("schema%d.go", len(replace)))
			if err := os.WriteFile(altered, []byte(text), 0o600); err != nil {
				return nil, err
			}
			replace[name] = altered
		}
	}
	text, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		return nil, err
	}
	return s, os.WriteFile(s.overlay, text, 0o600)
}

// A mutatedPackage is a package with the mutants of its functions.
type mutatedPackage struct {
	p  *Package
	by map[*ast.FuncDecl][]numberedMutant
}

type numberedMutant struct {
	m      *Mutant
	number int
}

// admit takes a mutant in, unless it is in no function or would not compile as a
// copy of it.
func (h *mutatedPackage) admit(m *Mutant, number int) bool {
	f := h.function(m)
	if f == nil {
		return false
	}
	h.by[f] = append(h.by[f], numberedMutant{m, number})
	if h.compiles() {
		return true
	}
	h.by[f] = h.by[f][:len(h.by[f])-1]
	return false
}

func (h *mutatedPackage) function(m *Mutant) *ast.FuncDecl {
	for _, file := range h.p.files {
		if h.name(file) != filepath.Join(h.p.root, m.File) {
			continue
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil && h.offset(f.Body.Lbrace) < m.from+1 && m.to <= h.offset(f.Body.Rbrace) {
				return f
			}
		}
	}
	return nil
}

func (h *mutatedPackage) name(f *ast.File) string { return h.p.fset.Position(f.Package).Filename }

func (h *mutatedPackage) offset(at token.Pos) int { return h.p.fset.Position(at).Offset }

func (h *mutatedPackage) compiles() bool {
	var files []*ast.File
	sources := h.files("var mutantActive, mutantsRecord = 0, false\n\nfunc mutantsReached(...int) {}")
	for name, text := range sources {
		f, err := parser.ParseFile(h.p.fset, name, text, parser.SkipObjectResolution)
		if err != nil {
			return false
		}
		files = append(files, f)
	}
	for _, f := range h.p.files {
		if _, altered := sources[h.name(f)]; !altered {
			files = append(files, f)
		}
	}
	return h.p.check(files, nil) == nil
}

// files returns the altered files of the package by name, and one more with the
// text that decides which mutant is active.
func (h *mutatedPackage) files(chooser string) map[string]string {
	all := map[string]string{filepath.Join(h.p.Dir, "mutant_schema.go"): "package " + h.p.files[0].Name.Name + "\n\n" + chooser + "\n"}
	for _, file := range h.p.files {
		var edits []edit
		var copies strings.Builder
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && len(h.by[f]) > 0 {
				edits = append(edits, h.embed(f, &copies)...)
			}
		}
		if len(edits) > 0 {
			source := string(h.p.sources[h.name(file)])
			all[h.name(file)] = apply(source, 0, len(source), edits) + copies.String()
		}
	}
	return all
}

// embed returns the edits that let a function call its mutants, and writes these.
func (h *mutatedPackage) embed(f *ast.FuncDecl, copies *strings.Builder) []edit {
	named, call := h.call(f)
	source := string(h.p.sources[h.p.fset.Position(f.Pos()).Filename])
	begin, body := h.offset(f.Pos()), h.offset(f.Body.Lbrace)
	var choose strings.Builder
	fmt.Fprintf(&choose, " if mutantsRecord { mutantsReached(%s) };", h.numbers(f))
	for _, s := range h.by[f] {
		// not exported, so that no list of what is has it
		mutated := fmt.Sprintf("mutant%d_%s", s.number, f.Name.Name)
		hand := "return " + fmt.Sprintf(call, mutated)
		if f.Type.Results == nil {
			hand = fmt.Sprintf(call, mutated) + "; return"
		}
		fmt.Fprintf(&choose, " if mutantActive == %d { %s };", s.number, hand)
		signature := apply(source, begin, body, append([]edit{{h.offset(f.Name.Pos()), h.offset(f.Name.End()), mutated}}, named...))
		end := h.offset(f.Body.End()) + len(s.m.with) - (s.m.to - s.m.from)
		copies.WriteString("\n" + signature + string(s.m.Apply()[body:end]) + "\n")
	}
	return append(named, edit{body + 1, body + 1, choose.String()})
}

// numbers lists the mutants in a function.
func (h *mutatedPackage) numbers(f *ast.FuncDecl) string {
	var all []string
	for _, s := range h.by[f] {
		all = append(all, strconv.Itoa(s.number))
	}
	return strings.Join(all, ", ")
}

// call returns how a function calls its copy, whose name is left open, and what
// gives names to the parameters that have none.
func (h *mutatedPackage) call(f *ast.FuncDecl) (named []edit, call string) {
	unnamed := 0
	names := func(list *ast.FieldList) (all []string) {
		for _, field := range list.List {
			given := field.Names
			if len(given) == 0 {
				unnamed++
				name := fmt.Sprintf("unnamed%d", unnamed)
				named = append(named, edit{h.offset(field.Pos()), h.offset(field.Pos()), name + " "})
				all = append(all, name)
			}
			for _, n := range given {
				name := n.Name
				if name == "_" {
					unnamed++
					name = fmt.Sprintf("unnamed%d", unnamed)
					named = append(named, edit{h.offset(n.Pos()), h.offset(n.End()), name})
				}
				all = append(all, name)
			}
			if _, variadic := field.Type.(*ast.Ellipsis); variadic {
				all[len(all)-1] += "..."
			}
		}
		return all
	}
	if f.Recv != nil {
		call = names(f.Recv)[0] + "."
	}
	call += "%s"
	if f.Type.TypeParams != nil {
		call += "[" + strings.Join(names(f.Type.TypeParams), ", ") + "]"
	}
	return named, call + "(" + strings.Join(names(f.Type.Params), ", ") + ")"
}

// An edit puts text in the place of a part of a source.
type edit struct {
	from, to int
	with     string
}

// apply returns a part of a source with those edits in it that fall there.
func apply(source string, from, to int, edits []edit) string {
	edits = slices.Clone(edits)
	slices.SortStableFunc(edits, func(a, b edit) int { return a.from - b.from })
	var b strings.Builder
	for _, e := range edits {
		if e.from < from || e.to > to {
			continue
		}
		b.WriteString(source[from:e.from] + e.with)
		from = e.to
	}
	return b.String() + source[from:to]
}

// chooser is the code that activates a mutant.
func (h *mutatedPackage) chooser() string {
	return fmt.Sprintf(chooser, envMutant, recording, envRecord)
}

const chooser = `import (
	"os"
	"strconv"
	"sync/atomic"
)

var (
	mutantActive, _ = strconv.Atoi(os.Getenv(%[1]q))
	mutantsRecord  = os.Getenv(%[1]q) == %[2]q
	mutantsKnown   [1 << 16]atomic.Bool
)

func mutantsReached(numbers ...int) {
	if mutantsKnown[numbers[0]].Load() || mutantsKnown[numbers[0]].Swap(true) {
		return
	}
	lines := ""
	for _, n := range numbers {
		lines += strconv.Itoa(n) + "\n"
	}
	f, err := os.OpenFile(os.Getenv(%[3]q), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	f.WriteString(lines)
	f.Close()
}`
