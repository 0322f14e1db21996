package access

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/sealing/safefile"
)

// hashPrefix names the hash in front of its hexadecimal digits. One round of
// SHA-256 is enough because a token is 256 random bits; it would not be for
// something that a person thought of.
const hashPrefix = "sha256:"

// NewToken draws a token, and returns the hash that an identities file holds.
func NewToken() (token, hash string) {
	var secret [32]byte
	// never fails
	_, _ = rand.Read(secret[:])
	token = base64.RawURLEncoding.EncodeToString(secret[:])
	return token, HashToken(token)
}

// maxTokenFile is room for a token and for line ends after it, in bytes.
const maxTokenFile = server.MaxTokenSize + 64

// ReadToken returns the token in a file, as ParseToken does.
func ReadToken(name string) ([]byte, error) {
	text, err := safefile.Read(name, maxTokenFile)
	if err != nil {
		return nil, fmt.Errorf("read token: %w", err)
	}
	token := ParseToken(text)
	if len(token) == 0 {
		return nil, fmt.Errorf("read token: %s is empty", name)
	}
	return token, nil
}

// ParseToken returns the token that a file or a variable holds: the text without
// the ends of lines behind it, which editors and shells leave there.
func ParseToken(text []byte) []byte { return bytes.TrimRight(text, "\r\n") }

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
