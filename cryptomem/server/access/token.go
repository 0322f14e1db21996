package access

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
)

// hashPrefix names the hash in front of its hexadecimal digits. One round of
// SHA-256 is enough because a token is 256 random bits; it would not be for
// something that a person thought of.
const hashPrefix = "sha256:"

// NewToken draws a token, and returns the hash that an identities file holds.
func NewToken() (token, hash string) {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails
	token = base64.RawURLEncoding.EncodeToString(secret[:])
	return token, HashToken(token)
}

// ReadToken returns the token in a file, without the line's end after it.
func ReadToken(name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read token: %w", err)
	}
	token := bytes.TrimRight(text, "\r\n")
	if len(token) == 0 {
		return nil, fmt.Errorf("read token: %s is empty", name)
	}
	return token, nil
}

// HashToken returns the token as an identities file holds it.
func HashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hashPrefix + hex.EncodeToString(sum[:])
}

func parseHash(text string) (h tokenHash, err error) {
	digits, ok := strings.CutPrefix(text, hashPrefix)
	sum, err := hex.DecodeString(digits)
	if !ok || err != nil || len(sum) != len(h) || digits != strings.ToLower(digits) {
		// The text may be a token in clear: it is not repeated.
		return h, fmt.Errorf("a token is written as %s and %d hexadecimal digits, as `cryptomem token` prints it", hashPrefix, 2*len(h))
	}
	return tokenHash(sum), nil
}
