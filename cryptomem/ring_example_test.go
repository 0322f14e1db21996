package cryptomem_test

import (
	"context"
	"fmt"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

// ring is written as a program would that has three servers.
func ring(ctx context.Context, secret []byte) (*cryptomem.Client, error) {
	c, err := cryptomem.Dial(ctx, "cache1:8080,cache2:8080,cache3:8080",
		cryptomem.WithSecret(secret),
		cryptomem.WithNamespace("shop"),
	)
	return c, err
}

func ringWithFailover(ctx context.Context, secret []byte) (*cryptomem.Client, error) {
	c, err := cryptomem.Dial(ctx, "cache1:8080,cache2:8080,cache3:8080",
		cryptomem.WithSecret(secret),
		cryptomem.WithNamespace("shop"),
		cryptomem.WithFailover(cryptomem.DefaultFailoverPause, cryptomem.DefaultStandIn),
	)
	return c, err
}

var _, _ = ring, ringWithFailover // their servers are not here

func ExampleNewRing() {
	addr1, stop1 := serveExample()
	defer stop1()
	addr2, stop2 := serveExample()
	defer stop2()
	small, _ := cryptomem.NewServerStore(addr1)
	large, _ := cryptomem.NewServerStore(addr2)

	store, err := cryptomem.NewRing([]cryptomem.RingServer{
		{Name: "small", Weight: 1, Store: small},
		{Name: "large", Weight: 4, Store: large},
	}, cryptomem.Failover{})
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := cryptomem.NewClient(store, cryptomem.WithSecret([]byte("your-32-byte-very-secret-key-!!!")))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()

	ctx := context.Background()
	fmt.Println(c.SetMany(ctx, []cryptomem.Pair{{Key: "one", Value: []byte("1")}, {Key: "two", Value: []byte("2")}}))
	for _, r := range c.GetMany(ctx, []string{"one", "two"}) {
		fmt.Printf("%s\n", r.Value)
	}
	// Output:
	// [<nil> <nil>]
	// 1
	// 2
}
