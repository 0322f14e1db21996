package gqlcache_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log"
	"net"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/gqlcache"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
)

func Example() {
	client, stop := connect()
	defer stop()
	ctx := context.Background()

	cache := gqlcache.New(client)
	query := "{ me { name } }"
	hash := fmt.Sprintf("%x", sha256.Sum256([]byte(query)))
	fmt.Println(cache.Get(ctx, hash)) // not yet: gqlgen asks the client for the query
	cache.Add(ctx, hash, query)
	fmt.Println(cache.Get(ctx, hash))
	// Output:
	//  false
	// { me { name } } true
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
