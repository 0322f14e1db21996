package command

import (
	"math"
	"strconv"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/value"
)

// ScanOptions are those of SCAN and its relatives.
type ScanOptions struct {
	// Pattern is nil for all names.
	Pattern []byte
	Count   int
	// Type is nil for all types; SCAN only.
	Type []byte
}

// ParseCursor reads a cursor as C's strtoul does with all of b.
func ParseCursor(b []byte) (uint64, bool) {
	if len(b) == 0 {
		return 0, true
	}
	digits := b
	negative := false
	if len(digits) > 1 && (digits[0] == '-' || digits[0] == '+') {
		negative = digits[0] == '-'
		digits = digits[1:]
	}
	n, err := strconv.ParseUint(string(digits), 10, 64)
	if negative {
		n = -n
	}
	return n, err == nil
}

// ParseScanOptions reads what stands behind the cursor. It returns an error's
// text if that is wrong.
func ParseScanOptions(args [][]byte, typed bool) (o ScanOptions, text string) {
	o.Count = 10
	for i := 0; i < len(args); i += 2 {
		if i+1 == len(args) {
			return o, errSyntax
		}
		switch v := args[i+1]; {
		case Is(args[i], "COUNT"):
			n, ok := resp.ParseInt(v)
			if !ok {
				return o, errNotInteger
			}
			if n < 1 {
				return o, errSyntax
			}
			o.Count = min(n, math.MaxInt32)
		case Is(args[i], "MATCH"):
			if o.Pattern = v; len(v) == 1 && v[0] == '*' {
				o.Pattern = nil
			}
		case typed && Is(args[i], "TYPE"):
			o.Type = v
		default:
			return o, errSyntax
		}
	}
	return o, ""
}

// scanOf reads the arguments of a collection's scan and returns the pattern that
// it is for. It has answered if they are wrong, or if there is nothing.
func (c *Context) scanOf(t value.Type) (pattern []byte, ok bool) {
	if _, ok := ParseCursor(c.Args[2]); !ok {
		c.fail("ERR invalid cursor")
		return nil, false
	}
	e, ok := c.typed(t)
	if !ok {
		return nil, false
	}
	if !e.Exists() {
		c.array(2)
		c.bulk([]byte("0"))
		c.emptyArray()
		return nil, false
	}
	o, text := ParseScanOptions(c.Args[3:], false)
	if text != "" {
		c.fail(text)
		return nil, false
	}
	return o.Pattern, true
}
