package httpstore_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/gregjones/httpcache"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/adapter"
	"github.com/Zezezknight/cryptomem/cryptomem/httpstore"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
)

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

	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Println("the site is asked")
		w.Header().Set("Cache-Control", "max-age=60")
		_, _ = io.WriteString(w, "hello")
	}))
	defer site.Close()

	// Each user has a cache of private answers.
	userID := "17"
	cache := httpstore.New(client, adapter.WithPrefix(userID))
	web := &http.Client{Transport: httpcache.NewTransport(cache)}
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
