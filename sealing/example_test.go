package sealing_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/Zezezknight/cryptomem/sealing"
)

// Seal values for a store that is not to be trusted, here a map.
func Example() {
	secret := make([]byte, sealing.KeySize)
	_, _ = rand.Read(secret)
	kr, err := sealing.KeyringFromSecret(secret)
	if err != nil {
		log.Fatal(err)
	}
	s, err := sealing.New(kr)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = s.Close() }()

	store := map[string][]byte{}
	now := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	name := []byte("user:1")
	store["user:1"], err = s.Seal(nil, name, []byte("hello"), now.Add(time.Minute), sealing.StampAt(now))
	if err != nil {
		log.Fatal(err)
	}

	value, err := s.Open(nil, name, store["user:1"], now)
	fmt.Printf("%s, %v\n", value, err)

	_, err = s.Open(nil, []byte("user:2"), store["user:1"], now)
	fmt.Println("as the value of another:", errors.Is(err, sealing.ErrNotAuthentic))

	_, err = s.Open(nil, name, store["user:1"], now.Add(time.Hour))
	fmt.Println("an hour later:", errors.Is(err, sealing.ErrExpired))
	// Output:
	// hello, <nil>
	// as the value of another: true
	// an hour later: true
}

// Rotate keys in three steps, between which every process rereads the keyring.
func ExampleKeyring() {
	now := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	kr, err := sealing.NewKeyring(now)
	if err != nil {
		log.Fatal(err)
	}
	s, err := sealing.New(kr)
	if err != nil {
		log.Fatal(err)
	}
	old := kr.Keys()[0].ID
	envelope, _ := s.Seal(nil, []byte("name"), []byte("value"), time.Time{}, sealing.StampAt(now))

	// Add: everyone learns to open with the new key.
	id, err := kr.Generate(now.AddDate(0, 1, 0))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("add:", s.Rekey(kr))

	// Promote: everyone seals with it. What the old one sealed still opens.
	fmt.Println("promote:", kr.Promote(id), s.Rekey(kr))
	_, err = s.Open(nil, []byte("name"), envelope, now)
	fmt.Println("open:", err)

	// Retire the old one when what it sealed has expired.
	fmt.Println("retire:", kr.Retire(old), s.Rekey(kr))
	_, err = s.Open(nil, []byte("name"), envelope, now)
	fmt.Println("open:", errors.Is(err, sealing.ErrUnknownKey))
	// Output:
	// add: <nil>
	// promote: <nil> <nil>
	// open: <nil>
	// retire: <nil> <nil>
	// open: true
}

// Keep keys in a file that only its owner may read.
func ExampleReadKeyFile() {
	dir, err := os.MkdirTemp("", "keys")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "keys.json")

	kr, err := sealing.NewKeyring(time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC))
	if err != nil {
		log.Fatal(err)
	}
	if err := kr.CreateFile(path); err != nil {
		log.Fatal(err)
	}
	kr, err = sealing.ReadKeyFile(path)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(kr.Keys()), "key")
	// Output: 1 key
}

// Hide the names, and nearly the lengths, from the server.
func ExampleWithBlindNames() {
	kr, err := sealing.KeyringFromSecret([]byte("0123456789abcdef0123456789ABCDEF"))
	if err != nil {
		log.Fatal(err)
	}
	s, err := sealing.New(kr, sealing.WithBlindNames(), sealing.WithPadding())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%x\n", s.AppendWireName(nil, []byte("name")))
	now := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	no, _ := s.Seal(nil, []byte("name"), []byte("no"), time.Time{}, sealing.StampAt(now))
	yes, _ := s.Seal(nil, []byte("name"), []byte("yes"), time.Time{}, sealing.StampAt(now))
	fmt.Println(len(no), len(yes))
	// Output:
	// a3c099671421a5fb2c4f402d6f479c3d
	// 94 94
}
