package script

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// A matcher finds Lua patterns. It counts its steps, so that no pattern can
// hold a script longer than its limit.
type matcher struct {
	l        *lua.LState
	src, pat string
	captures []capture
	depth    int
	steps    int
}

// newMatcher takes the pattern up to a zero byte, as Lua 5.1 does.
func newMatcher(l *lua.LState, src, pat string) *matcher {
	if i := strings.IndexByte(pat, 0); i >= 0 {
		pat = pat[:i]
	}
	return &matcher{l: l, src: src, pat: pat}
}

type capture struct{ start, length int }

const (
	openCapture     = -1
	positionCapture = -2
	maxCaptures     = 32
	maxMatchDepth   = 10_000
)

func (m *matcher) fail(format string, args ...any) { raise(m.l, format, args...) }

// match matches the pattern from p on against the source from s on and returns
// where the match ends, or -1.
func (m *matcher) match(s, p int) int {
	if m.depth++; m.depth > maxMatchDepth {
		m.fail("pattern too complex")
	}
	defer func() { m.depth-- }()
	for {
		if m.steps++; m.steps%checkEvery == 0 {
			runOf(m.l).spend(m.l, checkEvery)
		}
		if p == len(m.pat) {
			return s
		}
		switch c := m.pat[p]; {
		case c == '(' && p+1 < len(m.pat) && m.pat[p+1] == ')':
			return m.open(s, p+2, positionCapture)
		case c == '(':
			return m.open(s, p+1, openCapture)
		case c == ')':
			return m.close(s, p+1)
		case c == '%':
			if end, next, ok := m.escape(s, p+1); ok {
				if end < 0 {
					return -1
				}
				s, p = end, next
				continue
			}
		case c == '$' && p+1 == len(m.pat):
			if s == len(m.src) {
				return s
			}
			return -1
		}
		end := m.classEnd(p)
		one := s < len(m.src) && m.single(m.src[s], p, end)
		switch byteAt(m.pat, end) {
		case '?':
			if one {
				if e := m.match(s+1, end+1); e >= 0 {
					return e
				}
			}
			p = end + 1
		case '*':
			return m.longest(s, p, end)
		case '+':
			if !one {
				return -1
			}
			return m.longest(s+1, p, end)
		case '-':
			return m.shortest(s, p, end)
		default:
			if !one {
				return -1
			}
			s, p = s+1, end
		}
	}
}

// escape matches %b, %f or %1 to %9, whose letter or digit is at p. It returns where
// the match ends, or -1, and where the pattern goes on. It reports false for any other
// escape, which is a class of characters.
func (m *matcher) escape(s, p int) (end, next int, ok bool) {
	if p == len(m.pat) {
		return 0, 0, false
	}
	switch c := m.pat[p]; {
	case c == 'b':
		return m.balance(s, p+1), p + 3, true
	case c == 'f':
		end, next = m.frontier(s, p+1)
		return end, next, true
	case isDigit(int(c)):
		return m.back(s, c), p + 1, true
	}
	return 0, 0, false
}

// frontier matches the empty string before the first byte that is in the set at p.
func (m *matcher) frontier(s, p int) (end, next int) {
	if p >= len(m.pat) || m.pat[p] != '[' {
		m.fail("missing '[' after '%%f' in pattern")
	}
	next = m.classEnd(p)
	previous := byte(0)
	if s > 0 {
		previous = m.src[s-1]
	}
	if m.set(previous, p, next-1) || !m.set(byteAt(m.src, s), p, next-1) {
		return -1, next
	}
	return s, next
}

// byteAt returns the byte at i, or 0 at the end of s.
func byteAt(s string, i int) byte {
	if i < len(s) {
		return s[i]
	}
	return 0
}

func (m *matcher) longest(s, p, end int) int {
	i := 0
	for s+i < len(m.src) && m.single(m.src[s+i], p, end) {
		i++
	}
	m.count(i)
	for ; i >= 0; i-- {
		if e := m.match(s+i, end+1); e >= 0 {
			return e
		}
	}
	return -1
}

func (m *matcher) count(steps int) {
	if steps > checkEvery {
		runOf(m.l).spend(m.l, steps)
	}
}

func (m *matcher) shortest(s, p, end int) int {
	for {
		if e := m.match(s, end+1); e >= 0 {
			return e
		}
		if s >= len(m.src) || !m.single(m.src[s], p, end) {
			return -1
		}
		s++
	}
}

func (m *matcher) open(s, p, what int) int {
	if len(m.captures) >= maxCaptures {
		m.fail("too many captures")
	}
	m.captures = append(m.captures, capture{s, what})
	e := m.match(s, p)
	if e < 0 {
		m.captures = m.captures[:len(m.captures)-1]
	}
	return e
}

