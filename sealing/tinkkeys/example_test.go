package tinkkeys_test

import (
	"bytes"
	"fmt"
	"log"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"

	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/sealing/tinkkeys"
)

// Keep the keyset wrapped by a KMS, whose AEAD is played by a local key here.
func ExampleReadEncryptedJSON() {
	kms, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		log.Fatal(err)
	}
	kek, err := aead.New(kms)
	if err != nil {
		log.Fatal(err)
	}
	keys, err := keyset.NewHandle(prf.HKDFSHA256PRFKeyTemplate())
	if err != nil {
		log.Fatal(err)
	}
	var file bytes.Buffer
	if err := keys.Write(keyset.NewJSONWriter(&file), kek); err != nil {
		log.Fatal(err)
	}

	kr, err := tinkkeys.ReadEncryptedJSON(&file, kek)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = kr.Close() }()
	s, err := sealing.New(kr)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	fmt.Println(len(kr.Keys()), "key, primary:", kr.Keys()[0].Primary)
	// Output: 1 key, primary: true
}
