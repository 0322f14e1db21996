package cryptomem_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/cryptomemtest"
)

var _ = Describe("Accesses", func() {
	var (
		server *cryptomemtest.Server
		client *cryptomem.Client
		ctx    = context.Background()
	)
	BeforeEach(func() {
		server = cryptomemtest.NewServer(GinkgoTB())
		client = server.Client(cryptomem.WithNamespace("spec"), cryptomem.WithDefaultTTL(time.Hour))
	})
	all := func(as ...*cryptomem.Access) {
		GinkgoHelper()
		client.AccessAll(ctx, as)
		for _, a := range as {
			Expect(a.Err).NotTo(HaveOccurred())
		}
	}

	It("store a value until an instant, and return that instant when they read", func() {
		until := server.Clock.Now().Add(time.Minute)
		read := cryptomem.Access{Command: cryptomem.CommandGet, Key: []byte("a"), Value: []byte("room")}
		all(&cryptomem.Access{Command: cryptomem.CommandSet, Key: []byte("a"), Value: []byte("1"), Expires: until},
			&cryptomem.Access{Command: cryptomem.CommandSet, Key: []byte("b"), Value: []byte("2")}, &read)
		Expect(string(read.Value)).To(Equal("1"))
		Expect(read.Expires).To(BeTemporally("==", until))

		server.Advance(2 * time.Hour)
		client.AccessAll(ctx, []*cryptomem.Access{&read})
		Expect(read.Err).To(MatchError(cryptomem.ErrNotFound))
		Expect(read.Value).To(BeEmpty())
		Expect(client.Get(ctx, "b")).To(Equal([]byte("2")), "the client's TTL is for those who say none")
	})

	It("swap a value by its version, and remove it by swapping in an expired one", func() {
		all(&cryptomem.Access{Command: cryptomem.CommandAdd, Key: []byte("a"), Value: []byte("1")})
		look := cryptomem.Access{Command: cryptomem.CommandGetItem, Key: []byte("a")}
		all(&look)
		swap := cryptomem.Access{Command: cryptomem.CommandSwap, Key: []byte("a"), Value: []byte("2"), Version: look.Version}
		all(&swap)
		late := cryptomem.Access{Command: cryptomem.CommandSwap, Key: []byte("a"), Value: []byte("3"), Version: look.Version}
		client.AccessAll(ctx, []*cryptomem.Access{&late})
		Expect(late.Err).To(MatchError(cryptomem.ErrChanged))

		all(&cryptomem.Access{Command: cryptomem.CommandSwap, Key: []byte("a"), Version: swap.Version, Expires: time.UnixMilli(1)})
		_, err := client.Get(ctx, "a")
		Expect(err).To(MatchError(cryptomem.ErrNotFound))
		server.Advance(time.Nanosecond)
		Expect(client.Add(ctx, "a", []byte("4"))).To(Succeed())
	})

	It("return the version of a value that must not be used, so that it can be replaced", func() {
		all(&cryptomem.Access{Command: cryptomem.CommandSet, Key: []byte("a"), Expires: time.UnixMilli(1)})
		look := cryptomem.Access{Command: cryptomem.CommandGetItem, Key: []byte("a")}
		client.AccessAll(ctx, []*cryptomem.Access{&look})
		Expect(look.Err).To(MatchError(cryptomem.ErrNotFound))
		Expect(look.Version).NotTo(BeZero())
		all(&cryptomem.Access{Command: cryptomem.CommandSwap, Key: []byte("a"), Value: []byte("1"), Version: look.Version})
		Expect(client.Get(ctx, "a")).To(Equal([]byte("1")))
	})

	It("take the empty key in a namespace, and nothing else than reads and writes", func() {
		read := cryptomem.Access{Command: cryptomem.CommandGet, Key: []byte{}}
		all(&cryptomem.Access{Command: cryptomem.CommandSet, Key: []byte{}, Value: []byte("1")}, &read)
		Expect(string(read.Value)).To(Equal("1"))
		flush := cryptomem.Access{Command: cryptomem.CommandFlush}
		client.AccessAll(ctx, []*cryptomem.Access{&flush})
		Expect(flush.Err).To(MatchError("an Access is none of reading, storing or deleting"))
	})
})
