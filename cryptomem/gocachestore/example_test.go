package gocachestore_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"time"

	"github.com/eko/gocache/lib/v4/cache"
	"github.com/eko/gocache/lib/v4/store"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/gocachestore"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
)

func Example() {
	client, stop := connect()
	defer stop()
	ctx := context.Background()

	pages := cache.New[string](gocachestore.New(client))
	err := pages.Set(ctx, "/books/1", "Emma", store.WithTags([]string{"books"}), store.WithExpiration(time.Minute))
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(pages.Get(ctx, "/books/1"))

	err = pages.Invalidate(ctx, store.WithInvalidateTags([]string{"books"}))
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(pages.Get(ctx, "/books/1"))
	// Output:
	// Emma <nil>
	//  value not found in store
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