func (m *matcher) close(s, p int) int {
	i := len(m.captures) - 1
	for i >= 0 && m.captures[i].length != openCapture {
		i--
	}
	if i < 0 {
		m.fail("invalid pattern capture")
	}
	m.captures[i].length = s - m.captures[i].start
	e := m.match(s, p)
	if e < 0 {
		m.captures[i].length = openCapture
	}
	return e
}

func (m *matcher) balance(s, p int) int {
	if p+1 >= len(m.pat) {
		m.fail("unbalanced pattern")
	}
	if s >= len(m.src) || m.src[s] != m.pat[p] {
		return -1
	}
	begin, end, level := m.pat[p], m.pat[p+1], 1
	for i := s + 1; i < len(m.src); i++ {
		switch m.src[i] {
		case end:
			if level--; level == 0 {
				m.count(i - s)
				return i + 1
			}
		case begin:
			level++
		}
	}
	m.count(len(m.src) - s)
	return -1
}

func (m *matcher) back(s int, digit byte) int {
	i := int(digit) - '1'
	if i < 0 || i >= len(m.captures) || m.captures[i].length == openCapture {
		m.fail("invalid capture index")
	}
	text := m.text(i)
	if len(m.src)-s < len(text) || m.src[s:s+len(text)] != text {
		return -1
	}
	return s + len(text)
}

func (m *matcher) text(i int) string {
	c := m.captures[i]
	if c.length < 0 {
		return ""
	}
	return m.src[c.start : c.start+c.length]
}

// classEnd is where the single character pattern at p ends.
func (m *matcher) classEnd(p int) int {
	c := m.pat[p]
	p++
	switch c {
	case '%':
		if p >= len(m.pat) {
			m.fail("malformed pattern (ends with '%%')")
		}
		return p + 1
	case '[':
		if p < len(m.pat) && m.pat[p] == '^' {
			p++
		}
		for first := true; first || p >= len(m.pat) || m.pat[p] != ']'; first = false {
			if p >= len(m.pat) {
				m.fail("malformed pattern (missing ']')")
			}
			escaped := m.pat[p] == '%'
			p++
			if escaped && p < len(m.pat) {
				p++
			}
		}
		return p + 1
	}
	return p
}

func (m *matcher) single(c byte, p, end int) bool {
	switch m.pat[p] {
	case '.':
		return true
	case '%':
		return inClass(c, m.pat[p+1])
	case '[':
		return m.set(c, p, end-1)
	}
	return m.pat[p] == c
}

// set matches c against the set between the brackets at p and last.
func (m *matcher) set(c byte, p, last int) bool {
	found := true
	if m.pat[p+1] == '^' {
		found = false
		p++
	}
	for p++; p < last; p++ {
		switch {
		case m.pat[p] == '%':
			p++
			if inClass(c, m.pat[p]) {
				return found
			}
		case p+2 < last && m.pat[p+1] == '-':
			if m.pat[p] <= c && c <= m.pat[p+2] {
				return found
			}
			p += 2
		case m.pat[p] == c:
			return found
		}
	}
	return !found
}

func inClass(c, class byte) bool {
	i := int(c)
	var in bool
	switch class | 0x20 {
	case 'a':
		in = isLetter(i)
	case 'c':
		in = c < 32 || c == 127
	case 'd':
		in = isDigit(i)
	case 'l':
		in = 'a' <= c && c <= 'z'
	case 'p':
		in = 32 < c && c < 127 && !isLetter(i) && !isDigit(i)
	case 's':
		in = isSpace(i)
	case 'u':
		in = 'A' <= c && c <= 'Z'
	case 'w':
		in = isLetter(i) || isDigit(i)
	case 'x':
		in = isHexDigit(i)
	case 'z':
		in = c == 0
	default:
		return class == c
	}
	if !isLetter(int(class)) {
		return class == c
	}
	return in == (class >= 'a')
}

// value is capture i, or the whole match where there is none.
func (m *matcher) value(i, start, end int) lua.LValue {
	if i >= len(m.captures) {
		if i != 0 {
			m.fail("invalid capture index")
		}
		return lua.LString(m.src[start:end])
	}
	switch c := m.captures[i]; c.length {
	case openCapture:
		m.fail("unfinished capture")
	case positionCapture:
		return lua.LNumber(c.start + 1)
	}
	text := m.text(i)
	// the text is part of the source
	runOf(m.l).charge(m.l, slotSize)
	return lua.LString(text)
}

// push pushes all captures, or the whole match if whole and there are none.
func (m *matcher) push(start, end int, whole bool) int {
	n := len(m.captures)
	if n == 0 && whole {
		n = 1
	}
	for i := range n {
		m.l.Push(m.value(i, start, end))
	}
	return n
}
