package testdata

import (
	"bytes"
	_ "embed" // of the manifest
	"encoding/json"
	"fmt"
)

//go:embed manifest.json
var manifest []byte

// ManifestSchema is the version of the manifest's layout.
const ManifestSchema = 1

// A Manifest lists the published suite: every golden dialogue and envelope, and what
// is wrong with it. docs/conformance.md explains the classes.
type Manifest struct {
	Schema  int     `json:"schema"`
	Entries []Entry `json:"entries"`
}

// An Entry is one dialogue or one envelope.
type Entry struct {
	// Requests, answer or envelope.
	Kind string `json:"kind"`
	// Below testdata.
	File string `json:"file"`
	// Title of an envelope, in its file.
	Title string `json:"title,omitempty"`
	// Version of an envelope: c1 or c2.
	Version string `json:"version,omitempty"`
	// Classes of failure, in their order; none: all is well.
	Fails []string `json:"fails"`
}

// The kinds of entries.
const (
	KindRequests = "requests" // what a client says, and what a server answers
	KindAnswer   = "answer"   // what a client may be answered
	KindEnvelope = "envelope"
)

// ReadManifest reads manifest.json, and refuses whatever it does not know.
func ReadManifest() (m Manifest, err error) {
	in := json.NewDecoder(bytes.NewReader(manifest))
	in.DisallowUnknownFields()
	if err := in.Decode(&m); err != nil {
		return m, fmt.Errorf("manifest.json: %w", err)
	}
	if m.Schema != ManifestSchema {
		return m, fmt.Errorf("manifest.json: schema %d, want %d", m.Schema, ManifestSchema)
	}
	return m, nil
}
