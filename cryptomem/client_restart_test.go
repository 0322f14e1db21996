package cryptomem_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
)

var _ = Describe("Client of a server that is replaced", func() {
	It("goes on with the next one: no read fails, and a write only if its outcome is unknown", func(ctx context.Context) {
		var current atomic.Pointer[string]
		open := func() *server.Server {
			GinkgoHelper()
			path := filepath.Join(GinkgoT().TempDir(), "s")
			l, err := net.Listen("unix", path)
			Expect(err).NotTo(HaveOccurred())
			s := newServer(server.Config{})
			go func() { _ = s.Serve(l) }()
			DeferCleanup(s.Close)
			current.Store(&path)
			return s
		}
		servers := []*server.Server{open()}
		c, err := cryptomem.Dial(ctx, "the present one", cryptomem.WithSecret([]byte(secret)),
			cryptomem.WithDialer(func(ctx context.Context, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", *current.Load())
			}))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(c.Close)

		var users sync.WaitGroup
		var calls atomic.Int64
		over := make(chan struct{})
		for i := range 64 {
			users.Go(func() {
				defer GinkgoRecover()
				key := fmt.Sprint("key-", i)
				for {
					select {
					case <-over:
						return
					default:
					}
					if err := c.Set(ctx, key, []byte(key)); err != nil {
						Expect(err).To(MatchError(cryptomem.ErrMaybeApplied))
					}
					if value, err := c.Get(ctx, key); !errors.Is(err, cryptomem.ErrNotFound) {
						Expect(err).NotTo(HaveOccurred())
						Expect(string(value)).To(Equal(key))
					}
					calls.Add(2)
				}
			})
		}
		for range 5 {
			before := calls.Load()
			Eventually(calls.Load).Should(BeNumerically(">", before+1000))
			old := servers[len(servers)-1]
			servers = append(servers, open())
			Expect(old.Shutdown(ctx)).To(Succeed())
		}
		close(over)
		users.Wait()
	})
})
