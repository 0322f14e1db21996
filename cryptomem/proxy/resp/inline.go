package resp

import "bytes"

// inline takes a command that is typed as a line, as with telnet:
// words with spaces between, "…" with escapes or '…' around what has spaces in it.
// A line of an HTTP request is a ProtocolError.
func (p *Parser) inline(b []byte) (args [][]byte, n int, err error) {
	end := bytes.IndexByte(b[:min(len(b), p.limits.MaxInline)], '\n')
	if end < 0 {
		if len(b) >= p.limits.MaxInline {
			return nil, 0, ProtocolError("too big inline request")
		}
		return nil, 0, nil
	}
	line := bytes.TrimSuffix(b[:end], []byte{'\r'})
	p.args = p.args[:0]
	// with room for all: no word moves once it is an argument
	words := make([]byte, 0, len(line))
	for {
		for len(line) > 0 && isSpace(line[0]) {
			line = line[1:]
		}
		if len(line) == 0 {
			break
		}
		start := len(words)
		var ok bool
		if words, line, ok = appendWord(words, line); !ok {
			return nil, 0, ProtocolError("unbalanced quotes in request")
		}
		p.args = append(p.args, words[start:len(words):len(words)])
	}
	if len(p.args) == 0 {
		return nil, end + 1, nil
	}
	if isHTTP(p.args[0]) {
		return nil, 0, ProtocolError("an HTTP request")
	}
	return p.args, end + 1, nil
}

// isHTTP reports whether a line that begins so is one of an HTTP request. Any web page
// can have a browser send one to a port of this machine, with commands for a body; the
// Host line comes before that, whatever the method. Redis ends the connection there too.
func isHTTP(word []byte) bool {
	return bytes.EqualFold(word, []byte("POST")) || bytes.EqualFold(word, []byte("Host:"))
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// appendWord appends the word that line begins with and returns what is behind
// it; not ok if a quote is not closed, or a word goes on behind it.
func appendWord(dst, line []byte) (word, rest []byte, ok bool) {
	var quote byte
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == 0 && isSpace(c):
			return dst, line[i:], true
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == quote && quote != 0:
			rest = line[i+1:]
			return dst, rest, len(rest) == 0 || isSpace(rest[0])
		case quote != 0 && c == '\\':
			var used int
			dst, used = appendEscape(dst, line[i:], quote)
			i += used - 1
		default:
			dst = append(dst, c)
		}
	}
	return dst, nil, quote == 0
}

// appendEscape appends what the escape at the start of s stands for and returns
// how many bytes that took.
func appendEscape(dst, s []byte, quote byte) (word []byte, used int) {
	if quote == '\'' {
		if len(s) > 1 && s[1] == '\'' {
			return append(dst, '\''), 2
		}
		return append(dst, '\\'), 1
	}
	if len(s) < 2 {
		return append(dst, '\\'), 1
	}
	if s[1] == 'x' && len(s) >= 4 {
		high, ok1 := fromHex(s[2])
		low, ok2 := fromHex(s[3])
		if ok1 && ok2 {
			return append(dst, high<<4|low), 4
		}
	}
	c := s[1]
	if i := bytes.IndexByte([]byte("nrtba"), c); i >= 0 {
		c = "\n\r\t\b\a"[i]
	}
	return append(dst, c), 2
}

func fromHex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return (c | 0x20) - 'a' + 10, true
	}
	return 0, false
}
