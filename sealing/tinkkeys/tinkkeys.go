// Package tinkkeys makes a keyring of a Tink keyset (https://developers.google.com/tink),
// so that keys are made, rotated and wrapped by a KMS with Tink's tools. It is a
// package of its own because few need it and Tink is large.
//
//	tinkey create-keyset --key-template HKDF_SHA256 --out-format json --out keys.json
//	tinkey rotate-keyset --key-template HKDF_SHA256 --in keys.json …
//
// Keys of two types serve as root keys: HKDF-SHA256 PRF keys without a salt, whose
// very function it is to derive other keys, and AES-256-GCM keys. Give cryptomem a
// keyset of its own. Tink's key ids are the key ids of envelopes, its primary
// seals, its enabled keys open, and its disabled and destroyed ones are retired.
package tinkkeys

import (
	"errors"
	"fmt"
	"io"

	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/key"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf/hkdfprf"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/Zezezknight/cryptomem/sealing"
)

// ReadJSON makes a keyring of a cleartext keyset in Tink's JSON.
func ReadJSON(r io.Reader) (*sealing.Keyring, error) {
	return readCleartext(keyset.NewJSONReader(r))
}

// ReadBinary makes a keyring of a cleartext keyset in Tink's binary format.
func ReadBinary(r io.Reader) (*sealing.Keyring, error) {
	return readCleartext(keyset.NewBinaryReader(r))
}

// ReadEncryptedJSON makes a keyring of a keyset in Tink's JSON that kek, such as
// the AEAD of a KMS, has encrypted.
func ReadEncryptedJSON(r io.Reader, kek tink.AEAD) (*sealing.Keyring, error) {
	return readEncrypted(keyset.NewJSONReader(r), kek)
}

// ReadEncryptedBinary is ReadEncryptedJSON for Tink's binary format.
func ReadEncryptedBinary(r io.Reader, kek tink.AEAD) (*sealing.Keyring, error) {
	return readEncrypted(keyset.NewBinaryReader(r), kek)
}

func readCleartext(r keyset.Reader) (*sealing.Keyring, error) {
	handle, err := insecurecleartextkeyset.Read(r)
	if err != nil {
		// Tink's own error may quote the keyset.
		return nil, errors.New("tinkkeys: not a cleartext keyset of this format")
	}
	return FromHandle(handle)
}

func readEncrypted(r keyset.Reader, kek tink.AEAD) (*sealing.Keyring, error) {
	handle, err := keyset.Read(r, kek)
	if err != nil {
		return nil, fmt.Errorf("tinkkeys: decrypt keyset: %w", err)
	}
	return FromHandle(handle)
}

// FromHandle makes a keyring of the keyset's keys. It has no root for blind names:
// set one with [sealing.Keyring.SetNameRoot], which must not rotate.
func FromHandle(handle *keyset.Handle) (*sealing.Keyring, error) {
	kr := &sealing.Keyring{}
	var primary uint32
	for i := range handle.Len() {
		entry, err := handle.Entry(i)
		if err != nil {
			return nil, fmt.Errorf("tinkkeys: key %d of the keyset: %w", i, err)
		}
		if entry.KeyStatus() != keyset.Enabled {
			err = kr.AddRetired(entry.KeyID())
		} else {
			err = add(kr, entry.KeyID(), entry.Key())
		}
		if err != nil {
			return nil, err
		}
		if entry.IsPrimary() {
			primary = entry.KeyID()
		}
	}
	if err := kr.Promote(primary); err != nil {
		return nil, fmt.Errorf("tinkkeys: primary: %w", err)
	}
	return kr, nil
}

func add(kr *sealing.Keyring, id uint32, k key.Key) error {
	var secret secretdata.Bytes
	switch k := k.(type) {
	case *hkdfprf.Key:
		p, ok := k.Parameters().(*hkdfprf.Parameters)
		if !ok || p.HashType() != hkdfprf.SHA256 || len(p.Salt()) != 0 {
			return fmt.Errorf("tinkkeys: key %08x: an HKDF key must use SHA-256 and no salt", id)
		}
		secret = k.KeyBytes()
	case *aesgcm.Key:
		secret = k.KeyBytes()
	default:
		return fmt.Errorf("tinkkeys: key %08x is a %T, must be an HKDF PRF key or an AES-256-GCM key", id, k)
	}
	b := secret.Data(insecuresecretdataaccess.Token{})
	// a copy
	defer clear(b)
	if err := kr.AddWithID(id, b); err != nil {
		return fmt.Errorf("tinkkeys: key %08x: %w", id, err)
	}
	return nil
}
