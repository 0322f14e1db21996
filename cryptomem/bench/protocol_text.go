package bench

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// maxLine is how long a line of a text protocol may be, in bytes.
const maxLine = 8 << 10

var crlf = []byte("\r\n")

// memcachedProtocol is memcached's text protocol, as in its protocol.txt.
type memcachedProtocol struct{}

func (memcachedProtocol) String() string { return "memcached" }

func (memcachedProtocol) AppendGet(dst, key []byte) []byte {
	dst = append(dst, "get "...)
	dst = append(dst, key...)
	return append(dst, crlf...)
}

func (memcachedProtocol) AppendSet(dst, key, value []byte, ttl time.Duration) []byte {
	dst = append(dst, "set "...)
	dst = append(dst, key...)
	dst = append(dst, " 0 "...)
	// Whole seconds; from 30 days on it would be an instant, not a span.
	seconds := min((ttl+time.Second-1)/time.Second, 30*24*60*60)
	dst = strconv.AppendInt(dst, int64(seconds), 10)
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, int64(len(value)), 10)
	dst = append(dst, crlf...)
	dst = append(dst, value...)
	return append(dst, crlf...)
}

var (
	memcachedValue  = []byte("VALUE ")
	memcachedEnd    = []byte("END")
	memcachedStored = []byte("STORED")
	memcachedTail   = []byte("\r\nEND\r\n") // behind a value
)

func (memcachedProtocol) Parse(b []byte) (Answer, int, error) {
	line, n, err := cutLine(b)
	switch {
	case n == 0 || err != nil:
		return Answer{}, 0, err
	case bytes.Equal(line, memcachedStored):
		return Answer{}, n, nil
	case bytes.Equal(line, memcachedEnd):
		return Answer{Kind: Missing}, n, nil
	case !bytes.HasPrefix(line, memcachedValue):
		return Answer{Kind: Refused, Text: line}, n, nil
	}
	size, err := parseSize(line[bytes.LastIndexByte(line, ' ')+1:])
	if err != nil {
		return Answer{}, 0, err
	}
	return cutValue(b, n, size, memcachedTail)
}

// redisProtocol is RESP, which Redis, Valkey and their like speak.
type redisProtocol struct{}

func (redisProtocol) String() string { return "redis" }

func (redisProtocol) AppendGet(dst, key []byte) []byte {
	return appendBulk(append(dst, "*2\r\n$3\r\nGET\r\n"...), key)
}

func (redisProtocol) AppendSet(dst, key, value []byte, ttl time.Duration) []byte {
	if ttl <= 0 {
		dst = append(dst, "*3\r\n$3\r\nSET\r\n"...)
		return appendBulk(appendBulk(dst, key), value)
	}
	dst = append(dst, "*5\r\n$3\r\nSET\r\n"...)
	dst = appendBulk(appendBulk(dst, key), value)
	dst = append(dst, "$2\r\nPX\r\n"...)
	var digits [20]byte
	millis := max(ttl.Milliseconds(), 1)
	return appendBulk(dst, strconv.AppendInt(digits[:0], millis, 10))
}

func appendBulk(dst, s []byte) []byte {
	dst = append(dst, '$')
	dst = strconv.AppendInt(dst, int64(len(s)), 10)
	dst = append(dst, crlf...)
	dst = append(dst, s...)
	return append(dst, crlf...)
}

func (redisProtocol) Parse(b []byte) (Answer, int, error) {
	line, n, err := cutLine(b)
	if n == 0 || err != nil {
		return Answer{}, 0, err
	}
	if len(line) == 0 {
		return Answer{}, 0, errors.New("answer is an empty line")
	}
	switch rest := line[1:]; line[0] {
	case '+':
		return Answer{}, n, nil
	case '-':
		return Answer{Kind: Refused, Text: rest}, n, nil
	case '$':
		if string(rest) == "-1" {
			return Answer{Kind: Missing}, n, nil
		}
		size, err := parseSize(rest)
		if err != nil {
			return Answer{}, 0, err
		}
		return cutValue(b, n, size, crlf)
	default:
		return Answer{}, 0, fmt.Errorf("answer begins with %q", line[0])
	}
}

// cutLine returns the line that b begins with, without its end, and how many
// bytes it took; none if its end is yet to come.
func cutLine(b []byte) (line []byte, n int, err error) {
	i := bytes.Index(b[:min(len(b), maxLine)], crlf)
	if i < 0 {
		if len(b) >= maxLine {
			return nil, 0, fmt.Errorf("answer has no line end within %d bytes", maxLine)
		}
		return nil, 0, nil
	}
	return b[:i], i + len(crlf), nil
}

// cutValue returns the value of size bytes that starts at b[n] and is followed
// by tail.
func cutValue(b []byte, n, size int, tail []byte) (Answer, int, error) {
	end := n + size
	if len(b) < end+len(tail) {
		return Answer{}, 0, nil
	}
	if !bytes.HasPrefix(b[end:], tail) {
		return Answer{}, 0, fmt.Errorf("value of %d bytes does not end in %q", size, tail)
	}
	return Answer{Text: b[n:end]}, end + len(tail), nil
}

// maxSize is the longest value that is believed, in bytes.
const maxSize = 1 << 30

func parseSize(digits []byte) (int, error) {
	n, err := strconv.ParseUint(string(digits), 10, 32)
	if err != nil || n > maxSize {
		return 0, fmt.Errorf("value size %q is not a number up to %d", digits, maxSize)
	}
	return int(n), nil
}
