package cryptomem_test

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
)

// serveExample stands for a server in a process of its own.
func serveExample() (addr string, stop func()) {
	srv, err := server.New(server.Config{})
	if err != nil {
		panic(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go srv.Serve(listener)
	return listener.Addr().String(), func() { _ = srv.Close() }
}

func ExampleDial() {
	addr, stop := serveExample()
	defer stop()
	ctx := context.Background()

	c, err := cryptomem.Dial(ctx, addr,
		cryptomem.WithSecret([]byte("your-32-byte-very-secret-key-!!!")),
		cryptomem.WithNamespace("shop"),
		cryptomem.WithDefaultTTL(time.Hour),
		cryptomem.WithTimeout(time.Second),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()

	key := "cart:17"
	err = c.Set(ctx, key, []byte("3 apples"), cryptomem.TTL(10*time.Minute))
	fmt.Println(err)

	buffer := make([]byte, 0, 1024)
	buffer, err = c.GetAppend(ctx, buffer, key) // no allocation
	fmt.Printf("%s %v\n", buffer, err)
	// Output:
	// <nil>
	// 3 apples <nil>
}

func ExampleClient_GetOrLoad() {
	addr, stop := serveExample()
	defer stop()
	ctx := context.Background()
	c := cryptomem.New(addr, 0, "your-32-byte-very-secret-key-!!!").Client()
	defer c.Close()

	fromDatabase := func(context.Context) ([]byte, error) {
		fmt.Println("asking the database")
		return []byte("Ada"), nil
	}
	for range 2 {
		name, err := c.GetOrLoad(ctx, "user:17", fromDatabase, cryptomem.TTL(time.Minute), cryptomem.Stale(time.Hour))
		fmt.Printf("%s %v\n", name, err)
	}
	// Output:
	// asking the database
	// Ada <nil>
	// Ada <nil>
}

func ExampleClient_Update() {
	addr, stop := serveExample()
	defer stop()
	ctx := context.Background()
	c := cryptomem.New(addr, time.Hour, "your-32-byte-very-secret-key-!!!").Client()
	defer c.Close()

	add := func(item string) ([]byte, error) {
		return c.Update(ctx, "cart:17", func(cart []byte, found bool) ([]byte, error) {
			if found {
				cart = append(cart, '\n')
			}
			return append(cart, item...), nil
		})
	}
	_, _ = add("3 apples")
	cart, err := add("1 pear") // keeps the hour that the cart began with
	fmt.Printf("%s %v\n", cart, err)
	// Output:
	// 3 apples
	// 1 pear <nil>
}

func ExampleClient_Increment() {
	addr, stop := serveExample()
	defer stop()
	ctx := context.Background()
	c := cryptomem.New(addr, 0, "your-32-byte-very-secret-key-!!!").Client()
	defer c.Close()

	for range 3 { // within a minute from the first one on
		n, err := c.Increment(ctx, "logins:ada", 1, cryptomem.TTL(time.Minute))
		fmt.Println(n, err)
	}
	// Output:
	// 1 <nil>
	// 2 <nil>
	// 3 <nil>
}

func ExampleClient_TryLock() {
	addr, stop := serveExample()
	defer stop()
	ctx := context.Background()
	c := cryptomem.New(addr, 0, "your-32-byte-very-secret-key-!!!").Client()
	defer c.Close()

	lock, err := c.TryLock(ctx, "nightly report", cryptomem.TTL(time.Minute))
	fmt.Println(err)
	_, err = c.TryLock(ctx, "nightly report", cryptomem.TTL(time.Minute))
	fmt.Println(err)

	// What the lock protects should be shown lock.Fence(), and refuse a
	// smaller one than it has seen.
	fmt.Println(lock.Unlock(ctx))
	// Output:
	// <nil>
	// locked by another client
	// <nil>
}

func ExampleJSON() {
	addr, stop := serveExample()
	defer stop()
	ctx := context.Background()
	c := cryptomem.New(addr, time.Hour, "your-32-byte-very-secret-key-!!!").Client()
	defer c.Close()

	type user struct {
		Name   string
		Visits int
	}
	users := cryptomem.JSON[user](c)
	err := users.Set(ctx, "user:17", user{Name: "Ada"})
	fmt.Println(err)

	_, err = users.Update(ctx, "user:17", func(u user, _ bool) (user, error) {
		u.Visits++
		return u, nil
	})
	fmt.Println(err)
	fmt.Println(users.Get(ctx, "user:17"))
	// Output:
	// <nil>
	// <nil>
	// {Ada 1} <nil>
}

func ExampleClient_Batch() {
	addr, stop := serveExample()
	defer stop()
	ctx := context.Background()
	c := cryptomem.New(addr, time.Hour, "your-32-byte-very-secret-key-!!!").Client()
	defer c.Close()

	batch := c.Batch()
	batch.Set("a", []byte("1"))
	batch.Get("a")
	batch.Get("b")
	for _, r := range batch.Run(ctx) {
		fmt.Printf("%q %v\n", r.Value, r.Err)
	}
	// Output:
	// "" <nil>
	// "1" <nil>
	// "" not found
}
