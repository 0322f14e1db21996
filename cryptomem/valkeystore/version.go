package valkeystore

import (
	"encoding/binary"

	"github.com/Zezezknight/cryptomem/sealing"
)

// The version of a value is the last eight bytes of its envelope's nonce: random,
// and new with every seal, so that nothing has to be stored beside the value. Where
// they lie depends on the envelope's first byte, its own version.
const (
	versionSize = 8

	unstampedAt = 30
	stampedAt   = unstampedAt + sealing.StampSize
)

// versionPlaces is the same for the script: pairs of a first byte and a place.
var versionPlaces = string([]byte{sealing.VersionUnstamped, unstampedAt, sealing.VersionStamped, stampedAt})

// versionOf returns the version of an envelope; 0, which no envelope is likely to
// have, of what is none.
func versionOf(envelope []byte) uint64 {
	at := 0
	if len(envelope) > 0 {
		switch envelope[0] {
		case sealing.VersionUnstamped:
			at = unstampedAt
		case sealing.VersionStamped:
			at = stampedAt
		}
	}
	if at == 0 || len(envelope) < at+versionSize {
		return 0
	}
	return binary.BigEndian.Uint64(envelope[at:])
}

func appendVersion(b []byte, version uint64) []byte {
	return binary.BigEndian.AppendUint64(b, version)
}
