package oracle

import (
	"bytes"
	"hash/maphash"
)

// A Seal watches envelopes on their way to a server. No two may have one nonce
// under one key: AES-GCM gives both texts away then, and its authentication key.
//
// It knows keys by their ids alone, and cannot see whether a nonce could have been
// guessed, only whether it came before. Not safe for concurrent use.
type Seal struct {
	blind bool
	names map[string]bool
	seed  maphash.Seed
	// nonces to the hash of the envelope.
	nonces map[nonce]uint64
}

type nonce struct {
	key   [4]byte
	bytes [24]byte
}

// NewSeal returns a Seal for a world of those names, which the server must not
// learn if they are blind.
func NewSeal(blind bool, names ...string) *Seal {
	s := &Seal{blind: blind, names: map[string]bool{}, seed: maphash.MakeSeed(), nonces: map[nonce]uint64{}}
	for _, name := range names {
		s.names[name] = true
	}
	return s
}

// Sent checks what a holder of the key wrote: an envelope under a name. The same
// envelope may come again, as when a request is repeated.
func (s *Seal) Sent(name, envelope []byte) *Violation {
	if s.blind && s.names[string(name)] {
		return violation(RuleClear, "the name %q went to the server, and names are blind", name)
	}
	header, ok := headerSize(envelope)
	if !ok {
		return violation(RuleClear, "%s went to the server under %q, which is no envelope", brief(envelope), name)
	}
	var n nonce
	copy(n.key[:], envelope[2:])
	copy(n.bytes[:], envelope[header:])
	h := maphash.Bytes(s.seed, envelope)
	if before, ok := s.nonces[n]; ok && before != h {
		return violation(RuleNonce, "the nonce %x was used twice under the key %x", n.bytes, n.key)
	}
	s.nonces[n] = h
	return nil
}

// headerSize returns where the nonce of an envelope begins, by docs/sealing.md.
func headerSize(envelope []byte) (int, bool) {
	const nonceAndTag = 24 + 16
	sizes := map[byte]int{0xC1: 14, 0xC2: 22}
	if len(envelope) == 0 {
		return 0, false
	}
	size, ok := sizes[envelope[0]]
	return size, ok && len(envelope) >= size+nonceAndTag
}

// A Wiretap watches one direction of a connection for text that must not be sent in
// the clear.
//
// It sees only texts that contain what it looks for, and neither names nor
// lengths. Not safe for concurrent use.
type Wiretap struct {
	text []byte
	// tail of what was sent before.
	tail []byte
}

// NewWiretap listens for a text.
func NewWiretap(text string) *Wiretap { return &Wiretap{text: []byte(text)} }

// Sent takes the next bytes of the stream.
func (t *Wiretap) Sent(b []byte) *Violation {
	most := len(t.text) - 1
	// a text may come in pieces
	edge := append(t.tail, b[:min(len(b), most)]...)
	if bytes.Contains(edge, t.text) || bytes.Contains(b, t.text) {
		return violation(RuleClear, "%q went over a connection in the clear", t.text)
	}
	if len(b) >= most {
		edge = b
	}
	t.tail = append(t.tail[:0], edge[max(0, len(edge)-most):]...)
	return nil
}
