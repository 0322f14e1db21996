package adapters_test

import (
	"context"
	"log/slog"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/crypto/acme/autocert"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/adapter"
	"github.com/Zezezknight/cryptomem/cryptomem/cryptomemtest"
)

// certificates is a cache for golang.org/x/crypto/acme/autocert.
type certificates struct{ store *adapter.Store }

func (c certificates) Get(ctx context.Context, name string) ([]byte, error) {
	data, found, err := c.store.Get(ctx, name)
	if err == nil && !found {
		return nil, autocert.ErrCacheMiss
	}
	return data, err
}

func (c certificates) Put(ctx context.Context, name string, data []byte) error {
	return c.store.Set(ctx, name, data, 0)
}

func (c certificates) Delete(ctx context.Context, name string) error {
	_, err := c.store.Delete(ctx, name)
	return err
}

func useAutocert(client *cryptomem.Client) *autocert.Manager {
	return &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		HostPolicy: autocert.HostWhitelist("www.example.org"),
		Cache:      certificates{adapter.New(client, adapter.WithPrefix("certificates"))},
	}
}

var _ = Describe("autocert", func() {
	It("finds what it put there until it deletes it, and nothing whose key is gone", func() {
		server, ctx := cryptomemtest.NewServer(GinkgoTB()), context.Background()
		cache := useAutocert(server.Client()).Cache
		_, err := cache.Get(ctx, "www.example.org")
		Expect(err).To(Equal(autocert.ErrCacheMiss))
		Expect(cache.Put(ctx, "www.example.org", []byte("certificate"))).To(Succeed())
		Expect(cache.Get(ctx, "www.example.org")).To(Equal([]byte("certificate")))

		other := certificates{adapter.New(server.Client(cryptomem.WithSecret([]byte("another secret, of 32 bytes too!"))),
			adapter.WithPrefix("certificates"), adapter.WithLogger(slog.New(slog.DiscardHandler)))}
		_, err = other.Get(ctx, "www.example.org")
		Expect(err).To(Equal(autocert.ErrCacheMiss))

		Expect(cache.Delete(ctx, "www.example.org")).To(Succeed())
		Expect(cache.Delete(ctx, "www.example.org")).To(Succeed())
		_, err = cache.Get(ctx, "www.example.org")
		Expect(err).To(Equal(autocert.ErrCacheMiss))
	})
})
