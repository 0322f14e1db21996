package script

import (
	"slices"
	"strconv"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
)

type exprKind int

const (
	isOther exprKind = iota
	isNumber
	isLocal // or an upvalue
	isGlobal
	isIndex
	isCall
	isVararg
)

// An expr is a node of the tree with what the parser knows of it.
type expr struct {
	node ast.Expr
	kind exprKind
	// name of its value, for errors.
	name name
	// object of the object that it indexes.
	object name
}

func (e expr) assignable() bool { return e.kind == isLocal || e.kind == isGlobal || e.kind == isIndex }

// open tells whether e can have any number of values.
func (e expr) open() bool { return e.kind == isCall || e.kind == isVararg }

// single is e cut to one value.
func (e expr) single() ast.Expr {
	switch node := e.node.(type) {
	case *ast.FuncCallExpr:
		node.AdjustRet = true
	case *ast.Comma3Expr:
		node.AdjustRet = true
	}
	return e.node
}

// operator is a call of an operator of ours. The names are those of its
// arguments.
func (p *parser) operator(op string, line int, names []name, args ...ast.Expr) *ast.FuncCallExpr {
	f := &ast.StringExpr{Value: p.marker + op}
	call := &ast.FuncCallExpr{Func: f, Args: args, AdjustRet: true}
	p.place(call, line, names...)
	f.SetLine(call.Line())
	return call
}

func (p *parser) constant(s string) ast.Expr {
	p.count()
	node := &ast.StringExpr{Value: s}
	p.place(node, p.last)
	return node
}

func (p *parser) count() {
	if p.consts++; p.consts > maxConsts {
		p.fail("constant table overflow", "")
	}
}

func (p *parser) number(n float64) ast.Expr {
	p.count()
	node := &ast.NumberExpr{Value: strconv.FormatFloat(n, 'g', -1, 64)}
	p.place(node, p.last)
	return node
}

func (p *parser) variable(n string) expr {
	unique, kind := p.find(n)
	e := expr{node: &ast.IdentExpr{Value: unique}, kind: isLocal, name: name{kind, n}}
	if kind == "global" {
		p.count()
		e.kind = isGlobal
	}
	p.place(e.node, p.last)
	return e
}

func (p *parser) field(object expr, key ast.Expr) expr {
	text := "?"
	if s, ok := key.(*ast.StringExpr); ok {
		text = s.Value
	}
	node := &ast.AttrGetExpr{Object: object.node, Key: key}
	p.place(node, p.last, object.name)
	return expr{node: node, kind: isIndex, name: name{"field", text}, object: object.name}
}

// exprs reads a list; all but the last are cut to one value.
func (p *parser) exprs() []expr {
	list := []expr{p.expr()}
	for p.test(',') {
		list[len(list)-1].single()
		list = append(list, p.expr())
	}
	return list
}

func (p *parser) primary() expr {
	var e expr
	switch line := p.line; p.tok {
	case '(':
		p.next()
		e = p.expr()
		p.match(')', '(', line)
		e.single()
		e.kind = isOther
	case tkName:
		e = p.variable(p.name())
	default:
		p.failHere("unexpected symbol")
	}
	for levels := 0; ; levels++ {
		// the tree nests what the source lists
		if levels > maxChain {
			p.fail("chunk has too many syntax levels", "")
		}
		switch p.tok {
		case '.':
			p.next()
			e = p.field(e, p.constant(p.name()))
		case '[':
			p.next()
			key := p.expr()
			p.expect(']')
			e = p.field(e, key.single())
		case ':':
			p.next()
			e = p.call(e, p.name())
		case '(', tkString, '{':
			e = p.call(e, "")
		default:
			return e
		}
	}
}

