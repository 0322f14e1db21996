package valkeystore

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/valkey-io/valkey-go"
)

// A reply is what a server answered, unless that is an error.
type reply struct {
	// An error, if it is a lone caller's.
	refused bool
	// null is set for RESP's nil.
	null bool
	// text is that of a string, or of a refusal.
	text []byte
	// number is that of an integer.
	number int64
	// Another type, or what is wrong with the answer, for a caller that expects a
	// string or an integer.
	err error
}

// replyTo takes apart what valkey-go brings.
func replyTo(result valkey.ValkeyResult) (a reply, err error) {
	m, err := result.ToMessage()
	switch {
	case valkey.IsValkeyNil(err):
		return reply{null: true}, nil
	case err != nil:
		return a, err
	case m.IsInt64():
		a.number, a.err = m.AsInt64()
	default:
		a.text, a.err = m.AsBytes()
	}
	return a, nil
}

// The first bytes of answers that a lone caller may get (RESP3).
const (
	respText   = '+'
	respError  = '-'
	respNumber = ':'
	respNull   = '_'
	respBulk   = '$'
)

// maxBulk is the longest string that is accepted, in bytes: twice a server's default
// limit.
const maxBulk = 1 << 30

// maxHeader is the longest first line of an answer that a lone caller reads, in
// bytes.
const maxHeader = 64 << 10

// answerSize returns how long the answer is that b begins with, and where what it
// says begins; 0 if that is not known yet.
func answerSize(b []byte) (head, size int, err error) {
	end := bytes.IndexByte(b, '\n')
	switch {
	case end < 0:
		if len(b) > maxHeader {
			return 0, 0, fmt.Errorf("answer of the server begins with %d bytes without an end of a line", len(b))
		}
		return 0, 0, nil
	case end < 2, b[end-1] != '\r':
		return 0, 0, fmt.Errorf("answer of the server has a line %q without a carriage return", b[:end])
	}
	head = end + 1
	switch b[0] {
	case respText, respError, respNumber, respNull:
		return head, head, nil
	case respBulk:
		n, err := strconv.Atoi(string(b[1 : end-1]))
		switch {
		case err != nil || n < -1 || n > maxBulk:
			return 0, 0, fmt.Errorf("answer of the server says that it is %q long", b[1:end-1])
		case n == -1:
			return head, head, nil
		}
		return head, head + n + len("\r\n"), nil
	}
	return 0, 0, fmt.Errorf("answer of the server begins with %q", b[0])
}

// parseAnswer takes a whole answer apart. The text of a string is appended to dst, that of
// a refusal stays in b; "OK" says nothing.
func parseAnswer(dst, b []byte, head int) (a reply) {
	line := b[1 : head-len("\r\n")]
	switch {
	case b[0] == respError:
		a.refused, a.text = true, line
	case b[0] == respNumber:
		a.number, a.err = strconv.ParseInt(string(line), 10, 64)
	case b[0] == respNull, b[0] == respBulk && string(line) == "-1":
		a.null = true
	case b[0] == respBulk:
		a.text = append(dst, b[head:len(b)-len("\r\n")]...)
	}
	return a
}

// appendCommand appends the words of a command as they are sent.
func appendCommand(b []byte, words []string) []byte {
	b = appendLength(b, '*', len(words))
	for _, word := range words {
		b = append(append(appendLength(b, respBulk, len(word)), word...), '\r', '\n')
	}
	return b
}

func appendLength(b []byte, kind byte, n int) []byte {
	return append(strconv.AppendInt(append(b, kind), int64(n), 10), '\r', '\n')
}

// commandSize returns how long appendCommand makes them.
func commandSize(words []string) (n int) {
	n = lengthSize(len(words))
	for _, word := range words {
		n += lengthSize(len(word)) + len(word) + len("\r\n")
	}
	return n
}

func lengthSize(n int) int {
	size := len("*0\r\n")
	for ; n > 9; n /= 10 {
		size++
	}
	return size
}
