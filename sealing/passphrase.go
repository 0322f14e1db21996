package sealing

import (
	"fmt"

	"golang.org/x/crypto/argon2"
)

const (
	// MinPassphrase and MinSalt are lower limits, in bytes.
	MinPassphrase = 12
	MinSalt       = 16

	// Argon2id as RFC 9106, section 4, recommends where 2 GiB are too much to ask.
	argonPasses  = 3
	argonMemory  = 64 << 10 // KiB
	argonThreads = 4
)

// KeyringFromPassphrase returns the keyring of the secret that Argon2id (RFC
// 9106: 3 passes, 64 MiB, 4 lanes) makes of passphrase and salt, which takes a
// good part of a second. The salt is no secret but each deployment's
// own: at least MinSalt random bytes, the same for all who share values. Guessing
// costs an attacker as much each time, no more: prefer a random key wherever a
// machine and no person has to remember it.
func KeyringFromPassphrase(passphrase, salt []byte) (*Keyring, error) {
	if len(passphrase) < MinPassphrase {
		return nil, fmt.Errorf("sealing: passphrase is %d bytes, must be at least %d", len(passphrase), MinPassphrase)
	}
	if len(salt) < MinSalt {
		return nil, fmt.Errorf("sealing: salt is %d bytes, must be at least %d", len(salt), MinSalt)
	}
	secret := argon2.IDKey(passphrase, salt, argonPasses, argonMemory, argonThreads, KeySize)
	defer clear(secret)
	return KeyringFromSecret(secret)
}
