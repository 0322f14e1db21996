package httpstore_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/gregjones/httpcache"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/cryptomemtest"
	"github.com/Zezezknight/cryptomem/cryptomem/httpstore"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
)

var _ httpcache.Cache = (*httpstore.Cache)(nil)

var _ = Describe("Cache", func() {
	var server *cryptomemtest.Server

	BeforeEach(func() { server = cryptomemtest.NewServer(GinkgoTB()) })

	It("keeps answers until they are deleted or their time is over", func() {
		cache := httpstore.New(server.Client(), httpstore.WithTTL(time.Hour))
		cache.Set("url", []byte("answer"))
		answer, ok := cache.Get("url")
		Expect(ok).To(BeTrue())
		Expect(answer).To(Equal([]byte("answer")))
		cache.Delete("url")
		_, ok = cache.Get("url")
		Expect(ok).To(BeFalse())

		cache.Set("url", []byte("answer"))
		server.Advance(time.Hour)
		_, ok = cache.Get("url")
		Expect(ok).To(BeFalse())
	})

	It("treats a store that fails as a miss, and tells who wants to know", func() {
		var failures []error
		cache := httpstore.New(server.Client(cryptomem.WithAttempts(1)), httpstore.WithErrorHandler(func(err error) { failures = append(failures, err) }))
		cache.Delete("not there")
		Expect(failures).To(BeEmpty())
		cache.Set("", []byte("answer"))
		_, ok := cache.Get("")
		Expect(ok).To(BeFalse())
		Expect(failures).To(HaveLen(2))
	})
})

func Example() {
	// Usually the server is a process of its own.
	server, err := server.New(server.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close() //nolint:errcheck // the example ends here
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go server.Serve(listener) //nolint:errcheck // ends with the server

	client := cryptomem.New(listener.Addr().String(), time.Hour, "your-32-byte-very-secret-key-!!!").Client()
	defer client.Close() //nolint:errcheck // always nil

	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Println("the site is asked")
		w.Header().Set("Cache-Control", "max-age=60")
		_, _ = io.WriteString(w, "hello")
	}))
	defer site.Close()

	web := &http.Client{Transport: httpcache.NewTransport(httpstore.New(client))}
	for range 2 {
		answer, err := web.Get(site.URL)
		if err != nil {
			fmt.Println(err)
			return
		}
		body, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		fmt.Println(string(body))
	}
	// Output:
	// the site is asked
	// hello
	// hello
}