func (p *parser) call(f expr, method string) expr {
	line := p.line
	node := &ast.FuncCallExpr{}
	if method != "" {
		p.count()
		node.Receiver, node.Method = f.single(), method
	} else {
		node.Func = f.single()
	}
	switch p.tok {
	case '(':
		if line != p.last {
			p.failHere("ambiguous syntax (function call x new statement)")
		}
		p.next()
		if p.tok != ')' {
			for _, e := range p.exprs() {
				node.Args = append(node.Args, e.node)
			}
		}
		p.match(')', '(', line)
	case '{':
		node.Args = []ast.Expr{p.table()}
	case tkString:
		s := p.str
		p.next()
		node.Args = []ast.Expr{p.constant(s)}
	default:
		p.failHere("function arguments expected")
	}
	if method != "" {
		p.place(node, line, name{"method", method}, f.name)
		p.chunk.sites[node.Line()].method = true
	} else {
		p.place(node, line, f.name)
	}
	p.chunk.sites[node.Line()].call = true
	return expr{node: node, kind: isCall}
}

func (p *parser) simple() expr {
	var e expr
	switch p.tok {
	case tkNumber:
		n := p.num
		p.next()
		return expr{node: p.number(n), kind: isNumber}
	case tkString:
		s := p.str
		p.next()
		return expr{node: p.constant(s)}
	case tkNil:
		e.node = &ast.NilExpr{}
	case tkTrue:
		e.node = &ast.TrueExpr{}
	case tkFalse:
		e.node = &ast.FalseExpr{}
	case tkDots:
		if !p.fn.vararg {
			p.failHere("cannot use '...' outside a vararg function")
		}
		e = expr{node: &ast.Comma3Expr{}, kind: isVararg}
	case '{':
		return expr{node: p.table()}
	case tkFunction:
		line := p.line
		p.next()
		return expr{node: p.closure(p.body(false, line))}
	default:
		return p.primary()
	}
	p.next()
	p.place(e.node, p.last)
	return e
}

// closure charges for the memory of a function that is made.
func (p *parser) closure(f *ast.FunctionExpr) ast.Expr { return p.operator("function", p.last, nil, f) }

// table reads a constructor.
func (p *parser) table() ast.Expr {
	line := p.line
	node := &ast.TableExpr{Fields: []*ast.Field{}}
	p.place(node, line)
	p.expect('{')
	items, keyed := 0, 0
	for p.tok != '}' {
		f := &ast.Field{}
		switch {
		case p.tok == tkName && p.peek() == '=':
			f.Key = p.constant(p.name())
		case p.tok == '[':
			p.next()
			f.Key = p.expr().single()
			p.expect(']')
		}
		if f.Key != nil {
			keyed++
			p.expect('=')
			f.Value = p.expr().single()
		} else {
			f.Value = p.expr().node
			items++
		}
		node.Fields = append(node.Fields, f)
		if !p.test(',') && !p.test(';') {
			break
		}
		if p.tok != '}' && f.Key == nil {
			expr{node: f.Value}.single()
		}
	}
	p.match('}', '{', line)
	if items > maxItems {
		p.fail("constructor has more than "+strconv.Itoa(maxItems)+" items", "")
	}
	// the compiler flushes full batches anew for each keyed field
	if items >= lua.FieldsPerFlush && keyed > 0 {
		slices.SortStableFunc(node.Fields, func(a, b *ast.Field) int {
			switch {
			case (a.Key == nil) == (b.Key == nil):
				return 0
			case a.Key != nil:
				return -1
			}
			return 1
		})
	}
	return p.operator("table", line, nil, node, p.plain(items), p.plain(keyed))
}

func (p *parser) plain(n int) ast.Expr {
	node := &ast.NumberExpr{Value: strconv.Itoa(n)}
	p.place(node, p.last)
	return node
}

