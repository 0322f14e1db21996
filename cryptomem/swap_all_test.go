package cryptomem_test

import (
	"context"
	"errors"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
)

// A swapper makes a Swapper of a store that nobody else writes to meanwhile: it looks
// at all versions first, and then carries out one request after the other.
type swapper struct {
	liar
	// failures are the errors of the next attempts, before anything is carried out, or
	// after everything if they are ErrMaybeApplied.
	failures []error
	attempts int
}

func (s *swapper) Together([][]byte) bool { return true }

func (s *swapper) SwapAll(ctx context.Context, rs []*cryptomem.Request) error {
	s.attempts++
	err := s.fail()
	if err == nil || errors.Is(err, cryptomem.ErrMaybeApplied) {
		err = errors.Join(err, s.swap(ctx, rs))
	}
	for _, r := range rs {
		r.Err = err
	}
	return err
}

func (s *swapper) fail() (err error) {
	if len(s.failures) > 0 {
		err, s.failures = s.failures[0], s.failures[1:]
	}
	return err
}

func (s *swapper) swap(ctx context.Context, rs []*cryptomem.Request) error {
	for _, r := range rs {
		if r.Command == cryptomem.CommandGetItem {
			look := cryptomem.Request{Command: r.Command, Name: r.Name}
			if err := s.Do(ctx, &look); err != nil && !errors.Is(err, cryptomem.ErrNotFound) {
				return err
			}
			if look.Version != r.Version {
				return cryptomem.ErrChanged
			}
		}
	}
	for _, r := range rs {
		if r.Command != cryptomem.CommandGetItem {
			if err := s.Do(ctx, r); err != nil {
				return err
			}
		}
	}
	return nil
}

