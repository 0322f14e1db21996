package cryptomem_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/sealing/freshness"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// raw speaks to the server without a key, as its operator would look into it,
// and returns the value of its answer.
func (w *world) raw(r wire.Request) []byte {
	GinkgoHelper()
	nc, err := w.dial(context.Background(), "")
	Expect(err).NotTo(HaveOccurred())
	defer nc.Close() //nolint:errcheck // the answer is all that counts
	frame, err := wire.AppendRequest(nil, &r)
	Expect(err).NotTo(HaveOccurred())
	_, err = nc.Write(frame)
	Expect(err).NotTo(HaveOccurred())
	answer := make([]byte, 0, 4096)
	for {
		n, err := nc.Read(answer[len(answer):cap(answer)])
		Expect(err).NotTo(HaveOccurred())
		answer = answer[:len(answer)+n]
		r, n, err := wire.ParseResponse(answer)
		Expect(err).NotTo(HaveOccurred())
		if n > 0 {
			Expect(r.Status).To(Equal(wire.OK))
			return r.Value
		}
	}
}

func (w *world) envelope(key string) []byte {
	GinkgoHelper()
	return w.raw(wire.Request{Command: wire.Get, Key: []byte(key)})
}

// plant puts a value into the store past every client, as a hostile server may.
func (w *world) plant(key string, envelope []byte) {
	GinkgoHelper()
	w.raw(wire.Request{Command: wire.Set, Key: []byte(key), Value: envelope})
}

var _ = Describe("Keys", func() {
	var (
		w   *world
		kr  *sealing.Keyring
		ctx = context.Background()
	)
	BeforeEach(func() {
		w = newWorld(server.Config{})
		var err error
		kr, err = sealing.NewKeyring(w.clock.Now())
		Expect(err).NotTo(HaveOccurred())
	})
	It("rotate while clients read and write, until the old one retires", func() {
		first := kr.Keys()[0].ID
		writer, reader := w.client(cryptomem.WithKeyring(kr)), w.client(cryptomem.WithKeyring(kr))
		Expect(writer.Set(context.Background(), "old", []byte("1"))).To(Succeed())

		second, err := kr.Generate(w.clock.Now())
		Expect(err).NotTo(HaveOccurred())
		Expect(reader.Rekey(kr)).To(Succeed())
		Expect(writer.Rekey(kr)).To(Succeed())
		Expect(writer.Set(context.Background(), "between", []byte("2"))).To(Succeed())
		Expect(keyID(w.envelope("between"))).To(Equal(first))

		Expect(kr.Promote(second)).To(Succeed())
		Expect(writer.Rekey(kr)).To(Succeed())
		Expect(writer.Set(context.Background(), "new", []byte("3"))).To(Succeed())
		Expect(keyID(w.envelope("new"))).To(Equal(second))
		for _, c := range []*cryptomem.Client{writer, reader} {
			Expect(get(c, "old") + get(c, "between") + get(c, "new")).To(Equal("123"))
		}

		Expect(kr.Retire(first)).To(Succeed())
		Expect(reader.Rekey(kr)).To(Succeed())
		_, err = reader.Get(context.Background(), "old")
		Expect(err).To(MatchError(sealing.ErrUnknownKey))
		Expect(err).To(MatchError(ContainSubstring(fmt.Sprintf("key %08x is retired", first))))
		Expect(get(reader, "new")).To(Equal("3"))
	})

	It("in a value that is touched become the primary, and its expiry the new one", func() {
		c := w.client(cryptomem.WithKeyring(kr))
		Expect(c.Set(ctx, "key", []byte("value"), cryptomem.TTL(time.Minute))).To(Succeed())
		before := w.envelope("key")
		second, err := kr.Generate(w.clock.Now())
		Expect(err).NotTo(HaveOccurred())
		Expect(kr.Promote(second)).To(Succeed())
		Expect(c.Rekey(kr)).To(Succeed())

		Expect(c.Touch(ctx, "key", cryptomem.TTL(time.Hour))).To(Succeed())
		after := w.envelope("key")
		Expect(keyID(after)).To(Equal(second))
		Expect(expiry(after)).To(Equal(w.clock.Now().Add(time.Hour).UnixMilli()))
		Expect(bytes.Equal(before[14:38], after[14:38])).To(BeFalse()) // the nonce
		Expect(get(c, "key")).To(Equal("value"))
	})

	It("come with their cut, and not to a client that is closed", func() {
		c := w.client(cryptomem.WithKeyring(kr))
		Expect(c.Set(ctx, "key", nil)).To(Succeed())
		kr.SetNotBefore(w.clock.Now().Add(time.Second))
		Expect(c.Rekey(kr)).To(Succeed())
		w.clock.Add(time.Second + freshness.DefaultClocks)
		Expect(c.Get(ctx, "key")).Error().To(MatchError(cryptomem.ErrStale))

		cut := w.clock.Now()
		Expect(c.Set(ctx, "key", nil)).To(Succeed())
		w.clock.Set(cut.Add(-time.Second))
		Expect(c.Set(ctx, "key", nil)).To(Succeed())
		w.clock.Set(cut)
		Expect(c.Get(ctx, "key")).To(BeEmpty(), "a clock that is set back lets no seal fall behind the cut")

		Expect(c.Close()).To(Succeed())
		Expect(c.Rekey(kr)).To(MatchError(cryptomem.ErrClosed))
	})

	It("seal the expiry of whatever stores a value", func() {
		c := w.client(cryptomem.WithKeyring(kr))
		want := w.clock.Now().Add(time.Hour).UnixMilli()
		hour := cryptomem.TTL(time.Hour)

		Expect(c.Add(ctx, "key", []byte("1"), hour)).To(Succeed())
		Expect(expiry(w.envelope("key"))).To(Equal(want))
		Expect(c.Replace(ctx, "key", []byte("2"), hour)).To(Succeed())
		Expect(expiry(w.envelope("key"))).To(Equal(want))
		item, err := c.GetItem(ctx, "key")
		Expect(err).NotTo(HaveOccurred())
		_, err = c.CompareAndSwap(ctx, "key", []byte("3"), item.Version, cryptomem.TTL(2*time.Hour))
		Expect(err).NotTo(HaveOccurred())
		Expect(expiry(w.envelope("key"))).To(Equal(want + time.Hour.Milliseconds()))
		Expect(c.Touch(ctx, "key", cryptomem.TTL(0))).To(Succeed())
		Expect(expiry(w.envelope("key"))).To(BeZero())
	})
})