// body reads a function's parameters and block.
func (p *parser) body(method bool, line int) *ast.FunctionExpr {
	f := &scope{parent: p.fn, line: line, upvalues: map[string]bool{}}
	p.fn = f
	node := &ast.FunctionExpr{ParList: &ast.ParList{Names: []string{}}}
	if method {
		node.ParList.Names = append(node.ParList.Names, p.declare("self"))
	}
	p.expect('(')
	for p.tok != ')' {
		if p.tok == tkName {
			node.ParList.Names = append(node.ParList.Names, p.declare(p.name()))
		} else if p.test(tkDots) {
			node.ParList.HasVargs, f.vararg = true, true
			f.locals = append(f.locals, local{"arg", "arg"})
			break
		} else {
			p.failHere("<name> or '...' expected")
		}
		if !p.test(',') {
			break
		}
		if p.tok == ')' {
			p.failHere("<name> or '...' expected")
		}
	}
	p.expect(')')
	node.Stmts = p.block()
	p.place(node, line)
	end := &ast.Node{}
	p.place(end, p.line)
	node.SetLastLine(end.Line())
	p.match(tkEnd, tkFunction, line)
	p.fn = f.parent
	return node
}

type priority struct{ left, right int }

var priorities = map[token]priority{
	'+': {6, 6}, '-': {6, 6}, '*': {7, 7}, '/': {7, 7}, '%': {7, 7}, '^': {10, 9}, tkConcat: {5, 4},
	tkNe: {3, 3}, tkEq: {3, 3}, '<': {3, 3}, tkLe: {3, 3}, '>': {3, 3}, tkGe: {3, 3}, tkAnd: {2, 2}, tkOr: {1, 1},
}

const unaryPriority = 8

func (p *parser) expr() expr { return p.subexpr(0) }

// subexpr reads operators that bind tighter than limit.
func (p *parser) subexpr(limit int) expr {
	p.enter()
	defer p.leave()
	var e expr
	switch op := p.tok; op {
	case tkNot, '-', '#':
		p.next()
		e = p.unary(op, p.subexpr(unaryPriority))
	default:
		e = p.simple()
	}
	for levels := 0; ; levels++ {
		op := p.tok
		priority, ok := priorities[op]
		if !ok || priority.left <= limit {
			return e
		}
		// the tree nests what the source lists
		if levels > maxChain {
			p.fail("chunk has too many syntax levels", "")
		}
		p.next()
		e = p.binary(op, e, p.subexpr(priority.right))
	}
}

func (p *parser) unary(op token, e expr) expr {
	operand := e.single()
	var node ast.Expr
	switch op {
	case tkNot:
		node = &ast.UnaryNotOpExpr{Expr: operand}
	case '#':
		return expr{node: p.operator("#", p.last, []name{e.name}, operand)}
	default:
		node = &ast.UnaryMinusOpExpr{Expr: operand}
		if e.kind == isNumber {
			p.place(node, p.last)
			return expr{node: node, kind: isNumber}
		}
	}
	p.place(node, p.last, e.name)
	return expr{node: node}
}

func (p *parser) binary(op token, lhs, rhs expr) expr {
	l, r := lhs.single(), rhs.single()
	names := []name{lhs.name, rhs.name}
	var node ast.Expr
	switch op {
	case tkAnd, tkOr:
		node = &ast.LogicalOpExpr{Operator: op.String(), Lhs: l, Rhs: r}
		p.place(node, p.last)
		return expr{node: node, name: rhs.name}
	case tkConcat:
		return expr{node: p.concat(lhs, rhs)}
	case '%', '^':
		return expr{node: p.operator(op.String(), p.last, names, l, r)}
	case '+', '-', '*', '/':
		node = &ast.ArithmeticOpExpr{Operator: op.String(), Lhs: l, Rhs: r}
	default:
		node = &ast.RelationalOpExpr{Operator: op.String(), Lhs: l, Rhs: r}
	}
	p.place(node, p.last, names...)
	return expr{node: node}
}

// concat joins with a concatenation to the right: one call for all of it.
func (p *parser) concat(lhs, rhs expr) ast.Expr {
	names := []name{lhs.name, rhs.name}
	args := []ast.Expr{lhs.node, rhs.node}
	if right, ok := rhs.node.(*ast.FuncCallExpr); ok && len(right.Args) < maxOperands {
		if f, ok := right.Func.(*ast.StringExpr); ok && f.Value == p.marker+".." {
			args = append(args[:1], right.Args...)
			names = append(names[:1], p.chunk.sites[right.Line()].names...)
		}
	}
	return p.operator("..", p.last, names, args...)
}
