package fiberstore_test

import (
	"context"
	"log/slog"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/adapter"
	"github.com/Zezezknight/cryptomem/cryptomem/cryptomemtest"
	"github.com/Zezezknight/cryptomem/cryptomem/fiberstore"
)

// What gofiber/storage's own kit asks of a storage, in our words: the kit itself
// starts containers.
var _ = Describe("Store", func() {
	var (
		server *cryptomemtest.Server
		store  *fiberstore.Store
		ctx    = context.Background()
		gone   context.Context
	)

	BeforeEach(func() {
		server = cryptomemtest.NewServer(GinkgoTB())
		store = fiberstore.New(server.Client(cryptomem.WithNamespace("fiber")))
		var cancel context.CancelFunc
		gone, cancel = context.WithCancel(ctx)
		cancel()
	})

	It("has a connection to show", func() { Expect(store.Conn()).NotTo(BeNil()) })

	It("returns what was set last", func() {
		Expect(store.Set("key", []byte("value"), 0)).To(Succeed())
		Expect(store.Get("key")).To(Equal([]byte("value")))
		Expect(store.Set("key", []byte("another"), 0)).To(Succeed())
		Expect(store.Get("key")).To(Equal([]byte("another")))
	})

	It("returns nil for what is missing, deleted or expired", func() {
		Expect(store.Get("missing")).To(BeNil())
		Expect(store.Set("key", []byte("value"), 500*time.Millisecond)).To(Succeed())
		server.Advance(499 * time.Millisecond)
		Expect(store.Get("key")).To(Equal([]byte("value")))
		server.Advance(time.Millisecond)
		Expect(store.Get("key")).To(BeNil())
		Expect(store.Set("key", []byte("value"), 0)).To(Succeed())
		Expect(store.Delete("key")).To(Succeed())
		Expect(store.Get("key")).To(BeNil())
		Expect(store.Delete("key")).To(Succeed(), "what is not there")
	})

	It("ignores an empty key or value", func() {
		Expect(store.Set("", []byte("value"), 0)).To(Succeed())
		Expect(store.Set("key", nil, 0)).To(Succeed())
		Expect(store.Get("")).To(BeNil())
		Expect(store.Get("key")).To(BeNil())
		Expect(server.Items()).To(BeZero())
	})

	It("does nothing for a context that has ended", func() {
		Expect(store.Set("key", []byte("value"), 0)).To(Succeed())
		value, err := store.GetWithContext(gone, "key")
		Expect(err).To(MatchError(context.Canceled))
		Expect(value).To(BeEmpty())
		Expect(store.SetWithContext(gone, "key", []byte("another"), 0)).To(MatchError(context.Canceled))
		Expect(store.DeleteWithContext(gone, "key")).To(MatchError(context.Canceled))
		Expect(store.ResetWithContext(gone)).To(MatchError(context.Canceled))
		Expect(store.Get("key")).To(Equal([]byte("value")))
	})

	It("removes everything in its namespace on reset, and nothing else", func() {
		other := fiberstore.New(server.Client(cryptomem.WithNamespace("other")))
		Expect(other.Set("key", []byte("value"), 0)).To(Succeed())
		Expect(store.Set("one", []byte("value"), 0)).To(Succeed())
		Expect(store.Set("two", []byte("value"), 0)).To(Succeed())
		Expect(store.Reset()).To(Succeed())
		Expect(store.Get("one")).To(BeNil())
		Expect(store.Get("two")).To(BeNil())
		Expect(other.Get("key")).To(Equal([]byte("value")))
	})

	It("leaves the client open when it is closed", func() {
		Expect(store.Close()).To(Succeed())
		Expect(store.Set("key", []byte("value"), 0)).To(Succeed())
	})

	It("does not find a value whose key is gone, counts it, and can set it", func() {
		Expect(store.Set("session", []byte("old"), 0)).To(Succeed())
		other := fiberstore.New(server.Client(cryptomem.WithNamespace("fiber"), cryptomem.WithSecret([]byte("another secret, of 32 bytes too!"))),
			adapter.WithLogger(slog.New(slog.DiscardHandler)))
		Expect(other.Get("session")).To(BeNil())
		Expect(other.Unopened()).To(BeEquivalentTo(1))
		Expect(other.Set("session", []byte("new"), 0)).To(Succeed())
		Expect(other.Get("session")).To(Equal([]byte("new")))
	})

	It("tells of a store that is away", func() {
		server.Down()
		_, err := store.Get("key")
		Expect(err).To(HaveOccurred())
	})
})
