package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Sizes that the wire format fixes, in bytes.
const (
	RequestHeaderSize  = 17
	ResponseHeaderSize = 7
	MaxKeySize         = 1<<16 - 1
	MaxWireValueSize   = 1<<32 - 1 // what a header can declare; servers accept far less
)

const magic0, magic1 = 'C', 'M'

// ErrFraming reports bytes that are not the start of a frame. It is then
// unknown where the next frame starts, so the connection has to be closed.
var ErrFraming = errors.New(`bad magic, a frame starts with "CM"`)

// A Request is a frame from a client to the server. A parsed one aliases the bytes it
// was parsed from.
type Request struct {
	Command Command
	// TTL counts from the execution of the request; 0 means that the item never expires.
	TTL time.Duration
	// Key has at most MaxKeySize bytes.
	Key []byte
	// Value has at most MaxWireValueSize bytes.
	Value []byte
}

// A Response is a frame from the server to the client. A parsed one aliases the bytes
// it was parsed from.
type Response struct {
	Status Status
	Value  []byte
}

// AppendRequest appends r's frame to dst. It fails, and returns dst unchanged,
// only if the key or the value is too long for the header.
func AppendRequest(dst []byte, r *Request) ([]byte, error) {
	if len(r.Key) > MaxKeySize {
		return dst, fmt.Errorf("key is %d bytes, limit %d", len(r.Key), MaxKeySize)
	}
	if uint64(len(r.Value)) > MaxWireValueSize {
		return dst, fmt.Errorf("value is %d bytes, limit %d", len(r.Value), uint64(MaxWireValueSize))
	}
	dst = append(dst, magic0, magic1, byte(r.Command))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(r.Key)))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(r.Value)))
	dst = binary.BigEndian.AppendUint64(dst, uint64(r.TTL))
	dst = append(dst, r.Key...)
	return append(dst, r.Value...), nil
}

// AppendResponse appends a response's frame to dst. The value must not be
// longer than MaxWireValueSize.
func AppendResponse(dst []byte, s Status, value []byte) []byte {
	dst = append(dst, magic0, magic1, byte(s))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(value)))
	return append(dst, value...)
}

// BeginResponse appends room for a response's header to dst. The caller then
// appends the value in place and calls EndResponse.
func BeginResponse(dst []byte) []byte {
	var header [ResponseHeaderSize]byte
	return append(dst, header[:]...)
}

// EndResponse fills in the header that BeginResponse made room for at start.
// All of dst behind it is the value.
func EndResponse(dst []byte, start int, s Status) []byte {
	return EndLargeResponse(dst, start, s, 0)
}

// EndLargeResponse is EndResponse for a value of which more bytes follow that are
// not in dst.
func EndLargeResponse(dst []byte, start int, s Status, more int) []byte {
	header := dst[start : start+ResponseHeaderSize]
	header[0], header[1], header[2] = magic0, magic1, byte(s)
	binary.BigEndian.PutUint32(header[3:], uint32(len(dst)-start-ResponseHeaderSize+more))
	return dst
}

// A Header is the fixed part of a request, enough to accept or refuse it.
type Header struct {
	Command   Command
	TTL       time.Duration
	KeySize   uint16 // bytes
	ValueSize uint32 // bytes
}

// Size returns the bytes of the whole frame: header, key and value.
func (h *Header) Size() uint64 {
	// uint64, so that a 4 GiB declaration does not wrap where int has 32 bits.
	return RequestHeaderSize + uint64(h.KeySize) + uint64(h.ValueSize)
}

// Request returns the request whose frame b begins with; b holds it whole.
func (h *Header) Request(b []byte) Request {
	keyEnd := RequestHeaderSize + int(h.KeySize)
	end := keyEnd + int(h.ValueSize)
	return Request{Command: h.Command, TTL: h.TTL, Key: b[RequestHeaderSize:keyEnd:keyEnd], Value: b[keyEnd:end:end]}
}

// ParseHeader reads the header at the start of b, which must have at least
// RequestHeaderSize bytes.
func ParseHeader(b []byte) Header {
	_ = b[RequestHeaderSize-1]
	return Header{
		Command:   Command(b[2]),
		KeySize:   binary.BigEndian.Uint16(b[3:]),
		ValueSize: binary.BigEndian.Uint32(b[5:]),
		TTL:       time.Duration(binary.BigEndian.Uint64(b[9:])),
	}
}

// ParseRequest reads the request that b begins with and returns how many bytes
// it took. Zero bytes and no error mean that more bytes are needed. The
// request's slices alias b. The only error is ErrFraming, reported as soon as
// the first wrong byte is there.
func ParseRequest(b []byte) (r Request, n int, err error) {
	if BadMagic(b) {
		return Request{}, 0, ErrFraming
	}
	if len(b) < RequestHeaderSize {
		return Request{}, 0, nil
	}
	h := ParseHeader(b)
	if uint64(len(b)) < h.Size() {
		return Request{}, 0, nil
	}
	return h.Request(b), int(h.Size()), nil
}

// ParseResponse reads the response that b begins with, as ParseRequest does
// for requests.
func ParseResponse(b []byte) (r Response, n int, err error) {
	if BadMagic(b) {
		return Response{}, 0, ErrFraming
	}
	if len(b) < ResponseHeaderSize {
		return Response{}, 0, nil
	}
	size := binary.BigEndian.Uint32(b[3:])
	if uint64(len(b)) < ResponseHeaderSize+uint64(size) {
		return Response{}, 0, nil
	}
	end := ResponseHeaderSize + int(size)
	return Response{Status: Status(b[2]), Value: b[ResponseHeaderSize:end:end]}, end, nil
}

// BadMagic reports whether b cannot be the start of a frame, as soon as the first
// wrong byte is there.
func BadMagic(b []byte) bool {
	return len(b) > 0 && b[0] != magic0 || len(b) > 1 && b[1] != magic1
}
