package httpcachedriver_test

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/bartventer/httpcache"
	"github.com/bartventer/httpcache/store"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/httpcachedriver"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
)

func Example() {
	client, stop := connect()
	defer stop()

	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Println("the site is asked")
		w.Header().Set("Cache-Control", "max-age=60")
		io.WriteString(w, "hello")
	}))
	defer site.Close()

	store.Register("cryptomem", httpcachedriver.New(client)) // once in a process

	// Each user has a cache of private answers.
	userID := "17"
	web := &http.Client{Transport: httpcache.NewTransport("cryptomem://" + userID)}
	for range 2 {
		answer, err := web.Get(site.URL)
		if err != nil {
			fmt.Println(err)
			return
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		fmt.Println(string(body))
	}
	// Output:
	// the site is asked
	// hello
	// hello
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
