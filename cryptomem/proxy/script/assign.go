package script

import (
	"strconv"

	"github.com/yuin/gopher-lua/ast"
)

// assign appends the statements of an assignment. A write to a table or to a
// global is a call of an operator of ours: it keeps read-only tables so, and
// charges for the memory.
func (p *parser) assign(stmts []ast.Stmt, targets, values []expr, line int) []ast.Stmt {
	_, call := values[0].node.(*ast.FuncCallExpr)
	// The compiler would call a function in the place of a parameter that
	// takes its result, and so lose the parameter.
	inPlace := call && targets[0].kind == isLocal
	if len(targets) == 1 && len(values) == 1 && !inPlace {
		return append(stmts, p.assignOne(targets[0], values[0].single(), line))
	}
	return append(stmts, p.assignMany(targets, values, line))
}

func (p *parser) assignOne(target expr, value ast.Expr, line int) ast.Stmt {
	var call *ast.FuncCallExpr
	switch node := target.node.(type) {
	case *ast.AttrGetExpr:
		call = p.operator("set", p.last, []name{target.object}, node.Object, node.Key, value)
	case *ast.IdentExpr:
		if target.kind == isGlobal {
			call = p.operator("global", p.last, nil, p.constant(node.Value), value)
			break
		}
		s := &ast.AssignStmt{Lhs: []ast.Expr{node}, Rhs: []ast.Expr{value}}
		p.place(s, line)
		return s
	}
	s := &ast.FuncCallStmt{Expr: call}
	s.SetLine(call.Line())
	return s
}

// assignMany evaluates objects and keys, then values, then assigns from the
// right to the left, as Lua does.
func (p *parser) assignMany(targets, values []expr, line int) ast.Stmt {
	block := &ast.DoBlockStmt{}
	p.place(block, line)
	for i := range targets {
		if node, ok := targets[i].node.(*ast.AttrGetExpr); ok {
			kept := p.assignLocals(block, []ast.Expr{node.Object, node.Key}, 2)
			targets[i].node = &ast.AttrGetExpr{Object: kept[0], Key: kept[1]}
		}
	}
	nodes := make([]ast.Expr, 0, max(len(targets), len(values)))
	for _, v := range values {
		nodes = append(nodes, v.node)
	}
	if len(values) > 0 && len(values) >= len(targets) {
		values[len(values)-1].single()
	}
	for n := len(nodes); n < len(targets) && !values[len(values)-1].open(); n++ {
		rest := &ast.NilExpr{}
		rest.SetLine(block.Line())
		nodes = append(nodes, rest)
	}
	kept := p.assignLocals(block, nodes, max(len(targets), len(values)))
	for i := len(targets) - 1; i >= 0; i-- {
		block.Stmts = append(block.Stmts, p.assignOne(targets[i], kept[i], line))
	}
	return block
}

// assignLocals puts the values of nodes into locals of the block, count of them.
func (p *parser) assignLocals(block *ast.DoBlockStmt, nodes []ast.Expr, count int) []ast.Expr {
	s := &ast.LocalAssignStmt{Exprs: nodes}
	s.SetLine(block.Line())
	kept := make([]ast.Expr, count)
	for i := range count {
		p.locals++
		n := "#" + strconv.Itoa(p.locals)
		s.Names = append(s.Names, n)
		kept[i] = &ast.IdentExpr{Value: n}
		kept[i].SetLine(block.Line())
	}
	block.Stmts = append(block.Stmts, s)
	return kept
}
