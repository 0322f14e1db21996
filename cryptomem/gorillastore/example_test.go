package gorillastore_test

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/gorillastore"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
)

func Example() {
	client, stop := connect()
	defer stop()

	store := gorillastore.New(client)
	site := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, err := store.Get(r, "session")
		if err != nil { // the store is away
			http.Error(w, "try again later", http.StatusServiceUnavailable)
			return
		}
		if r.URL.Path == "/login" {
			// Against session fixation: a planted identifier is worth nothing.
			if err := store.Renew(r, "session"); err != nil {
				http.Error(w, "try again later", http.StatusServiceUnavailable)
				return
			}
			session.Values["name"] = "Ada"
		}
		if err := session.Save(r, w); err != nil {
			http.Error(w, "try again later", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, "hello %v", session.Values["name"])
	}))
	defer site.Close()

	browser := site.Client()
	browser.Jar, _ = cookiejar.New(nil)
	for _, path := range []string{"/", "/login", "/"} {
		answer, err := browser.Get(site.URL + path)
		if err != nil {
			fmt.Println(err)
			return
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		fmt.Println(string(body))
	}
	// Output:
	// hello <nil>
	// hello Ada
	// hello Ada
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
