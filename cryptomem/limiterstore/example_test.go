package limiterstore_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"time"

	"github.com/ulule/limiter/v3"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/limiterstore"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
)

func Example() {
	client, stop := connect()
	defer stop()

	instance := limiter.New(limiterstore.New(client), limiter.Rate{Limit: 2, Period: 24 * time.Hour})
	for range 3 {
		visitor, err := instance.Get(context.Background(), "192.0.2.7")
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(visitor.Remaining, visitor.Reached)
	}
	// Output:
	// 1 false
	// 0 false
	// 0 true
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
