package access_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// No spec can measure this on a busy machine, so that it is read.
var _ = Describe("the comparison with an identity's tokens", func() {
	It("takes the same time whatever they are: of the code nothing else compares, and nothing leaves the loop", func() {
		file, err := parser.ParseFile(token.NewFileSet(), "identity.go", nil, 0)
		Expect(err).NotTo(HaveOccurred())
		var called []string
		loops := 0
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Name.Name != "hasToken" {
				continue
			}
			ast.Inspect(f.Body, func(n ast.Node) bool {
				loop, ok := n.(*ast.RangeStmt)
				if !ok {
					return true
				}
				loops++
				ast.Inspect(loop.Body, func(n ast.Node) bool {
					Expect(n).NotTo(Or(BeAssignableToTypeOf(&ast.ReturnStmt{}), BeAssignableToTypeOf(&ast.BranchStmt{}),
						BeAssignableToTypeOf(&ast.IfStmt{}), BeAssignableToTypeOf(&ast.BinaryExpr{})))
					if call, ok := n.(*ast.CallExpr); ok {
						called = append(called, types.ExprString(call.Fun))
					}
					return true
				})
				return false
			})
		}
		Expect(loops).To(Equal(1))
		Expect(called).To(Equal([]string{"subtle.ConstantTimeCompare"}))
	})
})
