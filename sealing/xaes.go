package sealing

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
)

const (
	keySize         = 32 // AES-256
	noncePrefixSize = 12 // the part of an XAES nonce that picks the subkey
	nonceSize       = 12 // the part that is AES-GCM's nonce
	tagSize         = 16
)

// xaes is XAES-256-GCM (https://c2sp.org/XAES-256-GCM) up to the point where
// AES-GCM takes over: one 32-byte key and half a nonce make the AES-256 key
// that the other half is used with. It is NIST SP 800-108r1's counter-mode KDF
// over AES-CMAC, whose messages are one block each.
//
// Because the subkey depends on the key and the first half alone, it may be
// kept and used for as many second halves as AES-GCM with random nonces allows.
type xaes struct {
	block cipher.Block
	// CMAC's subkey for whole last blocks.
	k1 [aes.BlockSize]byte
}

func newXAES(key []byte) (*xaes, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	x := &xaes{block: block}
	block.Encrypt(x.k1[:], x.k1[:])
	// Doubling in GF(2^128), without a branch on a secret bit.
	msb := x.k1[0] >> 7
	for i := range len(x.k1) - 1 {
		x.k1[i] = x.k1[i]<<1 | x.k1[i+1]>>7
	}
	x.k1[len(x.k1)-1] = x.k1[len(x.k1)-1]<<1 ^ msb*0x87
	return x, nil
}

// derive returns AES-256 under the subkey of prefix, which is noncePrefixSize bytes.
func (x *xaes) derive(prefix []byte) (cipher.Block, error) {
	subkey := make([]byte, keySize)
	defer clear(subkey)
	for i := range 2 {
		m := subkey[i*aes.BlockSize:][:aes.BlockSize]
		m[1], m[2] = byte(i+1), 'X'
		copy(m[4:], prefix)
		subtle.XORBytes(m, m, x.k1[:])
		x.block.Encrypt(m, m)
	}
	return aes.NewCipher(subkey)
}
