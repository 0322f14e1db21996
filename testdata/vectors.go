package testdata

import (
	_ "embed" // of the vectors
	"encoding/hex"
	"encoding/json"
	"fmt"
)

//go:embed sealing/vectors.json
var vectors []byte

// Hex is bytes that JSON spells in hexadecimal.
type Hex []byte

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hex) UnmarshalText(text []byte) (err error) {
	*h, err = hex.AppendDecode(nil, text)
	return err
}

// A Vector is one envelope and what is to become of it: an entry of
// sealing/vectors.json, which sealing/reference.py makes.
type Vector struct {
	Title string `json:"title"`
	// Version of the envelope: one byte.
	Version Hex `json:"version"`
	// Root key.
	Secret Hex `json:"secret"`
	// 8 hexadecimal digits.
	KeyID     string `json:"key_id"`
	Namespace Hex    `json:"namespace"`
	Name      Hex    `json:"name"`
	Envelope  Hex    `json:"envelope"`

	// of those that open
	Value Hex `json:"value"`

	// of those that sealing makes again, byte for byte
	DataKey  Hex   `json:"data_key"`
	NameKey  Hex   `json:"name_key"`
	ExpiryMS int64 `json:"expiry_ms"`
	// 16 hexadecimal digits; 0: none.
	Stamp     string `json:"stamp"`
	Padded    bool   `json:"padded"`
	Nonce     Hex    `json:"nonce"`
	WireName  Hex    `json:"wire_name"`
	BlindName Hex    `json:"blind_name"`

	// of edges and those that are refused
	NowMS        int64 `json:"now_ms"`
	SkewMS       int64 `json:"skew_ms"`
	ClockBoundMS int64 `json:"clock_bound_ms"`
	NotBeforeMS  int64 `json:"not_before_ms"`
	StampedOnly  bool  `json:"stamped_only"`
	// The class of the failure.
	Error string `json:"error"`
}

// VectorsNow is when those open that say nothing of it, in Unix milliseconds.
const VectorsNow int64 = 1_700_000_000_000

// Vectors are the golden envelopes.
type Vectors struct {
	// Are sealed and opened.
	Accepted []Vector `json:"accepted"`
	// Open by a hair.
	Edges   []Vector `json:"edges"`
	Refused []Vector `json:"refused"`
}

// Envelopes reads the golden envelopes.
func Envelopes() (v Vectors, err error) {
	if err := json.Unmarshal(vectors, &v); err != nil {
		return v, fmt.Errorf("sealing/vectors.json: %w", err)
	}
	return v, nil
}
