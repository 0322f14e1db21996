package sim

import (
	"encoding/binary"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// The sizes of the wire format, written down a second time: what looks at the
// product's bytes does not ask the product what they mean.
const (
	requestHeader  = 17 // magic 2, command 1, key length 2, value length 4, TTL 8
	responseHeader = 7  // magic 2, status 1, value length 4
)

// firstRequest returns the request at the beginning of b and how long it is, 0
// if it has not arrived whole.
func firstRequest(b []byte) (r wire.Request, n int) {
	if len(b) < requestHeader {
		return r, 0
	}
	key, value := int(binary.BigEndian.Uint16(b[3:])), int(binary.BigEndian.Uint32(b[5:]))
	n = requestHeader + key + value
	if len(b) < n {
		return r, 0
	}
	r.Command = wire.Command(b[2])
	r.Key, r.Value = b[requestHeader:requestHeader+key], b[requestHeader+key:n]
	return r, n
}

// firstResponse is firstRequest for what a server sends.
func firstResponse(b []byte) (a wire.Response, n int) {
	if len(b) < responseHeader {
		return a, 0
	}
	n = responseHeader + int(binary.BigEndian.Uint32(b[3:]))
	if len(b) < n {
		return a, 0
	}
	a.Status, a.Value = wire.Status(b[2]), b[responseHeader:n]
	return a, n
}
