package adapter_test

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/adapter"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
)

// Captchas is what some framework wants of a store.
type Captchas interface {
	Keep(id, answer string) error
	Take(id string) (answer string, err error)
}

type captchas struct{ store *adapter.Store }

func (c captchas) Keep(id, answer string) error {
	return c.store.Set(context.Background(), id, []byte(answer), c.store.TTL())
}

func (c captchas) Take(id string) (string, error) {
	answer, _, err := c.store.Get(context.Background(), id)
	if err != nil {
		return "", err
	}
	_, err = c.store.Delete(context.Background(), id)
	return string(answer), err
}

// An adapter of your own is a few lines.
func Example() {
	// Usually the server is a process of its own.
	server, err := server.New(server.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go server.Serve(listener)

	client := cryptomem.New(listener.Addr().String(), time.Hour, "your-32-byte-very-secret-key-!!!").Client()
	defer client.Close()

	var store Captchas = captchas{adapter.New(client, adapter.WithPrefix("captcha"), adapter.WithTTL(5*time.Minute))}
	fmt.Println(store.Keep("7f3a", "XK2P9"))
	fmt.Println(store.Take("7f3a"))
	fmt.Println(store.Take("7f3a"))
	// Output:
	// <nil>
	// XK2P9 <nil>
	//  <nil>
}
