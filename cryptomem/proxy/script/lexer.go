package script

import "strings"

// A token is a character, for what stands for itself, or one of these.
type token int

const (
	tkAnd token = 257 + iota
	tkBreak
	tkDo
	tkElse
	tkElseif
	tkEnd
	tkFalse
	tkFor
	tkFunction
	tkIf
	tkIn
	tkLocal
	tkNil
	tkNot
	tkOr
	tkRepeat
	tkReturn
	tkThen
	tkTrue
	tkUntil
	tkWhile
	tkConcat
	tkDots
	tkEq
	tkGe
	tkLe
	tkNe
	tkNumber
	tkName
	tkString
	tkEOF
)

var tokenNames = [...]string{
	"and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in", "local", "nil", "not",
	"or", "repeat", "return", "then", "true", "until", "while", "..", "...", "==", ">=", "<=", "~=",
	"<number>", "<name>", "<string>", "<eof>",
}

var reserved = func() map[string]token {
	words := make(map[string]token)
	for i, word := range tokenNames[:tkWhile-tkAnd+1] {
		words[word] = tkAnd + token(i)
	}
	return words
}()

func (t token) String() string {
	switch {
	case t >= tkAnd:
		return tokenNames[t-tkAnd]
	case t < 32 || t == 127:
		return "char(" + formatNumber(float64(t)) + ")"
	}
	return string([]byte{byte(t)})
}

// A lexer cuts Lua 5.1 source into tokens. gopher-lua's own reads another
// dialect (goto, other numbers, other words for errors).
type lexer struct {
	source string
	// name of the script, as error messages show it.
	name string
	pos  int
	line int
	// Where the token begins, for errors.
	start int

	tok token
	str string
	num float64
	// The line of the token before.
	last  int
	ahead struct {
		held bool
		tok  token
		str  string
		num  float64
	}
}

// A syntaxError is the whole text of what is wrong, position included.
type syntaxError string

func (e syntaxError) Error() string { return string(e) }

func (x *lexer) fail(message, near string) {
	text := x.name + ":" + formatNumber(float64(x.line)) + ": " + message
	if near != "" {
		if i := strings.IndexByte(near, 0); i >= 0 {
			near = near[:i]
		}
		text += " near '" + near + "'"
	}
	panic(syntaxError(text))
}

// failHere blames the token that was read last.
func (x *lexer) failHere(message string) {
	near := x.tok.String()
	if x.tok == tkName || x.tok == tkString || x.tok == tkNumber {
		near = x.source[x.start:x.pos]
	}
	x.fail(message, near)
}

// current is the character at the position, or -1 at the end.
func (x *lexer) current() int {
	if x.pos < len(x.source) {
		return int(x.source[x.pos])
	}
	return -1
}

func (x *lexer) at(offset int) int {
	if x.pos+offset < len(x.source) {
		return int(x.source[x.pos+offset])
	}
	return -1
}

func isNewline(c int) bool { return c == '\n' || c == '\r' }

func isDigit(c int) bool { return '0' <= c && c <= '9' }

func isLetter(c int) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

func isSpace(c int) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// newline steps over one line break of any kind.
func (x *lexer) newline() {
	c := x.current()
	x.pos++
	if d := x.current(); isNewline(d) && d != c {
		x.pos++
	}
	x.line++
}

func (x *lexer) next() {
	x.last = x.line
	if x.ahead.held {
		x.ahead.held = false
		x.tok, x.str, x.num = x.ahead.tok, x.ahead.str, x.ahead.num
		return
	}
	x.tok = x.scan()
}

// peek is the token after this one.
func (x *lexer) peek() token {
	tok, str, num := x.tok, x.str, x.num
	x.ahead.tok = x.scan()
	x.ahead.str, x.ahead.num, x.ahead.held = x.str, x.num, true
	x.tok, x.str, x.num = tok, str, num
	return x.ahead.tok
}

