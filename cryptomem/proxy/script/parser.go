package script

import (
	"strconv"

	"github.com/yuin/gopher-lua/ast"
)

// A parser reads Lua 5.1 into gopher-lua's tree, bent where that machine and
// Lua part ways: what formats numbers, writes to a table or computes % and ^
// becomes a call to an operator of ours (see operators.go).
type parser struct {
	lexer
	chunk *chunk
	fn    *scope
	// Declared so far.
	locals int
	depth  int
	consts int
	// Begins the name of an operator; no script can contain it.
	marker string
}

const (
	maxChain    = 5_000   // operators, calls or indexes one after the other: the tree nests what the source lists
	maxDepth    = 200     // nested syntax, as Lua's LUAI_MAXCCALLS
	maxConsts   = 8 << 10 // a script: the compiler looks them up one by one
	maxItems    = 25_000  // a constructor: the compiler cannot count beyond
	maxOperands = 50      // one concatenation: each needs a register
)

// parse reads a whole chunk.
func parse(source, chunkName, marker string) (stmts []ast.Stmt, c *chunk, err error) {
	p := &parser{
		lexer:  lexer{source: source, name: shortSource(chunkName, 80), line: 1},
		chunk:  &chunk{source: chunkName, sites: make([]site, 1, 64)},
		fn:     &scope{vararg: true, upvalues: map[string]bool{}},
		marker: marker,
	}
	defer func() {
		if r := recover(); r != nil {
			syntax, ok := r.(syntaxError)
			if !ok {
				panic(r)
			}
			err = syntax
		}
	}()
	p.next()
	stmts = p.block()
	p.check(tkEOF)
	return stmts, p.chunk, nil
}

func (p *parser) enter() {
	p.depth++
	if p.depth > maxDepth {
		p.fail("chunk has too many syntax levels", "")
	}
}

func (p *parser) leave() { p.depth-- }

// place gives n a site of its own.
func (p *parser) place(n ast.PositionHolder, line int, names ...name) {
	p.chunk.sites = append(p.chunk.sites, site{line: line, names: names})
	n.SetLine(len(p.chunk.sites) - 1)
}

func (p *parser) test(t token) bool {
	if p.tok != t {
		return false
	}
	p.next()
	return true
}

func (p *parser) check(t token) {
	if p.tok != t {
		p.failHere("'" + t.String() + "' expected")
	}
}

func (p *parser) expect(t token) {
	p.check(t)
	p.next()
}

func (p *parser) match(what, who token, line int) {
	if p.test(what) {
		return
	}
	if line == p.line {
		p.check(what)
	}
	p.failHere("'" + what.String() + "' expected (to close '" + who.String() + "' at line " + strconv.Itoa(line) + ")")
}

func (p *parser) name() string {
	p.check(tkName)
	s := p.str
	p.next()
	return s
}

func blockEnds(t token) bool {
	return t == tkElse || t == tkElseif || t == tkEnd || t == tkUntil || t == tkEOF
}

// block reads statements until one ends the block. The scope stays open.
func (p *parser) block() []ast.Stmt {
	p.enter()
	defer p.leave()
	var stmts []ast.Stmt
	for last := false; !last && !blockEnds(p.tok); p.test(';') {
		stmts, last = p.statement(stmts)
	}
	return stmts
}

// scoped reads a block with a scope of its own.
func (p *parser) scoped() []ast.Stmt {
	active := len(p.fn.locals)
	stmts := p.block()
	p.fn.locals = p.fn.locals[:active]
	return stmts
}

func (p *parser) statement(stmts []ast.Stmt) (_ []ast.Stmt, last bool) {
	line := p.line
	var s ast.Stmt
	switch p.tok {
	case tkIf:
		s = p.ifStatement(line)
	case tkWhile:
		p.next()
		condition := p.expr()
		p.expect(tkDo)
		s = &ast.WhileStmt{Condition: condition.node, Stmts: p.loop()}
		p.match(tkEnd, tkWhile, line)
	case tkDo:
		p.next()
		s = &ast.DoBlockStmt{Stmts: p.scoped()}
		p.match(tkEnd, tkDo, line)
	case tkFor:
		s = p.forStatement(line)
	case tkRepeat:
		s = p.repeat(line)
	case tkFunction:
		return p.functionStatement(stmts, line), false
	case tkLocal:
		p.next()
		if p.test(tkFunction) {
			stmts = append(stmts, p.charge())
			s = p.localFunction()
		} else {
			s = p.localStatement()
		}
	case tkReturn:
		s, last = p.returnStatement(), true
	case tkBreak:
		p.next()
		if p.fn.loops == 0 {
			p.failHere("no loop to break")
		}
		s, last = &ast.BreakStmt{}, true
	default:
		return p.exprStatement(stmts, line), false
	}
	if s.Line() == 0 {
		p.place(s, line)
	}
	return append(stmts, s), last
}

func (p *parser) loop() []ast.Stmt {
	p.fn.loops++
	defer func() { p.fn.loops-- }()
	return p.scoped()
}

func (p *parser) ifStatement(line int) ast.Stmt {
	first := &ast.IfStmt{}
	p.place(first, line)
	for s := first; ; {
		p.next()
		s.Condition = p.expr().node
		p.expect(tkThen)
		s.Then = p.scoped()
		if p.tok != tkElseif {
			if p.test(tkElse) {
				s.Else = p.scoped()
			}
			p.match(tkEnd, tkIf, line)
			return first
		}
		rest := &ast.IfStmt{}
		p.place(rest, p.line)
		s.Else, s = []ast.Stmt{rest}, rest
	}
}

