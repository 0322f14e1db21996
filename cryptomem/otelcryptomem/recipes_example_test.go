package otelcryptomem_test

import (
	"context"
	"fmt"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/cryptomemtest"
	"github.com/Zezezknight/cryptomem/cryptomem/otelcryptomem"
)

func Example_tracing() {
	ctx, server, end := recipe()
	defer end()

	observer, err := otelcryptomem.New() // uses OpenTelemetry's global providers
	if err != nil {
		fmt.Println(err)
		return
	}
	client := server.Client(cryptomem.WithObserver(observer))
	fmt.Println(client.Set(ctx, "k", []byte("v"))) // a span named SET, and a duration
	// Output: <nil>
}

// recipe gives an example a client's server. In a test, cryptomemtest.NewServer
// takes the *testing.T.
func recipe() (context.Context, *cryptomemtest.Server, func()) {
	t := new(exampleTB)
	return context.Background(), cryptomemtest.NewServer(t), t.end
}

// exampleTB stands for the *testing.T that an example does not have.
type exampleTB []func()

func (t *exampleTB) Helper()                   {}
func (t *exampleTB) Cleanup(f func())          { *t = append(*t, f) }
func (t *exampleTB) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }

func (t *exampleTB) end() {
	for i := len(*t) - 1; i >= 0; i-- {
		(*t)[i]()
	}
}
