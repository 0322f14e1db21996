package otelcryptomem_test

import (
	"context"
	"fmt"
	"net"

	"go.opentelemetry.io/otel/attribute"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/otelcryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
)

// Spans and durations go to the global providers, which a program sets once
// with otel.SetTracerProvider and otel.SetMeterProvider.
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

	observer, err := otelcryptomem.New(otelcryptomem.WithAttributes(
		attribute.String("server.address", listener.Addr().String())))
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := cryptomem.Dial(context.Background(), listener.Addr().String(),
		cryptomem.WithSecret([]byte("your-32-byte-very-secret-key-!!!")),
		cryptomem.WithObserver(observer))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	fmt.Println(client.Set(context.Background(), "greeting", []byte("hello"))) // a span named SET
	value, err := client.Get(context.Background(), "greeting")                 // and one named GET
	fmt.Println(string(value), err)
	// Output:
	// <nil>
	// hello <nil>
}