var _ = Describe("A hostile server", func() {
	var (
		w *world
		c *cryptomem.Client
	)
	BeforeEach(func() {
		w = newWorld(server.Config{})
		c = w.client(cryptomem.WithDefaultTTL(time.Minute))
		Expect(c.Set(context.Background(), "key", []byte("the value"))).To(Succeed())
	})

	It("finds neither value nor secret in what it stores", func() {
		Expect(w.envelope("key")).NotTo(ContainSubstring("value"))
		Expect(w.envelope("key")).NotTo(ContainSubstring(secret[:8]))
	})

	It("cannot pass one key's value off as another's", func() {
		w.plant("other", w.envelope("key"))
		_, err := c.Get(context.Background(), "other")
		Expect(err).To(MatchError(cryptomem.ErrNotAuthentic))
	})

	It("cannot change a value, not by one bit", func() {
		envelope := w.envelope("key")
		for bit := range 8 * len(envelope) {
			forged := bytes.Clone(envelope)
			forged[bit/8] ^= 1 << (bit % 8)
			w.plant("key", forged)
			if _, err := c.Get(context.Background(), "key"); !errors.Is(err, cryptomem.ErrNotAuthentic) {
				Fail(fmt.Sprintf("bit %d: %v", bit, err))
			}
		}
	})

	It("cannot serve a value past its expiry, however long it keeps it", func() {
		envelope := w.envelope("key")
		w.clock.Add(time.Minute - 1)
		w.plant("key", envelope)
		Expect(c.Get(context.Background(), "key")).To(Equal([]byte("the value")))
		w.clock.Add(1)
		_, err := c.Get(context.Background(), "key")
		Expect(err).To(MatchError(cryptomem.ErrExpired))
		Expect(err).To(MatchError(cryptomem.ErrNotFound))
	})

	It("can serve an older value to a client that never saw a newer one, until that expires", func() {
		old := w.envelope("key")
		stranger := w.client()
		Expect(c.Set(context.Background(), "key", []byte("a newer value"))).To(Succeed())
		w.plant("key", old)
		Expect(stranger.Get(context.Background(), "key")).To(Equal([]byte("the value")))
		Expect(c.Get(context.Background(), "key")).Error().To(MatchError(cryptomem.ErrStale))
		w.clock.Add(time.Minute)
		_, err := stranger.Get(context.Background(), "key")
		Expect(err).To(MatchError(cryptomem.ErrExpired))
	})

	It("learns no name where names are blind, and no length up to 31 bytes where values are padded", func() {
		c := w.client(cryptomem.WithBlindNames(), cryptomem.WithPadding())
		s, err := sealing.New(secretKeyring(), sealing.WithBlindNames())
		Expect(err).NotTo(HaveOccurred())
		lengths := map[int]bool{}
		for _, value := range []string{"", "no", "yes", "thirty-one bytes, neither more."} {
			Expect(c.Set(context.Background(), "a name", []byte(value))).To(Succeed())
			lengths[len(w.envelope(string(s.AppendWireName(nil, []byte("a name")))))] = true
			Expect(get(c, "a name")).To(Equal(value))
		}
		Expect(lengths).To(HaveLen(1))
	})
})

func get(c *cryptomem.Client, key string) string {
	GinkgoHelper()
	value, err := c.Get(context.Background(), key)
	Expect(err).NotTo(HaveOccurred())
	return string(value)
}

func secretKeyring() *sealing.Keyring {
	GinkgoHelper()
	kr, err := sealing.KeyringFromSecret([]byte(secret))
	Expect(err).NotTo(HaveOccurred())
	return kr
}

// Where an envelope has its key id and its expiry is fixed by its version.
func keyID(envelope []byte) uint32 { return binary.BigEndian.Uint32(envelope[2:]) }
func expiry(envelope []byte) int64 { return int64(binary.BigEndian.Uint64(envelope[6:])) }