func (x *lexer) scan() token {
	for {
		x.start = x.pos
		c := x.current()
		switch {
		case c < 0:
			return tkEOF
		case isNewline(c):
			x.newline()
		case isSpace(c):
			x.pos++
		case c == '-' && x.at(1) == '-':
			x.comment()
		case c == '[':
			if level := x.bracket(); level >= 0 {
				x.str = x.long(level, "unfinished long string")
				return tkString
			} else if level == -2 {
				x.fail("invalid long string delimiter", x.source[x.start:x.pos])
			}
			x.pos = x.start + 1
			return '['
		case c == '"' || c == '\'':
			x.quoted(c)
			return tkString
		case isDigit(c) || c == '.' && isDigit(x.at(1)):
			x.number()
			return tkNumber
		case isLetter(c) || c == '_':
			for c := x.current(); isLetter(c) || isDigit(c) || c == '_'; c = x.current() {
				x.pos++
			}
			x.str = x.source[x.start:x.pos]
			if word, ok := reserved[x.str]; ok {
				return word
			}
			return tkName
		default:
			return x.symbol(c)
		}
	}
}

func (x *lexer) symbol(c int) token {
	x.pos++
	two := func(second int, both token) token {
		if x.current() != second {
			return token(c)
		}
		x.pos++
		return both
	}
	switch c {
	case '=':
		return two('=', tkEq)
	case '<':
		return two('=', tkLe)
	case '>':
		return two('=', tkGe)
	case '~':
		return two('=', tkNe)
	case '.':
		if x.current() == '.' {
			x.pos++
			if x.current() == '.' {
				x.pos++
				return tkDots
			}
			return tkConcat
		}
	}
	return token(c)
}

func (x *lexer) comment() {
	x.pos += 2
	if x.current() == '[' {
		if level := x.bracket(); level >= 0 {
			x.long(level, "unfinished long comment")
			return
		}
	}
	for c := x.current(); c >= 0 && !isNewline(c); c = x.current() {
		x.pos++
	}
}

// bracket steps over "[==[" and returns the number of equals signs; -1 for a
// lone bracket, -2 for one with equals signs and no second bracket.
func (x *lexer) bracket() int {
	x.pos++
	level := 0
	for x.current() == '=' {
		level++
		x.pos++
	}
	switch {
	case x.current() == '[':
		x.pos++
		return level
	case level == 0:
		return -1
	}
	return -2
}

func (x *lexer) long(level int, unfinished string) string {
	closing := "]" + strings.Repeat("=", level) + "]"
	if isNewline(x.current()) {
		x.newline()
	}
	var b strings.Builder
	for {
		switch c := x.current(); {
		case c < 0:
			x.fail(unfinished, tkEOF.String())
		case c == ']' && strings.HasPrefix(x.source[x.pos:], closing):
			x.pos += len(closing)
			return b.String()
		case isNewline(c):
			b.WriteByte('\n')
			x.newline()
		default:
			b.WriteByte(byte(c))
			x.pos++
		}
	}
}

const escapes, escaped = "abfnrtv", "\a\b\f\n\r\t\v"

func (x *lexer) quoted(quote int) {
	x.pos++
	var b strings.Builder
	for {
		switch c := x.current(); {
		case c < 0:
			x.fail("unfinished string", tkEOF.String())
		case isNewline(c):
			x.fail("unfinished string", string(byte(quote))+b.String())
		case c == quote:
			x.pos++
			x.str = b.String()
			return
		case c != '\\':
			b.WriteByte(byte(c))
			x.pos++
		default:
			x.pos++
			x.escape(&b, quote)
		}
	}
}

func (x *lexer) escape(b *strings.Builder, quote int) {
	c := x.current()
	switch i := strings.IndexByte(escapes, byte(c)); {
	case c < 0: // the loop says what is wrong
	case isNewline(c):
		b.WriteByte('\n')
		x.newline()
	case isDigit(c):
		code := 0
		for n := 0; n < 3 && isDigit(x.current()); n++ {
			code = code*10 + x.current() - '0'
			x.pos++
		}
		if code > 255 {
			x.fail("escape sequence too large", string(byte(quote))+b.String())
		}
		b.WriteByte(byte(code))
	case i >= 0:
		b.WriteByte(escaped[i])
		x.pos++
	default:
		b.WriteByte(byte(c))
		x.pos++
	}
}

func (x *lexer) number() {
	for isDigit(x.current()) || x.current() == '.' {
		x.pos++
	}
	if c := x.current(); c == 'e' || c == 'E' {
		x.pos++
		if c := x.current(); c == '+' || c == '-' {
			x.pos++
		}
	}
	for c := x.current(); isLetter(c) || isDigit(c) || c == '_'; c = x.current() {
		x.pos++
	}
	text := x.source[x.start:x.pos]
	n, ok := parseNumber(text)
	if !ok {
		x.fail("malformed number", text)
	}
	x.num = n
}
