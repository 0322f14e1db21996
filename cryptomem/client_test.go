package cryptomem_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

const secret = "your-32-byte-very-secret-key-!!!"

// A peer is the other end of a client's connections, played by a spec: it
// answers requests from a map, unless the spec says otherwise.
type peer struct {
	mu       sync.Mutex
	items    map[string]wire.Request
	requests []wire.Command
	dials    int
	answer   func(nc net.Conn, r *wire.Request) bool // true: dealt with
	refuse   error
	open     []net.Conn
}

func newPeer() *peer { return &peer{items: map[string]wire.Request{}} }

func (p *peer) dial(context.Context, string) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dials++
	if p.refuse != nil {
		return nil, p.refuse
	}
	near, far := net.Pipe()
	p.open = append(p.open, far)
	go p.serve(far)
	return near, nil
}

// restart ends all connections and keeps the items.
func (p *peer) restart() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, nc := range p.open {
		_ = nc.Close()
	}
	p.open = nil
}

func (p *peer) serve(nc net.Conn) {
	defer func() { _ = nc.Close() }()
	var in []byte
	chunk := make([]byte, 4096)
	for {
		n, err := nc.Read(chunk)
		if err != nil {
			return
		}
		in = append(in, chunk[:n]...)
		for {
			r, n, err := wire.ParseRequest(in)
			if err != nil {
				return
			}
			if n == 0 {
				break
			}
			if !p.handle(nc, &r) {
				return
			}
			in = in[n:]
		}
	}
}

func (p *peer) handle(nc net.Conn, r *wire.Request) bool {
	p.mu.Lock()
	p.requests = append(p.requests, r.Command)
	answer := p.answer
	out := p.execute(r)
	p.mu.Unlock()
	if answer != nil && answer(nc, r) {
		return true
	}
	_, err := nc.Write(out)
	return err == nil
}

func (p *peer) execute(r *wire.Request) []byte {
	item, found := p.items[string(r.Key)]
	switch {
	case r.Command == wire.Ping:
		return wire.AppendResponse(nil, wire.OK, r.Value)
	case r.Command == wire.Set:
		p.items[string(r.Key)] = wire.Request{TTL: r.TTL, Value: append([]byte(nil), r.Value...)}
		return wire.AppendResponse(nil, wire.OK, nil)
	case !found:
		return wire.AppendResponse(nil, wire.NotFound, nil)
	case r.Command == wire.Delete:
		delete(p.items, string(r.Key))
		return wire.AppendResponse(nil, wire.OK, nil)
	}
	return wire.AppendResponse(nil, wire.OK, item.Value)
}

func (p *peer) item(key string) wire.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.items[key]
}

