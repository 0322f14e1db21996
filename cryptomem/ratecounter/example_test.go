package ratecounter_test

import (
	"fmt"
	"log"
	"net"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/ratecounter"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
)

func Example() {
	client, stop := connect()
	defer stop()

	var counter interface { // as httprate.LimitCounter
		Config(limit int, window time.Duration)
		Increment(key string, window time.Time) error
		Get(key string, current, previous time.Time) (now, before int, err error)
	} = ratecounter.New(client)

	counter.Config(100, time.Hour)
	hour := time.Now().Truncate(time.Hour)
	for range 3 {
		if err := counter.Increment("192.0.2.7", hour); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(counter.Get("192.0.2.7", hour, hour.Add(-time.Hour)))
	// Output: 3 0 <nil>
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
