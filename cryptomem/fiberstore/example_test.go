package fiberstore_test

import (
	"fmt"
	"log"
	"net"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/fiberstore"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
)

func Example() {
	client, stop := connect()
	defer stop()

	var storage interface { // as fiber.Storage
		Get(key string) ([]byte, error)
		Set(key string, value []byte, exp time.Duration) error
	} = fiberstore.New(client)

	fmt.Println(storage.Set("session", []byte("Ada"), time.Hour))
	value, err := storage.Get("session")
	fmt.Println(string(value), err)
	value, err = storage.Get("another")
	fmt.Println(value == nil, err)
	// Output:
	// <nil>
	// Ada <nil>
	// true <nil>
}

// connect returns a client of a server that stop ends. Usually the server is a
// process of its own.
func connect() (client *cryptomem.Client, stop func()) {
	server, err := server.New(server.Config{})
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go server.Serve(listener)
	client = cryptomem.New(listener.Addr().String(), time.Hour, "your-32-byte-very-secret-key-!!!").Client()
	return client, func() { client.Close(); server.Close() }
}