var _ = Describe("Client", func() {
	var (
		server *peer
		mock   *clock.Mock
	)

	BeforeEach(func() {
		server, mock = newPeer(), clock.NewMock()
		mock.Set(time.Unix(1_800_000_000, 0))
	})

	dial := func(opts ...cryptomem.Option) *cryptomem.Client {
		GinkgoHelper()
		opts = append([]cryptomem.Option{
			cryptomem.WithSecret([]byte(secret)), cryptomem.WithDialer(server.dial), cryptomem.WithClock(mock),
		}, opts...)
		c, err := cryptomem.Dial(context.Background(), "peer", opts...)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(c.Close)
		return c
	}

	It("returns what was set, and the server never sees it", func() {
		c := dial()
		Expect(c.Set(context.Background(), "greeting", []byte("hello"))).To(Succeed())
		Expect(c.Get(context.Background(), "greeting")).To(Equal([]byte("hello")))
		Expect(server.item("greeting").Value).NotTo(ContainSubstring("hello"))
		Expect(c.Delete(context.Background(), "greeting")).To(Succeed())
		_, err := c.Get(context.Background(), "greeting")
		Expect(err).To(MatchError(cryptomem.ErrNotFound))
		Expect(c.Delete(context.Background(), "greeting")).To(MatchError(cryptomem.ErrNotFound))
	})

	It("distinguishes an empty value from a missing one", func() {
		c := dial()
		Expect(c.Set(context.Background(), "empty", []byte(""))).To(Succeed())
		Expect(c.Get(context.Background(), "empty")).To(Equal([]byte{}))
	})

	It("stores for the client's TTL unless the call has its own", func(ctx SpecContext) {
		c := dial(cryptomem.WithDefaultTTL(time.Minute))
		Expect(c.Set(context.Background(), "a", []byte("1"))).To(Succeed())
		Expect(server.item("a").TTL).To(Equal(time.Minute))
		Expect(c.Set(ctx, "a", []byte("2"), cryptomem.TTL(time.Hour))).To(Succeed())
		Expect(server.item("a").TTL).To(Equal(time.Hour))
	})

	It("refuses a value that the server keeps past its expiry", func() {
		c := dial(cryptomem.WithDefaultTTL(time.Minute), cryptomem.WithSkew(0))
		Expect(c.Set(context.Background(), "a", []byte("1"))).To(Succeed())
		mock.Add(time.Minute)
		_, err := c.Get(context.Background(), "a")
		Expect(err).To(MatchError(cryptomem.ErrNotFound))
		Expect(err).To(MatchError(cryptomem.ErrExpired))
	})

	It("refuses a value that the server has under another key", func() {
		c := dial()
		Expect(c.Set(context.Background(), "mine", []byte("1"))).To(Succeed())
		server.items["yours"] = server.item("mine")
		_, err := c.Get(context.Background(), "yours")
		Expect(err).To(MatchError(cryptomem.ErrNotAuthentic))
	})

	DescribeTable("refuses what is not a sealed value of its own", func(value string) {
		c := dial()
		server.items["k"] = wire.Request{Value: []byte(value)}
		_, err := c.Get(context.Background(), "k")
		Expect(err).To(MatchError(cryptomem.ErrNotAuthentic))
	},
		Entry("nothing", ""),
		Entry("plaintext", "hello"),
		Entry("zeros", string(make([]byte, 100))),
	)

	It("keeps namespaces apart", func() {
		one, two := dial(cryptomem.WithNamespace("one")), dial(cryptomem.WithNamespace("two"))
		Expect(one.Set(context.Background(), "k", []byte("1"))).To(Succeed())
		_, err := two.Get(context.Background(), "k")
		Expect(err).To(MatchError(cryptomem.ErrNotFound))
		server.items["\x03twok"] = server.item("\x03onek")
		_, err = two.Get(context.Background(), "k")
		Expect(err).To(MatchError(cryptomem.ErrNotAuthentic))
	})

	It("appends to the caller's slice", func(ctx SpecContext) {
		c := dial()
		Expect(c.Set(context.Background(), "k", []byte("value"))).To(Succeed())
		Expect(c.GetAppend(ctx, []byte("the "), "k")).To(Equal([]byte("the value")))
		got, err := c.GetAppend(ctx, []byte("the "), "none")
		Expect(err).To(MatchError(cryptomem.ErrNotFound))
		Expect(got).To(Equal([]byte("the ")))
	})

	Describe("limits", func() {
		It("sends no value above the limit", func() {
			c := dial(cryptomem.WithMaxValueSize(100))
			Expect(c.Set(context.Background(), "k", []byte(strings.Repeat("x", 39)))).To(MatchError(cryptomem.ErrTooLarge))
			Expect(c.Set(context.Background(), "k", []byte(strings.Repeat("x", 38)))).To(Succeed())
		})

		It("sends no key longer than a frame can hold, its namespace included", func() {
			c := dial(cryptomem.WithNamespace("ns"))
			Expect(c.Set(context.Background(), strings.Repeat("k", 65_533), []byte("v"))).To(MatchError(cryptomem.ErrTooLarge))
			Expect(c.Set(context.Background(), strings.Repeat("k", 65_532), []byte("v"))).To(Succeed())
		})

		It("sends no empty key and no negative TTL", func(ctx SpecContext) {
			c := dial()
			Expect(c.Set(context.Background(), "", []byte("v"))).To(MatchError("key is empty"))
			Expect(c.Set(ctx, "k", nil, cryptomem.TTL(-1))).To(MatchError(ContainSubstring("must not be negative")))
			Expect(server.requests).To(BeEmpty())
		})
	})

	Describe("New", func() {
		It("never fails: the first call reports what is wrong", func() {
			c := cryptomem.New("localhost:1", -1, "short").Client()
			DeferCleanup(c.Close)
			Expect(c.Set(context.Background(), "k", []byte("v"))).To(MatchError(And(ContainSubstring("32"), ContainSubstring("ttl"))))
		})

		It("says, as Dial and the others do, that a Valkey is opened with valkeystore, without its password", func() {
			for _, url := range []string{"valkey://me:secret@cache", "valkeys://cache:7000,b:7000", "Redis://cache", "rediss://cache/2"} {
				c := cryptomem.New(url, time.Minute, secret)
				DeferCleanup(c.Close)
				_, dialled := cryptomem.Dial(context.Background(), url, cryptomem.WithSecret([]byte(secret)))
				_, opened := cryptomem.Open(url, cryptomem.WithSecret([]byte(secret)))
				_, store := cryptomem.NewServerStore(url)
				for _, err := range []error{c.Set("k", "v"), dialled, opened, store} {
					Expect(err).To(MatchError(ContainSubstring("valkeystore.Open")), url)
					Expect(err.Error()).NotTo(ContainSubstring("me:"))
				}
			}
		})

		It("reports what is wrong from every call that can fail, and never panics", func() {
			ctx := context.Background()
			broken := cryptomem.New("localhost:1", -1, "short").Client()
			DeferCleanup(broken.Close)
			value := func(b []byte, err error) error { Expect(b).To(BeEmpty()); return err }
			number := func(n uint64, err error) error { Expect(n).To(BeZero()); return err }
			_, taken := broken.TryLock(ctx, "k", cryptomem.TTL(time.Minute))
			keys, _, scanned := broken.ScanKeys(ctx, "", 0, 0)
			Expect(keys).To(BeEmpty())
			_, item := broken.GetItem(ctx, "k")
			for call, err := range map[string]error{
				"Get": value(broken.Get(ctx, "k")), "GetItem": item, "GetDelete": value(broken.GetDelete(ctx, "k")),
				"Add": broken.Add(ctx, "k", nil), "Replace": broken.Replace(ctx, "k", nil), "Delete": broken.Delete(ctx, "k"),
				"Touch": broken.Touch(ctx, "k", cryptomem.TTL(time.Minute)), "CompareAndSwap": number(broken.CompareAndSwap(ctx, "k", nil, 1)),
				"Ping": broken.Ping(ctx), "ScanKeys": scanned, "Flush": number(broken.Flush(ctx, "")), "TryLock": taken,
				"Stats": value(broken.Stats(ctx, "")),
			} {
				Expect(err).To(MatchError(ContainSubstring("32")), call)
			}
			for _, err := range broken.Keys(ctx, "") {
				Expect(err).To(MatchError(ContainSubstring("32")))
			}
		})
	})

	Describe("a closed client", func() {
		It("answers ErrClosed to everything", func() {
			c := dial()
			Expect(c.Close()).To(Succeed())
			Expect(c.Close()).To(Succeed())
			Expect(c.Set(context.Background(), "k", []byte("v"))).To(MatchError(cryptomem.ErrClosed))
			_, err := c.Get(context.Background(), "k")
			Expect(err).To(MatchError(cryptomem.ErrClosed))
		})
	})

	It("has the server's message in its error", func() {
		server.answer = func(nc net.Conn, r *wire.Request) bool {
			_, err := nc.Write(wire.AppendResponse(nil, wire.Error, []byte("out of memory")))
			return err == nil
		}
		c := dial()
		err := c.Set(context.Background(), "k", []byte("v"))
		var refused *cryptomem.ServerError
		Expect(err).To(MatchError("server: out of memory"))
		Expect(err).To(BeAssignableToTypeOf(refused))
	})

	DescribeTable("knows a server at its limit, or one that wants credentials, by whatever command meets it",
		func(status wire.Status, message string, want error) {
			server.answer = func(nc net.Conn, _ *wire.Request) bool {
				_, err := nc.Write(wire.AppendResponse(nil, status, []byte(message)))
				return err == nil
			}
			c := dial()
			call := func() error { return c.Set(context.Background(), "k", []byte("v")) }
			if status != wire.Error {
				call = func() error { return c.Ping(context.Background()) }
			}
			Expect(call()).To(MatchError(want))
		},
		Entry("busy, to SET", wire.Error, "busy: 9 connections are open, limit 9", cryptomem.ErrBusy),
		Entry("busy, to PING", wire.Busy, "", cryptomem.ErrBusy),
		Entry("full", wire.Error, "full: memory limit reached", cryptomem.ErrFull),
		Entry("full for an identity", wire.Error, "full: account limit reached: web would use 128 bytes, limit 127", cryptomem.ErrFull),
		Entry("no credentials, to SET", wire.Error, "authentication required", cryptomem.ErrDenied),
		Entry("other credentials, to SET", wire.Error, "denied: SET is not allowed on this key", cryptomem.ErrDenied),
		Entry("no credentials, to PING", wire.Denied, "authentication required", cryptomem.ErrDenied),
	)
})