var _ = Describe("SwapAll", func() {
	var (
		w     *world
		store *swapper
		seen  *recorder
		c     *cryptomem.Client
		ctx   = context.Background()
	)
	BeforeEach(func() {
		w = newWorld(server.Config{})
		inner, err := cryptomem.NewServerStore("pipe", cryptomem.WithDialer(w.dial), cryptomem.WithClock(w.clock))
		Expect(err).NotTo(HaveOccurred())
		store, seen = &swapper{liar: liar{Store: inner}}, &recorder{}
		c, err = cryptomem.NewClient(store, cryptomem.WithSecret([]byte(secret)), cryptomem.WithClock(w.clock),
			cryptomem.WithFallbackTimeout(time.Hour), cryptomem.WithObserver(seen))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(c.Close)
	})
	access := func(command cryptomem.Command, key, value string) *cryptomem.Access {
		return &cryptomem.Access{Command: command, Key: []byte(key), Value: []byte(value)}
	}
	set := func(key, value string) *cryptomem.Access { return access(cryptomem.CommandSet, key, value) }
	version := func(key string) uint64 {
		GinkgoHelper()
		item, err := c.GetItem(ctx, key)
		Expect(err).NotTo(HaveOccurred())
		return item.Version
	}

	It("stores all, and tells the new versions of what it swaps", func() {
		Expect(c.Set(ctx, "b", []byte("1"))).To(Succeed())
		a, b := set("a", "1"), access(cryptomem.CommandSwap, "b", "2")
		b.Version = version("b")
		Expect(c.SwapAll(ctx, []*cryptomem.Access{a, b})).To(Succeed())
		Expect(c.Get(ctx, "a")).To(Equal([]byte("1")))
		Expect(c.Get(ctx, "b")).To(Equal([]byte("2")))
		Expect(b.Version).To(Equal(version("b")))
	})

	It("stores nothing if a key has changed that is a condition, and says so of each", func() {
		condition := access(cryptomem.CommandGetItem, "a", "")
		all := []*cryptomem.Access{condition, set("b", "2")}
		Expect(c.SwapAll(ctx, all)).To(Succeed(), "nothing is there, as was demanded")
		Expect(c.Set(ctx, "a", nil)).To(Succeed())
		all[1] = set("b", "3")
		Expect(c.SwapAll(ctx, all)).To(MatchError(cryptomem.ErrChanged))
		Expect(all[0].Err).To(MatchError(cryptomem.ErrChanged))
		Expect(all[1].Err).To(MatchError(cryptomem.ErrChanged))
		Expect(c.Get(ctx, "b")).To(Equal([]byte("2")))

		condition.Version = version("a")
		Expect(c.SwapAll(ctx, all)).To(Succeed())
		Expect(all[1].Err).NotTo(HaveOccurred())
		Expect(c.Get(ctx, "b")).To(Equal([]byte("3")))
	})

	It("does nothing with nothing", func() {
		Expect(c.SwapAll(ctx, nil)).To(Succeed())
		Expect(store.attempts).To(BeZero())
	})

	It("learns what it has stored, so that what it replaced is not believed any more", func() {
		Expect(c.Set(ctx, "a", []byte("old"))).To(Succeed())
		old := w.envelope("a")
		Expect(c.SwapAll(ctx, []*cryptomem.Access{set("a", "new"), set("b", "")})).To(Succeed())
		w.plant("a", old)
		Expect(c.Get(ctx, "a")).Error().To(MatchError(cryptomem.ErrStale))
	})

	It("learns nothing from a condition", func() {
		Expect(c.Set(ctx, "a", []byte("1"))).To(Succeed())
		condition := access(cryptomem.CommandGetItem, "a", "")
		condition.Version = version("a")
		Expect(c.SwapAll(ctx, []*cryptomem.Access{condition, set("b", "")})).To(Succeed())
		Expect(c.Get(ctx, "a")).To(Equal([]byte("1")))
	})

	It("tries again what was not applied", func() {
		store.failures = []error{cryptomem.ErrUnavailable, cryptomem.ErrUnavailable}
		Expect(c.SwapAll(ctx, []*cryptomem.Access{set("a", "1")})).To(Succeed())
		Expect(store.attempts).To(Equal(3))
	})

	It("does not try again what may have been applied, if anything is stored", func() {
		condition := access(cryptomem.CommandGetItem, "x", "")
		for _, all := range [][]*cryptomem.Access{{set("a", "1"), condition}, {condition, set("a", "1")}} {
			store.attempts, store.failures = 0, []error{cryptomem.ErrMaybeApplied}
			Expect(c.SwapAll(ctx, all)).To(MatchError(cryptomem.ErrMaybeApplied))
			Expect(store.attempts).To(Equal(1))
		}
		store.attempts, store.failures = 0, []error{cryptomem.ErrMaybeApplied}
		Expect(c.SwapAll(ctx, []*cryptomem.Access{condition})).To(Succeed())
		Expect(store.attempts).To(Equal(2), "conditions alone may be repeated")
	})

	It("is observed as a request for each key, with its outcome", func() {
		store.failures = []error{cryptomem.ErrFull}
		Expect(c.SwapAll(ctx, []*cryptomem.Access{set("a", "1"), access(cryptomem.CommandAdd, "b", "2")})).To(MatchError(cryptomem.ErrFull))
		Expect(seen.commands()).To(Equal([]cryptomem.Command{cryptomem.CommandSet, cryptomem.CommandAdd}))
		Expect(seen.errors()).To(HaveLen(2))
		Expect(seen.errors()).To(HaveEach(MatchError(cryptomem.ErrFull)))
	})

	It("takes what stores and what looks, and nothing else", func() {
		for _, command := range []cryptomem.Command{cryptomem.CommandGet, cryptomem.CommandDelete, cryptomem.CommandReplace, cryptomem.CommandGetDel} {
			all := []*cryptomem.Access{set("a", "1"), access(command, "b", "")}
			Expect(c.SwapAll(ctx, all)).To(MatchError(cryptomem.ErrNotSupported))
			Expect(all[0].Err).To(MatchError(cryptomem.ErrNotSupported))
		}
		Expect(c.SwapAll(ctx, []*cryptomem.Access{set("a", "1"), set("", "1")})).To(MatchError("key is empty"))
		Expect(store.attempts).To(BeZero())
	})

	It("is nothing for a store that changes one key at a time, nor for a closed client", func() {
		all := []*cryptomem.Access{set("a", "1")}
		single := w.client()
		Expect(single.SwapAll(ctx, all)).To(MatchError(cryptomem.ErrNotSupported))
		Expect(single.Together([]byte("a"))).To(BeFalse())
		Expect(c.Together([]byte("a"), []byte("b"))).To(BeTrue())
		Expect(c.Close()).To(Succeed())
		Expect(c.SwapAll(ctx, all)).To(MatchError(cryptomem.ErrClosed))
	})
})
