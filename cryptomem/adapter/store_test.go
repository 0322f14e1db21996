package adapter_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/adapter"
	"github.com/Zezezknight/cryptomem/cryptomem/cryptomemtest"
	"github.com/Zezezknight/cryptomem/sealing"
)

const otherSecret = "another secret, of 32 bytes too!"

var _ = Describe("Store", func() {
	var (
		server *cryptomemtest.Server
		ctx    = context.Background()
		quiet  = adapter.WithLogger(slog.New(slog.DiscardHandler))
	)

	BeforeEach(func() { server = cryptomemtest.NewServer(GinkgoTB()) })

	get := func(s *adapter.Store, name string) string {
		GinkgoHelper()
		value, found, err := s.Get(ctx, name)
		Expect(err).NotTo(HaveOccurred())
		Expect(found).To(Equal(value != nil))
		return string(value)
	}

	It("keeps values by names of any length until they are deleted or their time is over", func() {
		store := adapter.New(server.Client())
		long := strings.Repeat("n", 1<<20)
		for _, name := range []string{"", "name", long} {
			Expect(store.Set(ctx, name, []byte("value"), time.Hour)).To(Succeed())
			Expect(get(store, name)).To(Equal("value"))
		}
		Expect(store.Delete(ctx, "name")).To(BeTrue())
		Expect(store.Delete(ctx, "name")).To(BeFalse())
		Expect(get(store, "name")).To(BeEmpty())
		server.Advance(time.Hour)
		Expect(get(store, long)).To(BeEmpty())
	})

	It("tells when a value expires", func() {
		store := adapter.New(server.Client(), adapter.WithClock(server.Clock))
		Expect(store.Set(ctx, "name", []byte("value"), time.Hour)).To(Succeed())
		item, found, err := store.Item(ctx, "name")
		Expect(err).NotTo(HaveOccurred())
		Expect(found).To(BeTrue())
		Expect(item.Value).To(Equal([]byte("value")))
		Expect(item.Expires.Sub(store.Now())).To(Equal(time.Hour))
		_, found, err = store.Item(ctx, "another")
		Expect(err).NotTo(HaveOccurred())
		Expect(found).To(BeFalse())
	})

	It("keeps prefixes apart, also from names that look like them", func() {
		client := server.Client()
		names := map[string]bool{}
		for _, s := range []*adapter.Store{
			adapter.New(client), adapter.New(client, adapter.WithPrefix("a")), adapter.New(client, adapter.WithPrefix("a\x00")),
		} {
			for _, name := range []string{"", "a", "b", "ab", "\x00", "\x00a", "a\x00b"} {
				names[s.Name(name)] = true
			}
		}
		Expect(names).To(HaveLen(21))
	})

	DescribeTable("finds nothing where a value cannot be opened, counts it, and can replace it",
		func(opts ...cryptomem.Option) {
			Expect(adapter.New(server.Client()).Set(ctx, "name", []byte("value"), 0)).To(Succeed())
			var told []error
			store := adapter.New(server.Client(opts...), quiet, adapter.WithErrorHandler(func(err error) { told = append(told, err) }))
			Expect(get(store, "name")).To(BeEmpty())
			Expect(get(store, "name")).To(BeEmpty())
			Expect(store.Unopened()).To(BeEquivalentTo(2))
			Expect(told).To(HaveLen(2))
			Expect(store.Set(ctx, "name", []byte("new"), 0)).To(Succeed())
			Expect(get(store, "name")).To(Equal("new"))
			Expect(store.Unopened()).To(BeEquivalentTo(2))
		},
		Entry("sealed under another secret", cryptomem.WithSecret([]byte(otherSecret))),
		Entry("sealed under a key that is not in the keyring", func() cryptomem.Option {
			keys, err := sealing.NewKeyring(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
			Expect(err).NotTo(HaveOccurred())
			return cryptomem.WithKeyring(keys)
		}()),
	)

	DescribeTable("knows the errors of a value that does not open",
		func(err error, unopenable bool) {
			Expect(adapter.Unopenable(err)).To(Equal(unopenable))
			Expect(adapter.Unopenable(fmt.Errorf("wrapped: %w", err))).To(Equal(unopenable))
		},
		Entry(nil, sealing.ErrNotAuthentic, true),
		Entry(nil, error(&sealing.KeyError{ID: 3, Retired: true}), true),
		Entry(nil, error(sealing.ErrBeforeCut), true),
		Entry(nil, cryptomem.ErrNotFound, false),
		Entry(nil, cryptomem.ErrUnavailable, false),
		Entry(nil, cryptomem.ErrClosed, false),
	)

	It("logs the first of many failures, and then ever fewer, without a name", func() {
		var log bytes.Buffer
		store := adapter.New(server.Client(), adapter.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		server.Down()
		for range 100 {
			_, _, err := store.Get(ctx, "secret")
			Expect(err).To(HaveOccurred())
			store.Report(err)
		}
		store.Report(nil)
		Expect(strings.Count(log.String(), "\n")).To(Equal(7), "1, 2, 4, 8, 16, 32, 64")
		Expect(log.String()).To(ContainSubstring(`"so far"=64`))
		Expect(log.String()).NotTo(ContainSubstring("secret"))
	})

	It("gives a call up when its bound is over, and when its caller has gone", func() {
		silent := func(context.Context, string) (net.Conn, error) {
			near, _ := net.Pipe()
			return near, nil
		}
		client := server.Client(cryptomem.WithDialer(silent), cryptomem.WithFallbackTimeout(time.Millisecond), cryptomem.WithClock(clock.New()))
		store := adapter.New(client)
		_, _, err := store.Get(ctx, "name")
		Expect(err).To(MatchError(cryptomem.ErrTimeout))
		Expect(store.Set(ctx, "name", nil, 0)).To(MatchError(cryptomem.ErrTimeout))
		_, err = store.Delete(ctx, "name")
		Expect(err).To(MatchError(cryptomem.ErrTimeout))

		gone, cancel := context.WithCancel(ctx)
		cancel()
		_, _, err = adapter.New(client).Get(gone, "name")
		Expect(err).To(MatchError(context.Canceled))
	})

	Describe("Overwrite", func() {
		It("leaves nothing where the new value cannot be stored", func() {
			store := adapter.New(server.Client(cryptomem.WithMaxValueSize(1000)))
			Expect(store.Set(ctx, "name", []byte("old"), 0)).To(Succeed())
			Expect(store.Overwrite(ctx, "name", make([]byte, 1001), 0)).To(MatchError(cryptomem.ErrTooLarge))
			Expect(get(store, "name")).To(BeEmpty())
		})

		It("leaves nothing though its caller has gone", func() {
			store := adapter.New(server.Client())
			Expect(store.Set(ctx, "name", []byte("old"), 0)).To(Succeed())
			gone, cancel := context.WithCancel(ctx)
			cancel()
			Expect(store.Overwrite(gone, "name", []byte("new"), 0)).To(MatchError(context.Canceled))
			Expect(get(store, "name")).To(BeEmpty())
		})

		It("hides the older value until it is deleted, when the store is back", func() {
			store, other := adapter.New(server.Client()), adapter.New(server.Client())
			Expect(store.Set(ctx, "name", []byte("old"), 0)).To(Succeed())
			server.Down()
			Expect(store.Overwrite(ctx, "name", []byte("new"), 0)).NotTo(Succeed())
			_, _, err := store.Get(ctx, "name")
			Expect(err).To(HaveOccurred())
			server.Up()
			Expect(get(other, "name")).To(Equal("old"), "another process cannot know")
			Expect(get(store, "name")).To(BeEmpty())
			Expect(get(other, "name")).To(BeEmpty())
			Expect(other.Set(ctx, "name", []byte("newer"), 0)).To(Succeed())
			Expect(get(store, "name")).To(Equal("newer"), "the deletion is made once")
		})

		It("owes no deletion once a value was stored", func() {
			store := adapter.New(server.Client())
			server.Down()
			_, err := store.Forget(ctx, "name")
			Expect(err).To(HaveOccurred())
			server.Up()
			Expect(store.Overwrite(ctx, "name", []byte("new"), 0)).To(Succeed())
			Expect(get(store, "name")).To(Equal("new"))
		})

		It("remembers a limited number of deletions, and says when it gives one up", func() {
			var told []error
			store := adapter.New(server.Client(), quiet,
				adapter.WithErrorHandler(func(err error) { told = append(told, err) }))
			adapter.Owe(store)
			server.Down()
			_, err := store.Forget(ctx, "name")
			Expect(err).To(HaveOccurred())
			Expect(told).To(ConsistOf(MatchError(ContainSubstring("more than 16384 deletions are owed"))))
		})
	})
})
