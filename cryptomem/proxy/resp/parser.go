package resp

import (
	"bytes"
	"errors"
	"fmt"
)

// Defaults of Limits.
const (
	DefaultMaxArgs    = 1 << 20
	DefaultMaxArg     = 16 << 20
	DefaultMaxCommand = 64 << 20
	DefaultMaxInline  = 64 << 10
)

// Bounds that keep a refused command from being read forever. A client that
// declares more has lost count, and so its connection is closed.
const (
	largestArgs = 1<<31 - 1
	largestArg  = 512 << 20
	longestLine = 64 // of a count or a length, in bytes
)

// Limits bound one command. Zero fields mean the defaults.
type Limits struct {
	// Arguments, the command's name included.
	MaxArgs int
	// Bytes of one argument.
	MaxArg int
	// Bytes of all arguments together.
	MaxCommand int
	// Bytes of a command that is typed as a line.
	MaxInline int
}

// ErrTooLarge is what Next returns for a command over the limits, once it has
// been skipped: the connection is in step and may go on.
var ErrTooLarge = errors.New("too large")

// A ProtocolError says that a client does not speak the protocol. There is no
// telling where its next command begins, so the connection is to be closed
// behind the answer. Its text is the reply's, without "ERR".
type ProtocolError string

func (e ProtocolError) Error() string { return "Protocol error: " + string(e) }

// A Parser takes commands out of the bytes that a connection has received. It
// remembers how far it has come in an unfinished one, so that a command that
// trickles in is looked at once. It is for one goroutine; the zero value has the
// default limits.
type Parser struct {
	limits Limits
	args   [][]byte // reused
	// spans of the arguments seen, in the unfinished command.
	spans []span

	// Where to go on in the unfinished command.
	pos int
	// How many arguments are missing.
	left  int
	begun bool
	// Length of the argument whose bytes come next, or noArgument.
	body int
	// Bytes of all arguments declared so far.
	total int

	// Why the command is skipped instead of kept; body then counts down.
	refusal error
	// name of the command refused last.
	name  []byte
	named bool
}

// noArgument says that the length of an argument comes next, and not its bytes.
const noArgument = -1

// A span is where an argument lies. The command moves with the buffer that it
// arrives in, its arguments' places in it do not.
type span struct{ from, to int }

// NewParser returns a parser with the limits given.
func NewParser(l Limits) *Parser { return &Parser{limits: l} }

// withDefaults returns the limits with zero fields filled in.
func (l Limits) withDefaults() Limits {
	set := func(field *int, value int) {
		if *field == 0 {
			*field = value
		}
	}
	set(&l.MaxArgs, DefaultMaxArgs)
	set(&l.MaxArg, DefaultMaxArg)
	set(&l.MaxCommand, DefaultMaxCommand)
	set(&l.MaxInline, DefaultMaxInline)
	return l
}

// Next takes the first command out of b, the bytes received and not consumed
// so far. It returns how many bytes are used up: the caller drops those before
// the next call.
//
//	args != nil   a command; its arguments alias b, the slice of them is good until the next call
//	n > 0         something that is no command, such as an empty line: call again
//	n == 0        the rest of the command has not arrived
//
// ErrTooLarge (see Name for whose command it was) leaves the connection in step; a
// ProtocolError does not.
func (p *Parser) Next(b []byte) (args [][]byte, n int, err error) {
	if p.limits.MaxArgs == 0 {
		p.limits = p.limits.withDefaults()
	}
	if !p.begun {
		if len(b) == 0 {
			return nil, 0, nil
		}
		if b[0] != '*' {
			return p.inline(b)
		}
		count, size, err := readNumber(b, "mbulk count", "multibulk length", largestArgs)
		switch {
		case err != nil || size == 0:
			return nil, 0, err
		case count <= 0:
			return nil, size, nil
		}
		p.begin(count, size)
	}
	for p.left > 0 {
		more, err := p.argument(b)
		if err != nil {
			p.reset()
			return nil, 0, err
		}
		if !more {
			return nil, p.discard(), nil
		}
	}
	n, err = p.pos, p.refusal
	if err == nil {
		p.args = p.args[:0]
		for _, s := range p.spans {
			p.args = append(p.args, b[s.from:s.to:s.to])
		}
		args = p.args
	}
	p.reset()
	return args, n, err
}

// Name returns the name of the command that Next refused last, cut to 32 bytes.
func (p *Parser) Name() []byte { return p.name }

// Need returns how many bytes the unfinished command is known to take at least:
// what a buffer with room for them all need not grow for again. It is at most
// MaxCommand and some.
func (p *Parser) Need() int {
	if !p.begun || p.refusal != nil || p.body == noArgument {
		return 0
	}
	return p.pos + p.body + 2
}

// Unfinished reports whether a part of a command has been seen, be it to be skipped.
func (p *Parser) Unfinished() bool { return p.begun }

// Held returns how many bytes of memory the parser takes for the unfinished command,
// besides what has arrived of it.
func (p *Parser) Held() int { return cap(p.spans)*16 + cap(p.args)*24 }

