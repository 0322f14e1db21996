package mutate

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"
)

// The kinds of change.
const (
	Comparison = "comparison"
	Arithmetic = "arithmetic"
	Boolean    = "boolean"
	Constant   = "constant"
	Condition  = "condition"
	Dropped    = "dropped statement"
	Swapped    = "swapped arguments"
	Early      = "early return"
)

// instead says what an operator may turn into, and what kind of change it is.
var instead = map[token.Token]struct {
	kind string
	with []token.Token
}{
	token.LSS: {Comparison, []token.Token{token.LEQ, token.GEQ}}, token.LEQ: {Comparison, []token.Token{token.LSS, token.GTR}},
	token.GTR: {Comparison, []token.Token{token.GEQ, token.LEQ}}, token.GEQ: {Comparison, []token.Token{token.GTR, token.LSS}},
	token.EQL: {Comparison, []token.Token{token.NEQ}}, token.NEQ: {Comparison, []token.Token{token.EQL}},

	token.ADD: {Arithmetic, []token.Token{token.SUB}}, token.SUB: {Arithmetic, []token.Token{token.ADD}},
	token.MUL: {Arithmetic, []token.Token{token.QUO}}, token.QUO: {Arithmetic, []token.Token{token.MUL}}, token.REM: {Arithmetic, []token.Token{token.MUL}},
	token.SHL: {Arithmetic, []token.Token{token.SHR}}, token.SHR: {Arithmetic, []token.Token{token.SHL}},
	token.AND: {Arithmetic, []token.Token{token.OR}}, token.OR: {Arithmetic, []token.Token{token.AND}},
	token.XOR: {Arithmetic, []token.Token{token.AND}}, token.AND_NOT: {Arithmetic, []token.Token{token.AND}},

	token.ADD_ASSIGN: {Arithmetic, []token.Token{token.SUB_ASSIGN}}, token.SUB_ASSIGN: {Arithmetic, []token.Token{token.ADD_ASSIGN}},
	token.MUL_ASSIGN: {Arithmetic, []token.Token{token.QUO_ASSIGN}}, token.OR_ASSIGN: {Arithmetic, []token.Token{token.AND_ASSIGN}},
	token.AND_ASSIGN: {Arithmetic, []token.Token{token.OR_ASSIGN}}, token.XOR_ASSIGN: {Arithmetic, []token.Token{token.OR_ASSIGN}},
	token.INC: {Arithmetic, []token.Token{token.DEC}}, token.DEC: {Arithmetic, []token.Token{token.INC}},

	token.LAND: {Boolean, []token.Token{token.LOR}}, token.LOR: {Boolean, []token.Token{token.LAND}},
}

// commutes holds functions to which the order of their arguments is nothing.
var commutes = map[string]bool{
	"min": true, "max": true, "bytes.Equal": true, "strings.EqualFold": true, "strings.ContainsAny": true, "errors.Join": true,
	"subtle.ConstantTimeCompare": true, "hmac.Equal": true, "bits.Mul64": true,
}

// Mutants returns every mutant of the package, in the order of the source. Some
// of them do not compile.
func (p *Package) Mutants() []*Mutant {
	var all []*Mutant
	for _, f := range p.files {
		name := p.fset.Position(f.Package).Filename
		file, err := filepath.Rel(p.root, name)
		if err != nil {
			file = name
		}
		v := visitor{p: p, file: filepath.ToSlash(file), source: p.sources[name]}
		for _, d := range f.Decls {
			v.declaration(d)
		}
		all = append(all, v.found...)
	}
	return all
}

// A visitor walks through one file.
type visitor struct {
	p        *Package
	file     string
	source   []byte
	function string
	// Lines of the function.
	first, last int
	found       []*Mutant
}

func (v *visitor) declaration(d ast.Decl) {
	v.function = ""
	f, ok := d.(*ast.FuncDecl)
	if !ok {
		if g, ok := d.(*ast.GenDecl); !ok || g.Tok != token.IMPORT {
			ast.Inspect(d, v.node)
		}
		return
	}
	if f.Body == nil {
		return
	}
	v.function = functionName(f)
	v.first, v.last = v.p.fset.Position(f.Pos()).Line, v.p.fset.Position(f.End()).Line
	v.early(f)
	ast.Inspect(f.Body, v.node)
}

// functionName is a function's name, with its receiver's, such as "shard.take".
func functionName(f *ast.FuncDecl) string {
	if f.Recv == nil || len(f.Recv.List) != 1 {
		return f.Name.Name
	}
	receiver, _, _ := strings.Cut(types.ExprString(f.Recv.List[0].Type), "[")
	return strings.TrimPrefix(receiver, "*") + "." + f.Name.Name
}

// replace adds the mutant that has text in the place of the source from a node's
// beginning to its end.
func (v *visitor) replace(kind string, from, to token.Pos, text string) {
	begin, end := v.p.fset.Position(from), v.p.fset.Position(to)
	v.found = append(v.found, &Mutant{
		Package: v.p, File: v.file, Line: begin.Line, Column: begin.Column, Func: v.function, Kind: kind,
		first: v.first, last: v.last, source: v.source, from: begin.Offset, to: end.Offset, with: text,
	})
}

func (v *visitor) text(n ast.Node) string {
	return string(v.source[v.p.fset.Position(n.Pos()).Offset:v.p.fset.Position(n.End()).Offset])
}

