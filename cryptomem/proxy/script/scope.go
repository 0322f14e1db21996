package script

import "strconv"

// A name is what an error message calls a value: local 'x', field 'y'. The
// zero name is that of a value without one.
type name struct{ kind, text string }

func (n name) String() string {
	if n.kind == "" {
		return ""
	}
	return n.kind + " '" + n.text + "'"
}

// A site is a place in the source that can fail. The parse tree's line numbers
// are indexes of sites, so an instruction that fails leads back to the exact
// expression and not only to its line.
type site struct {
	line int
	// names of a call's function, of an index's object, of operands.
	names []name
	call  bool
	// A call of names[0] of the object names[1].
	method bool
}

// A chunk is what a compiled source needs to explain its errors.
type chunk struct {
	// As loaded: "@user_script", or a text given to loadstring.
	source string
	sites  []site
}

func (c *chunk) site(id int) site {
	if c == nil || id <= 0 || id >= len(c.sites) {
		return site{}
	}
	return c.sites[id]
}

// shortSource is a chunk's source as messages begin with it, at most size
// bytes, terminating zero included.
func shortSource(source string, size int) string {
	if source == "" {
		return `[string ""]`
	}
	switch source[0] {
	case '=':
		return source[1:min(len(source), size)]
	case '@':
		source, size = source[1:], size-len(" '...' ")-1
		if len(source) > size {
			return "..." + source[len(source)-size:]
		}
		return source
	}
	length := 0
	for length < len(source) && !isNewline(int(source[length])) && source[length] != 0 {
		length++
	}
	size -= len(` [string "..."] `) + 1
	if length = min(length, size); length < len(source) {
		return `[string "` + source[:length] + `..."]`
	}
	return `[string "` + source + `"]`
}

// A scope is a function under way: its active local variables, outermost first.
type scope struct {
	parent *scope
	// 0 is the main function.
	line   int
	vararg bool
	locals []local
	// upvalues by unique name.
	upvalues map[string]bool
	loops    int
}

// A local has a unique name in the tree: it settles shadowing here, so that
// the compiler cannot get it wrong.
type local struct{ name, unique string }

const (
	maxLocals   = 200
	maxUpvalues = 60
)

func (p *parser) declare(n string) string {
	f := p.fn
	if len(f.locals) >= maxLocals {
		p.tooMany(f, maxLocals, "local variables")
	}
	p.locals++
	l := local{n, n + "#" + strconv.Itoa(p.locals)}
	if n == "arg" && len(f.locals) == 0 {
		l.unique = n
	}
	f.locals = append(f.locals, l)
	return l.unique
}

func (p *parser) tooMany(f *scope, limit int, what string) {
	where := "main function"
	if f.line > 0 {
		where = "function at line " + strconv.Itoa(f.line)
	}
	p.fail(where+" has more than "+strconv.Itoa(limit)+" "+what, "")
}

// find resolves a name as written to the name in the tree and what it is.
func (p *parser) find(n string) (unique, kind string) {
	for f := p.fn; f != nil; f = f.parent {
		for i := len(f.locals) - 1; i >= 0; i-- {
			if f.locals[i].name != n {
				continue
			}
			unique = f.locals[i].unique
			if f == p.fn {
				return unique, "local"
			}
			for inner := p.fn; inner != f; inner = inner.parent {
				inner.upvalues[unique] = true
				if len(inner.upvalues) > maxUpvalues {
					p.tooMany(inner, maxUpvalues, "upvalues")
				}
			}
			return unique, "upvalue"
		}
	}
	return n, "global"
}