// begin notes that a command of count arguments begins.
func (p *Parser) begin(count, size int) {
	p.begun, p.left, p.pos, p.body = true, count, size, noArgument
	p.named = false
	if count > p.limits.MaxArgs {
		p.refuse(nil, "command has %d arguments, limit %d", count, p.limits.MaxArgs)
	}
}

// Refuse has the unfinished command, whose bytes so far are b, skipped, as if it were
// over the limits. Next returns err for it then. It reports false if no command has
// begun of which the end is known: a line, or nothing.
func (p *Parser) Refuse(b []byte, err error) bool {
	if !p.begun {
		return false
	}
	if p.refusal != nil {
		return true
	}
	p.refusal = err
	if len(p.spans) > 0 {
		p.setName(b[p.spans[0].from:p.spans[0].to])
	}
	if p.body != noArgument {
		p.body += len("\r\n")
	}
	return true
}

// refuse makes the command, whose bytes so far are b, one to skip.
func (p *Parser) refuse(b []byte, format string, args ...any) {
	if p.refusal != nil {
		return
	}
	p.refusal = fmt.Errorf("%w: "+format, append([]any{ErrTooLarge}, args...)...)
	if len(p.spans) > 0 {
		p.setName(b[p.spans[0].from:p.spans[0].to])
	}
}

func (p *Parser) reset() {
	const keep = 1 << 10 // arguments to have room for at hand
	if cap(p.spans) > keep {
		p.spans = nil
	}
	if cap(p.args) > keep {
		// the caller has its slice
		p.args = nil
	}
	p.spans = p.spans[:0]
	p.begun, p.pos, p.left, p.body, p.total, p.refusal = false, 0, 0, noArgument, 0, nil
}

// argument takes one step: an argument's length, or its bytes. It reports false
// when these have not arrived.
func (p *Parser) argument(b []byte) (bool, error) {
	if p.body == noArgument {
		rest := b[p.pos:]
		if len(rest) == 0 {
			return false, nil
		}
		if rest[0] != '$' {
			return false, ProtocolError(fmt.Sprintf("expected '$', got '%c'", printable(rest[0])))
		}
		length, size, err := readNumber(rest, "bulk count", "bulk length", largestArg)
		if err != nil || size == 0 {
			return false, err
		}
		if length < 0 {
			return false, ProtocolError("invalid bulk length")
		}
		p.pos += size
		p.body = length
		p.total += length
		switch {
		case length > p.limits.MaxArg:
			p.refuse(b, "argument is %d bytes, limit %d", length, p.limits.MaxArg)
		case p.total > p.limits.MaxCommand:
			p.refuse(b, "command is more than %d bytes", p.limits.MaxCommand)
		}
		if p.refusal != nil {
			p.body += len("\r\n")
		}
	}
	if p.refusal != nil {
		return p.skip(b), nil
	}
	end := p.pos + p.body
	if len(b) < end+2 {
		return false, nil
	}
	if b[end] != '\r' || b[end+1] != '\n' {
		return false, ProtocolError("expected CRLF behind an argument")
	}
	p.spans = append(p.spans, span{p.pos, end})
	p.pos, p.body = end+2, noArgument
	p.left--
	return true, nil
}

// skip passes over what has arrived of a refused argument and the CRLF behind it.
func (p *Parser) skip(b []byte) bool {
	if !p.named && len(b) > p.pos {
		p.setName(b[p.pos:min(p.pos+p.body-len("\r\n"), len(b))])
	}
	here := min(p.body, len(b)-p.pos)
	p.pos += here
	p.body -= here
	if p.body > 0 {
		return false
	}
	p.body = noArgument
	p.left--
	return true
}

func (p *Parser) setName(b []byte) {
	const longestName = 32
	p.name, p.named = append(p.name[:0], b[:min(len(b), longestName)]...), true
}

// discard gives back what has been skipped of a refused command, so that it is
// not kept until its end arrives.
func (p *Parser) discard() int {
	if p.refusal == nil {
		return 0
	}
	n := p.pos
	p.pos, p.spans = 0, p.spans[:0]
	return n
}

// readNumber reads the number in the line that begins b, behind its first byte.
// It returns size 0 if the line has not arrived whole.
func readNumber(b []byte, line, what string, limit int) (value, size int, err error) {
	end := bytes.IndexByte(b[:min(len(b), longestLine)], '\r')
	if end < 0 {
		if len(b) >= longestLine {
			return 0, 0, ProtocolError("too big " + line + " string")
		}
		return 0, 0, nil
	}
	value, ok := ParseInt(b[1:end])
	if !ok || value > limit {
		return 0, 0, ProtocolError("invalid " + what)
	}
	if len(b) < end+2 {
		return 0, 0, nil
	}
	if b[end+1] != '\n' {
		return 0, 0, ProtocolError("invalid " + what)
	}
	return value, end + 2, nil
}

// printable returns c, or a question mark if a terminal could not show it.
func printable(c byte) byte {
	if c < ' ' || c > '~' {
		return '?'
	}
	return c
}