func (p *parser) repeat(line int) ast.Stmt {
	p.next()
	active := len(p.fn.locals)
	p.fn.loops++
	stmts := p.block()
	p.match(tkUntil, tkRepeat, line)
	condition := p.expr()
	p.fn.loops--
	p.fn.locals = p.fn.locals[:active]
	return &ast.RepeatStmt{Condition: condition.node, Stmts: stmts}
}

func (p *parser) forStatement(line int) ast.Stmt {
	p.next()
	first := p.name()
	active := len(p.fn.locals)
	defer func() { p.fn.locals = p.fn.locals[:active] }()
	switch p.tok {
	case '=':
		return p.numericFor(first, line)
	case ',', tkIn:
		return p.genericFor(first, line)
	}
	p.failHere("'=' or 'in' expected")
	return nil
}

func (p *parser) numericFor(variable string, line int) ast.Stmt {
	p.next()
	s := &ast.NumberForStmt{Init: p.bound("initial value")}
	p.expect(',')
	s.Limit = p.bound("limit")
	if p.test(',') {
		s.Step = p.bound("step")
	}
	for _, hidden := range []string{"(for index)", "(for limit)", "(for step)"} {
		p.declare(hidden)
	}
	p.expect(tkDo)
	s.Name = p.declare(variable)
	s.Stmts = p.loop()
	p.match(tkEnd, tkFor, line)
	p.place(s, line)
	return s
}

// bound reads a number of a numeric for. Lua takes strings there, and has its
// own words for what is no number.
func (p *parser) bound(what string) ast.Expr {
	e := p.expr()
	if e.kind == isNumber {
		return e.node
	}
	return p.operator("for "+what, p.last, nil, e.single())
}

func (p *parser) genericFor(first string, line int) ast.Stmt {
	names := []string{first}
	for p.test(',') {
		names = append(names, p.name())
	}
	p.expect(tkIn)
	at := p.line
	s := &ast.GenericForStmt{}
	for _, e := range p.exprs() {
		s.Exprs = append(s.Exprs, e.node)
	}
	for _, hidden := range []string{"(for generator)", "(for state)", "(for control)"} {
		p.declare(hidden)
	}
	p.expect(tkDo)
	for _, n := range names {
		s.Names = append(s.Names, p.declare(n))
	}
	s.Stmts = p.loop()
	p.match(tkEnd, tkFor, line)
	p.place(s, at)
	return s
}

func (p *parser) localStatement() ast.Stmt {
	line := p.line
	names := []string{p.name()}
	for p.test(',') {
		names = append(names, p.name())
	}
	s := &ast.LocalAssignStmt{Exprs: []ast.Expr{}}
	if p.test('=') {
		for _, e := range p.exprs() {
			s.Exprs = append(s.Exprs, e.node)
		}
	}
	for _, n := range names {
		s.Names = append(s.Names, p.declare(n))
	}
	p.place(s, line)
	return s
}

func (p *parser) localFunction() ast.Stmt {
	s := &ast.LocalAssignStmt{Names: []string{p.declare(p.name())}}
	s.Exprs = []ast.Expr{p.body(false, p.line)}
	return s
}

// charge is the statement that stands before a local function, which must be
// bare for the compiler to let it call itself.
func (p *parser) charge() ast.Stmt {
	s := &ast.FuncCallStmt{Expr: p.operator("function", p.last, nil)}
	s.SetLine(s.Expr.Line())
	return s
}

// functionStatement reads "function a.b:c() end", an assignment.
func (p *parser) functionStatement(stmts []ast.Stmt, line int) []ast.Stmt {
	p.next()
	target := p.variable(p.name())
	method := false
	for p.tok == '.' || p.tok == ':' {
		method = p.tok == ':'
		p.next()
		target = p.field(target, p.constant(p.name()))
		if method {
			break
		}
	}
	f := p.closure(p.body(method, line))
	return p.assign(stmts, []expr{target}, []expr{{node: f}}, line)
}

func (p *parser) returnStatement() ast.Stmt {
	p.next()
	s := &ast.ReturnStmt{}
	p.place(s, p.line)
	if blockEnds(p.tok) || p.tok == ';' {
		return s
	}
	for _, e := range p.exprs() {
		s.Exprs = append(s.Exprs, e.node)
	}
	p.chunk.sites[s.Line()].line = p.last
	return s
}

// exprStatement reads a call or an assignment.
func (p *parser) exprStatement(stmts []ast.Stmt, line int) []ast.Stmt {
	e := p.primary()
	if e.kind == isCall {
		call := e.node.(*ast.FuncCallExpr)
		s := &ast.FuncCallStmt{Expr: call}
		s.SetLine(call.Line())
		return append(stmts, s)
	}
	targets := []expr{e}
	for levels := 0; ; levels++ {
		if !targets[len(targets)-1].assignable() {
			p.failHere("syntax error")
		}
		if p.tok != ',' {
			break
		}
		if levels > maxDepth-p.depth {
			p.tooMany(p.fn, maxDepth-p.depth, "variables in assignment")
		}
		p.next()
		targets = append(targets, p.primary())
	}
	p.expect('=')
	return p.assign(stmts, targets, p.exprs(), line)
}
