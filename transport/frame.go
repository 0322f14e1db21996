package transport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
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

// ErrFraming reports bytes that no frame begins with. Where the next frame
// starts is unknown from then on, so the connection has to be closed.
var ErrFraming = errors.New(`bad magic, a frame starts with "CM"`)

// A Command says what a request wants done.
type Command uint8

// The commands of the protocol; those from Ping on are extensions, which an
// older server answers with an error and stays in step.
const (
	Set     Command = 1
	Get     Command = 2
	Delete  Command = 3
	Ping    Command = 4
	Add     Command = 5
	Replace Command = 6
	Touch   Command = 7
	GetV    Command = 8
	CAS     Command = 9
	GetDel  Command = 10
	Stats   Command = 11
	Flush   Command = 12
	Auth    Command = 13
)

var commandNames = [...]string{
	Set: "SET", Get: "GET", Delete: "DELETE", Ping: "PING", Add: "ADD", Replace: "REPLACE", Touch: "TOUCH",
	GetV: "GETV", CAS: "CAS", GetDel: "GETDEL", Stats: "STATS", Flush: "FLUSH", Auth: "AUTH",
}

// String returns the command's name as the documentation writes it.
func (c Command) String() string {
	if int(c) < len(commandNames) && commandNames[c] != "" {
		return commandNames[c]
	}
	return "command " + strconv.Itoa(int(c))
}

// A Status says how a request ended.
type Status uint8

// The statuses of the protocol; Exists, Denied and Busy only ever answer
// extension commands.
const (
	NotFound Status = 0
	OK       Status = 1
	Error    Status = 2 // the value is a message in UTF-8
	Exists   Status = 3
	Denied   Status = 4
	Busy     Status = 5
)

var statusNames = [...]string{
	NotFound: "not found", OK: "ok", Error: "error", Exists: "exists", Denied: "denied", Busy: "busy",
}

// String returns the status in words.
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return "status " + strconv.Itoa(int(s))
}

// A Request is one frame on its way to the server. A parsed one aliases the
// bytes it was parsed from.
type Request struct {
	Command Command
	TTL     time.Duration // relative to the moment of execution; 0 means no expiry
	Key     []byte        // at most MaxKeySize bytes
	Value   []byte        // at most MaxWireValueSize bytes
}

// A Response is one frame on its way back. A parsed one aliases the bytes it
// was parsed from.
type Response struct {
	Status Status
	Value  []byte
}

// AppendRequest appends r's frame to dst. It fails, and returns dst as it was,
// only when the key or the value is longer than a header can say.
func AppendRequest(dst []byte, r *Request) ([]byte, error) {
	if len(r.Key) > MaxKeySize {
		return dst, fmt.Errorf("key is %d bytes, limit %d", len(r.Key), MaxKeySize)
	}
	if len(r.Value) > MaxWireValueSize {
		return dst, fmt.Errorf("value is %d bytes, limit %d", len(r.Value), MaxWireValueSize)
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

// EndLargeResponse is EndResponse for a value that goes on behind dst for more
// bytes.
func EndLargeResponse(dst []byte, start int, s Status, more int) []byte {
	header := dst[start : start+ResponseHeaderSize]
	header[0], header[1], header[2] = magic0, magic1, byte(s)
	binary.BigEndian.PutUint32(header[3:], uint32(len(dst)-start-ResponseHeaderSize+more))
	return dst
}

// A Header is the fixed part of a request, enough to judge it by.
type Header struct {
	Command   Command
	TTL       time.Duration
	KeySize   uint16 // bytes
	ValueSize uint32 // bytes
}

// size returns the bytes of the whole frame: header, key and value.
func (h *Header) size() uint64 {
	// uint64, so that a 4 GiB declaration does not wrap where int has 32 bits.
	return RequestHeaderSize + uint64(h.KeySize) + uint64(h.ValueSize)
}

// request returns the request whose frame b begins with; b holds it whole.
func (h *Header) request(b []byte) Request {
	keyEnd := RequestHeaderSize + int(h.KeySize)
	end := keyEnd + int(h.ValueSize)
	return Request{Command: h.Command, TTL: h.TTL, Key: b[RequestHeaderSize:keyEnd:keyEnd], Value: b[keyEnd:end:end]}
}

// parseHeader reads the header that b, at least RequestHeaderSize bytes long,
// begins with.
func parseHeader(b []byte) Header {
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
	if badMagic(b) {
		return Request{}, 0, ErrFraming
	}
	if len(b) < RequestHeaderSize {
		return Request{}, 0, nil
	}
	h := parseHeader(b)
	if uint64(len(b)) < h.size() {
		return Request{}, 0, nil
	}
	return h.request(b), int(h.size()), nil
}

// ParseResponse reads the response that b begins with, as ParseRequest does
// for requests.
func ParseResponse(b []byte) (r Response, n int, err error) {
	if badMagic(b) {
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

func badMagic(b []byte) bool {
	return len(b) > 0 && b[0] != magic0 || len(b) > 1 && b[1] != magic1
}