// node adds the mutants of one node.
func (v *visitor) node(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.StructType, *ast.InterfaceType:
		// a type has no behaviour
		return false
	case *ast.BinaryExpr:
		v.operator(n.OpPos, n.Op)
	case *ast.AssignStmt:
		v.operator(n.TokPos, n.Tok)
	case *ast.IncDecStmt:
		v.operator(n.TokPos, n.Tok)
	case *ast.UnaryExpr:
		if n.Op == token.NOT {
			v.replace(Boolean, n.Pos(), n.End(), v.text(n.X))
		}
	case *ast.Ident:
		if opposite, ok := map[string]string{"true": "false", "false": "true"}[n.Name]; ok {
			v.replace(Boolean, n.Pos(), n.End(), opposite)
		}
	case *ast.BasicLit:
		v.literal(n)
	case *ast.IfStmt:
		v.condition(n.Cond, "true || (%s)", "false && (%s)")
		if !opposed(n.Cond) {
			v.condition(n.Cond, "!(%s)")
		}
	case *ast.ForStmt:
		if n.Cond != nil {
			v.condition(n.Cond, "false && (%s)")
		}
	case *ast.CallExpr:
		v.swap(n)
	case *ast.BlockStmt:
		v.drop(n.List)
	case *ast.CaseClause:
		v.drop(n.Body)
	case *ast.CommClause:
		v.drop(n.Body)
	}
	return true
}

func (v *visitor) operator(at token.Pos, op token.Token) {
	for _, other := range instead[op].with {
		v.replace(instead[op].kind, at, at+token.Pos(len(op.String())), other.String())
	}
}

// literal makes a number one more, one less, or twice as much.
func (v *visitor) literal(n *ast.BasicLit) {
	switch n.Kind {
	case token.INT:
		v.replace(Constant, n.Pos(), n.End(), "("+n.Value+" + 1)")
		v.replace(Constant, n.Pos(), n.End(), "("+n.Value+" - 1)")
	case token.FLOAT:
		v.replace(Constant, n.Pos(), n.End(), "("+n.Value+" * 2)")
	}
}

// opposed reports whether another operator has the opposite of a condition.
func opposed(n ast.Expr) bool {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		return instead[n.Op].kind == Comparison
	case *ast.UnaryExpr:
		return true
	}
	return false
}

func (v *visitor) condition(n ast.Expr, formats ...string) {
	for _, format := range formats {
		v.replace(Condition, n.Pos(), n.End(), fmt.Sprintf(format, v.text(n)))
	}
}

// swap exchanges neighbouring arguments of one type.
func (v *visitor) swap(n *ast.CallExpr) {
	if commutes[types.ExprString(n.Fun)] {
		return
	}
	for i := 1; i < len(n.Args); i++ {
		a, b := n.Args[i-1], n.Args[i]
		x, y := v.p.info.TypeOf(a), v.p.info.TypeOf(b)
		if x == nil || y == nil || !types.Identical(x, y) || v.text(a) == v.text(b) {
			continue
		}
		between := string(v.source[v.p.fset.Position(a.End()).Offset:v.p.fset.Position(b.Pos()).Offset])
		v.replace(Swapped, a.Pos(), b.End(), v.text(b)+between+v.text(a))
	}
}

// drop leaves statements out, one by one. They stay where they are, in a branch
// that is never taken, so that what they use counts as used.
func (v *visitor) drop(statements []ast.Stmt) {
	for _, s := range statements {
		switch s := s.(type) {
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				continue // without it there would be no variable
			}
		case *ast.ExprStmt, *ast.DeferStmt, *ast.GoStmt, *ast.IncDecStmt, *ast.SendStmt, *ast.BranchStmt, *ast.ReturnStmt:
		default:
			continue
		}
		v.replace(Dropped, s.Pos(), s.End(), "if false { "+v.text(s)+" }")
	}
}

// early returns from a function before each statement of its body.
func (v *visitor) early(f *ast.FuncDecl) {
	back, ok := v.zeroReturn(f)
	if !ok {
		return
	}
	for _, s := range f.Body.List {
		if _, last := s.(*ast.ReturnStmt); !last {
			v.replace(Early, s.Pos(), s.Pos(), "if true { "+back+" }; ")
		}
	}
}

// zeroReturn is a return statement of zero values, of named ones as they are.
func (v *visitor) zeroReturn(f *ast.FuncDecl) (string, bool) {
	if f.Type.Results == nil {
		return "return", true
	}
	var values []string
	for _, field := range f.Type.Results.List {
		if len(field.Names) > 0 {
			return "return", true
		}
		zero, ok := v.zero(field.Type)
		if !ok {
			return "", false
		}
		values = append(values, zero)
	}
	return "return " + strings.Join(values, ", "), true
}

func (v *visitor) zero(n ast.Expr) (string, bool) {
	t := v.p.info.TypeOf(n)
	if _, generic := t.(*types.TypeParam); t == nil || generic {
		return "", false
	}
	switch t := t.Underlying().(type) {
	case *types.Basic:
		switch {
		case t.Info()&types.IsBoolean != 0:
			return "false", true
		case t.Info()&types.IsString != 0:
			return `""`, true
		case t.Info()&types.IsNumeric != 0:
			return "0", true
		}
		return "", false
	case *types.Struct, *types.Array:
		return v.text(n) + "{}", true
	}
	return "nil", true
}
