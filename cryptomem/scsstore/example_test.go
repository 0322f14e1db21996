package scsstore_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/scsstore"
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

	sessions := scs.New()
	sessions.Lifetime = 24 * time.Hour
	sessions.Store = scsstore.New(client)

	handler := sessions.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		visits := sessions.GetInt(r.Context(), "visits") + 1
		sessions.Put(r.Context(), "visits", visits)
		_, _ = fmt.Fprintf(w, "visit %d", visits)
	}))

	request := httptest.NewRequest(http.MethodGet, "/", nil)
	for range 2 {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		body, _ := io.ReadAll(answer.Result().Body)
		fmt.Println(string(body))
		request.Header.Set("Cookie", answer.Header().Get("Set-Cookie"))
	}
	// Output:
	// visit 1
	// visit 2
}
