package cryptomem_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

// The one-line way to a sealed cache. Errors of the connection surface at the
// first call.
func Example() {
	c := cryptomem.New("localhost:8080", 60*time.Second, "your-32-byte-very-secret-key-!!!")
	defer c.Close()

	if err := c.Set("user_session", "active_data_payload"); err != nil {
		log.Fatal(err)
	}
	value, err := c.Get("user_session")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", value)
}

// A client of a server with TLS and tokens, with its keys from a file.
func Example_network() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()

	token, err := os.ReadFile("web.token")
	if err != nil {
		log.Fatal(err)
	}
	ca, err := os.ReadFile("tls/ca.pem")
	if err != nil {
		log.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)

	c, err := cryptomem.Dial(ctx, "localhost:8443",
		cryptomem.WithKeyFile("key.json"),
		cryptomem.WithNamespace("web"),
		cryptomem.WithTLS(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}),
		cryptomem.WithAuth("web", []byte(strings.TrimSpace(string(token)))))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	err = c.Set(ctx, "greeting", []byte("hello"), cryptomem.TTL(time.Minute))
	if err != nil {
		log.Fatal(err)
	}
}
