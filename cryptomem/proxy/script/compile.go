package script

import (
	"crypto/sha1" //nolint:gosec // Redis names scripts by it
	"encoding/hex"
	"errors"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// errTooComplex is what Lua says when a function needs more registers or
// jumps than the machine has.
var errTooComplex = errors.New("function or expression too complex")

func sha1Hex(s string) string {
	sum := sha1.Sum([]byte(s)) //nolint:gosec // see above
	return hex.EncodeToString(sum[:])
}

// compile turns source into what the machine runs. chunkName is Lua's: "@file",
// or the source itself.
func compile(source, chunkName string) (proto *lua.FunctionProto, c *chunk, err error) {
	// A script that contains its own hash cannot be written, so nothing in it
	// can be taken for an operator.
	marker := sha1Hex(source) + " "
	stmts, c, err := parse(source, chunkName, marker)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		// the compiler's own limits, when it does not foresee them
		if recover() != nil {
			err = errTooComplex
		}
	}()
	proto, err = lua.Compile(stmts, marker)
	if err != nil {
		return nil, nil, syntaxError(shortSource(chunkName, 80) + ":1: " + errTooComplex.Error())
	}
	bind(proto, marker)
	return proto, c, nil
}

// bind puts the operators themselves where the tree had their names.
func bind(proto *lua.FunctionProto, marker string) {
	for i, constant := range proto.Constants {
		if s, ok := constant.(lua.LString); ok && strings.HasPrefix(string(s), marker) {
			proto.Constants[i] = operators[string(s[len(marker):])]
		}
	}
	for _, inner := range proto.FunctionPrototypes {
		bind(inner, marker)
	}
}
