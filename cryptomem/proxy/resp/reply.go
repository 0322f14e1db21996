package resp

import (
	"bytes"
	"strconv"
)

// A Kind says what a reply is: the byte that it begins with on the wire.
type Kind byte

// The kinds of replies, and the fields of Reply that hold them.
const (
	Simple    Kind = '+' // Bytes
	Error     Kind = '-' // Bytes: the code word, a space, what is wrong
	Integer   Kind = ':' // Int
	Bulk      Kind = '$' // Bytes
	Array     Kind = '*' // Elems
	Null      Kind = '_' // in RESP2: no string
	NullArray Kind = 'n' // in RESP2: no array. Never on the wire

	// In RESP3 only.
	Boolean   Kind = '#' // Int: 0 or 1
	Double    Kind = ',' // Float
	BigNumber Kind = '(' // Bytes: its digits
	Verbatim  Kind = '=' // Bytes: "txt:" and the text
	BlobError Kind = '!' // Bytes, as Error
	Map       Kind = '%' // Elems: key, value, key, value
	Set       Kind = '~' // Elems
	Push      Kind = '>' // Elems
)

// A Reply is the answer to a command as a value.
type Reply struct {
	Kind  Kind
	Bytes []byte
	Int   int64
	Float float64
	Elems []Reply
}

// ErrorReply returns the error whose text, code word first, is given.
func ErrorReply(text string) Reply { return Reply{Kind: Error, Bytes: []byte(text)} }

// Append appends r as the protocol's version v has it.
func (r Reply) Append(dst []byte, v Version) []byte {
	switch r.Kind {
	case Simple:
		return AppendSimple(dst, string(r.Bytes))
	case Error, BlobError:
		return AppendError(dst, string(r.Bytes))
	case Integer:
		return AppendInt(dst, r.Int)
	case Bulk:
		return AppendBulk(dst, r.Bytes)
	case Null:
		return v.AppendNull(dst)
	case NullArray:
		return v.AppendNullArray(dst)
	case Boolean:
		return v.AppendBool(dst, r.Int != 0)
	case Double:
		return v.AppendDouble(dst, r.Float)
	case BigNumber, Verbatim:
		return r.appendText(dst, v)
	}
	switch r.Kind {
	case Map:
		dst = v.AppendMap(dst, len(r.Elems)/2)
	case Set:
		dst = v.AppendSet(dst, len(r.Elems))
	case Push:
		dst = AppendPush(dst, len(r.Elems))
	default:
		dst = AppendArray(dst, len(r.Elems))
	}
	for _, e := range r.Elems {
		dst = e.Append(dst, v)
	}
	return dst
}

func (r Reply) appendText(dst []byte, v Version) []byte {
	switch {
	case v == RESP3 && r.Kind == BigNumber:
		return append(append(append(dst, byte(r.Kind)), r.Bytes...), crlf...)
	case v == RESP3:
		dst = appendHead(dst, r.Kind, int64(len(r.Bytes)))
		return append(append(dst, r.Bytes...), crlf...)
	case r.Kind == Verbatim && len(r.Bytes) >= 4:
		return AppendBulk(dst, r.Bytes[4:])
	}
	return AppendBulk(dst, r.Bytes)
}

// maxDepth bounds how deep arrays may lie in arrays.
const maxDepth = 32

// ParseReply reads the reply that b begins with. Its bytes alias b. It returns
// n 0 if the reply is not all there.
func ParseReply(b []byte) (r Reply, n int, err error) { return parseReply(b, maxDepth) }

func parseReply(b []byte, depth int) (r Reply, n int, err error) {
	end := bytes.Index(b, []byte(crlf))
	if end < 0 {
		return Reply{}, 0, nil
	}
	if end == 0 {
		return Reply{}, 0, ProtocolError("reply without a kind")
	}
	kind, line, n := Kind(b[0]), b[1:end], end+len(crlf)
	switch kind {
	case Simple, Error, BigNumber:
		return Reply{Kind: kind, Bytes: line}, n, nil
	case Integer:
		value, ok := ParseInt(line)
		return Reply{Kind: kind, Int: int64(value)}, n, invalidUnless(ok, kind)
	case Null:
		return Reply{Kind: kind}, n, nil
	case Boolean:
		ok := len(line) == 1 && (line[0] == 't' || line[0] == 'f')
		r = Reply{Kind: kind}
		if ok && line[0] == 't' {
			r.Int = 1
		}
		return r, n, invalidUnless(ok, kind)
	case Double:
		f, err := strconv.ParseFloat(string(line), 64)
		return Reply{Kind: kind, Float: f}, n, invalidUnless(err == nil, kind)
	}
	count, ok := ParseInt(line)
	if !ok || count < -1 {
		return Reply{}, 0, invalidUnless(false, kind)
	}
	switch kind {
	case Bulk, Verbatim, BlobError:
		return parseText(b, kind, n, count)
	case Array, Set, Push, Map:
		return parseElems(b, kind, n, count, depth)
	}
	return Reply{}, 0, invalidUnless(false, kind)
}

// parseText reads the count bytes from b[n:] on and the CRLF behind them.
func parseText(b []byte, kind Kind, n, count int) (Reply, int, error) {
	if count < 0 {
		return Reply{Kind: Null}, n, nil
	}
	if count > len(b)-n-len(crlf) {
		return Reply{}, 0, nil
	}
	end := n + count
	if string(b[end:end+len(crlf)]) != crlf {
		return Reply{}, 0, invalidUnless(false, kind)
	}
	return Reply{Kind: kind, Bytes: b[n:end:end]}, end + len(crlf), nil
}

// parseElems reads the count elements, or twice as many for a map, from b[n:]
// on.
func parseElems(b []byte, kind Kind, n, count, depth int) (Reply, int, error) {
	if count < 0 {
		return Reply{Kind: NullArray}, n, nil
	}
	if depth == 0 {
		return Reply{}, 0, ProtocolError("reply is nested too deep")
	}
	if kind == Map {
		count *= 2
	}
	const shortest = len("_\r\n")
	if count < 0 || count > (len(b)-n)/shortest {
		// they are not all there, whatever they are
		return Reply{}, 0, nil
	}
	r := Reply{Kind: kind, Elems: make([]Reply, 0, count)}
	for range count {
		e, size, err := parseReply(b[n:], depth-1)
		if err != nil || size == 0 {
			return Reply{}, 0, err
		}
		r.Elems = append(r.Elems, e)
		n += size
	}
	return r, n, nil
}

func invalidUnless(ok bool, kind Kind) error {
	if ok {
		return nil
	}
	return ProtocolError("invalid reply of kind '" + string(printable(byte(kind))) + "'")
}
