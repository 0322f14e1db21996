package cryptomem_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/sealing/freshness"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A liar is a store between a client and a real one. What it does not do with a
// request itself goes to the real one.
type liar struct {
	cryptomem.Store
	lie func(r *cryptomem.Request) bool // true: dealt with
}

func (l *liar) Do(ctx context.Context, r *cryptomem.Request) error {
	if l.lie != nil && l.lie(r) {
		return r.Err
	}
	return l.Store.Do(ctx, r)
}

func (l *liar) DoAll(ctx context.Context, rs []*cryptomem.Request) {
	for _, r := range rs {
		_ = l.Do(ctx, r)
	}
}

// withheld is an Observer that counts what no caller gets.
type withheld struct {
	recorder
	errs []error
}

func (o *withheld) Withheld(_ cryptomem.Command, err error) { o.errs = append(o.errs, err) }

var _ = Describe("A client that remembers", func() {
	const key = "key"
	var (
		w     *world
		c     *cryptomem.Client
		other *cryptomem.Client // which forgets
		store *liar
		ctx   = context.Background()
		none  = cryptomem.TTL(0)
	)
	client := func(opts ...cryptomem.Option) *cryptomem.Client {
		GinkgoHelper()
		inner, err := cryptomem.NewServerStore("pipe", cryptomem.WithDialer(w.dial), cryptomem.WithClock(w.clock))
		Expect(err).NotTo(HaveOccurred())
		store = &liar{Store: inner}
		c, err := cryptomem.NewClient(store, append([]cryptomem.Option{
			cryptomem.WithSecret([]byte(secret)), cryptomem.WithClock(w.clock), cryptomem.WithFallbackTimeout(time.Hour),
		}, opts...)...)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(c.Close)
		return c
	}
	BeforeEach(func() {
		w = newWorld(server.Config{AllowFlush: true})
		c = client()
		other = w.client(cryptomem.WithoutFreshness())
	})
	set := func(c *cryptomem.Client, value string) {
		GinkgoHelper()
		Expect(c.Set(ctx, key, []byte(value))).To(Succeed())
	}
	read := func() error { _, err := c.Get(ctx, key); return err }
	stale := SatisfyAll(MatchError(cryptomem.ErrStale), MatchError(cryptomem.ErrNotFound))

	Describe("is not fooled by an older value once it knows", func() {
		for what, learn := range map[string]func(){
			"a Set":             func() { set(c, "new") },
			"a Set in a batch":  func() { Expect(c.SetMany(ctx, []cryptomem.Pair{{Key: key}})).To(ConsistOf(BeNil())) },
			"a Replace":         func() { Expect(c.Replace(ctx, key, nil)).To(Succeed()) },
			"a Delete":          func() { Expect(c.Delete(ctx, key)).To(Succeed()) },
			"a Delete in a row": func() { Expect(c.DeleteMany(ctx, []string{key})).To(Equal(1)) },
			"an Invalidate":     func() { Expect(c.Invalidate(ctx, key)).To(Succeed()) },
			"a GetDelete":       func() { Expect(c.GetDelete(ctx, key)).To(Equal([]byte("1"))) },
			"a Touch":           func() { Expect(c.Touch(ctx, key, none)).To(Succeed()) },
			"an Increment":      func() { Expect(c.Increment(ctx, key, 1)).To(BeEquivalentTo(2)) },
			"a CompareAndSwap": func() {
				item, err := c.GetItem(ctx, key)
				Expect(err).NotTo(HaveOccurred())
				Expect(c.CompareAndSwap(ctx, key, nil, item.Version)).Error().NotTo(HaveOccurred())
			},
			"an Update": func() {
				Expect(c.Update(ctx, key, func([]byte, bool) ([]byte, error) { return nil, nil })).Error().NotTo(HaveOccurred())
			},
			"what another client set, by reading it": func() { set(other, "new"); Expect(read()).To(Succeed()) },
			"what another client set, by reading it among others": func() {
				set(other, "new")
				Expect(c.GetMany(ctx, []string{"x", key})[1].Err).To(Succeed())
			},
			"what another client removed, by looking": func() {
				Expect(other.Delete(ctx, key)).To(Succeed())
				Expect(read()).To(MatchError(cryptomem.ErrNotFound))
			},
			"the lease of another client's load": func() {
				Expect(other.Delete(ctx, key)).To(Succeed())
				Expect(other.GetOrLoad(ctx, key, func(context.Context) ([]byte, error) {
					Expect(read()).To(MatchError(cryptomem.ErrNotFound))
					return []byte("loaded"), nil
				})).Error().NotTo(HaveOccurred())
			},
		} {
			It(what, func() {
				set(c, "1")
				old := w.envelope(key)
				Expect(read()).To(Succeed())
				learn()
				w.plant(key, old)
				Expect(read()).To(stale)
				Expect(c.Exists(ctx, key)).To(BeFalse())
				Expect(c.GetMany(ctx, []string{key})[0].Err).To(stale)
				Expect(c.GetDelete(ctx, key)).Error().To(stale)
			})
		}
	})

	Describe("knows how old a value is", func() {
		const window = freshness.DefaultClocks + freshness.DefaultDelay
		for what, learn := range map[string]func(){
			"by what it wrote":   func() { set(c, "new") },
			"by what it removed": func() { Expect(c.Remove(ctx, key)).To(Succeed()) },
			"by what it flushed": func() { Expect(c.Flush(ctx, "")).Error().NotTo(HaveOccurred()) },
		} {
			It(what+", although it never saw it before", func() {
				set(other, "old")
				old := w.envelope(key)
				w.clock.Add(window)
				set(other, "not quite")
				within := w.envelope(key)
				w.clock.Add(time.Millisecond)
				learn()
				w.plant(key, old)
				Expect(read()).To(stale)
				w.plant(key, within)
				Expect(read()).To(Succeed())
			})
		}

		It("but not after it flushed some keys, which may not include this one", func() {
			set(other, "old")
			w.clock.Add(time.Hour)
			Expect(c.Flush(ctx, "no")).Error().NotTo(HaveOccurred())
			Expect(read()).To(Succeed())
		})

		It("which a Touch does not change", func() {
			set(other, "old")
			w.clock.Add(time.Hour)
			Expect(c.Touch(ctx, key, none)).To(Succeed())
			h, err := sealing.ParseHeader(w.envelope(key))
			Expect(err).NotTo(HaveOccurred())
			Expect(h.Stamp.Time()).To(BeTemporally("==", w.clock.Now().Add(-time.Hour)))
			Expect(read()).To(Succeed())
		})

		It("as long as the options say", func() {
			c = client(cryptomem.WithFreshness(freshness.Config{Clocks: time.Second, Delay: time.Second}))
			set(other, "old")
			old := w.envelope(key)
			w.clock.Add(2*time.Second + time.Millisecond)
			set(c, "new")
			w.plant(key, old)
			Expect(read()).To(stale)
		})
	})

	Describe("learns nothing from", func() {
		BeforeEach(func() {
			set(c, "old")
			Expect(read()).To(Succeed())
		})

		for _, verb := range []cryptomem.Command{cryptomem.CommandSet, cryptomem.CommandDelete, cryptomem.CommandGetDel, cryptomem.CommandReplace} {
			It("an outcome that is unknown: "+verb.String(), func() {
				store.lie = func(r *cryptomem.Request) bool {
					r.Err = cryptomem.ErrMaybeApplied
					return r.Command == verb
				}
				var err error
				switch verb {
				case cryptomem.CommandSet:
					err = c.Set(ctx, key, nil)
				case cryptomem.CommandReplace:
					err = c.Replace(ctx, key, nil)
				case cryptomem.CommandDelete:
					err = c.Delete(ctx, key)
				default:
					_, err = c.GetDelete(ctx, key)
				}
				Expect(err).To(MatchError(cryptomem.ErrMaybeApplied))
				Expect(read()).To(Succeed())
			})
		}

		It("what was refused", func() {
			Expect(c.Add(ctx, key, nil)).To(MatchError(cryptomem.ErrExists))
			Expect(c.CompareAndSwap(ctx, key, nil, 1<<40)).Error().To(MatchError(cryptomem.ErrChanged))
			Expect(read()).To(Succeed())
		})

		It("an answer that a write of its own has overtaken", func() {
			var late []byte
			store.lie = func(r *cryptomem.Request) bool {
				store.lie = nil
				late = w.envelope(key)
				set(c, "new")
				r.Answer = append(r.Answer[:0], late...)
				return true
			}
			Expect(read()).To(Succeed())
			Expect(get(c, key)).To(Equal("new"))
			w.plant(key, late)
			Expect(read()).To(stale)
		})
	})

	Describe("finding a stale value", func() {
		BeforeEach(func() {
			set(c, "1")
			old := w.envelope(key)
			Expect(c.Delete(ctx, key)).To(Succeed())
			w.plant(key, old)
		})

		It("returns its version, so that it can be swapped", func() {
			item, err := c.GetItem(ctx, key)
			Expect(err).To(stale)
			Expect(c.CompareAndSwap(ctx, key, []byte("new"), item.Version)).Error().NotTo(HaveOccurred())
			Expect(get(c, key)).To(Equal("new"))
		})

		It("adds a value in its place", func() {
			Expect(c.Add(ctx, key, []byte("new"))).To(Succeed())
			Expect(get(c, key)).To(Equal("new"))
		})

		It("updates as if there were no value", func() {
			Expect(c.Update(ctx, key, func(_ []byte, found bool) ([]byte, error) {
				Expect(found).To(BeFalse())
				return []byte("new"), nil
			})).To(Equal([]byte("new")))
			Expect(get(c, key)).To(Equal("new"))
		})

		It("counts from 0", func() {
			Expect(c.Increment(ctx, key, 5)).To(BeEquivalentTo(5))
		})

		It("does not touch it", func() {
			Expect(c.Touch(ctx, key, none)).To(MatchError(cryptomem.ErrNotFound))
		})

		It("loads again, and stores the result", func() {
			Expect(c.GetOrLoad(ctx, key, func(context.Context) ([]byte, error) { return []byte("new"), nil })).To(Equal([]byte("new")))
			Expect(get(c, key)).To(Equal("new"))
		})

		It("is reported to the observer", func() {
			o := new(withheld)
			c = client(cryptomem.WithObserver(o))
			set(c, "1")
			old := w.envelope(key)
			set(c, "2")
			w.plant(key, old)
			Expect(read()).To(stale)
			Expect(o.errs).To(ConsistOf(stale))
		})
	})

	It("does not take a lock whose mark is stale: its holder is unknown", func() {
		lock, err := c.TryLock(ctx, key, cryptomem.TTL(time.Hour))
		Expect(err).NotTo(HaveOccurred())
		old := w.envelope(key)
		Expect(lock.Unlock(ctx)).To(Succeed())
		Expect(read()).To(Succeed()) // free
		w.plant(key, old)
		Expect(c.TryLock(ctx, key, cryptomem.TTL(time.Minute))).Error().To(MatchError(cryptomem.ErrLocked))
	})

	It("is not held up by the lease of a load that is over", func() {
		var lease []byte
		load := func(value string) cryptomem.Loader {
			return func(context.Context) ([]byte, error) { lease = w.envelope(key); return []byte(value), nil }
		}
		Expect(c.GetOrLoad(ctx, key, load("1"))).To(Equal([]byte("1")))
		w.plant(key, lease)
		Expect(c.GetOrLoad(ctx, key, load("2"))).To(Equal([]byte("2")))
	})

	It("refuses what comes from the future, and learns nothing from it", func() {
		set(c, "1")
		old := w.envelope(key)
		w.clock.Add(time.Minute)
		set(other, "2")
		w.clock.Set(w.clock.Now().Add(-time.Minute))
		Expect(read()).To(stale)
		w.plant(key, old)
		Expect(get(c, key)).To(Equal("1"))
	})

	It("goes on when its clock is set back", func() {
		set(c, "1")
		w.clock.Set(w.clock.Now().Add(-time.Hour))
		set(other, "2")
		Expect(get(c, key)).To(Equal("2"))
		set(c, "3")
		Expect(get(c, key)).To(Equal("3"))
	})

	It("remembers nothing if freshness is switched off", func() {
		c = client(cryptomem.WithoutFreshness())
		set(c, "old")
		old := w.envelope(key)
		Expect(c.Delete(ctx, key)).To(Succeed())
		w.plant(key, old)
		Expect(get(c, key)).To(Equal("old"))
	})

	It("ends with a cut what was sealed before it, by any client", func() {
		set(other, "old")
		w.clock.Add(time.Second)
		c.NotBefore(w.clock.Now())
		Expect(read()).To(Succeed(), "for other clocks may not be there yet")
		w.clock.Add(sealing.DefaultClockBound)
		Expect(read()).To(stale)
		Expect(c.Touch(ctx, key, none)).To(MatchError(cryptomem.ErrNotFound))
		set(c, "new")
		Expect(get(c, key)).To(Equal("new"))
		c.NotBefore(time.Time{})
		Expect(get(c, key)).To(Equal("new"))
	})

	It("takes part in a change of the envelope's version: readers first, then writers, then nothing else", func() {
		c = client(cryptomem.WithEnvelopeVersion(sealing.VersionUnstamped))
		set(c, "1")
		Expect(w.envelope(key)[0]).To(BeEquivalentTo(sealing.VersionUnstamped))
		Expect(get(other, key)).To(Equal("1"))
		old := w.envelope(key)
		set(c, "2")
		w.plant(key, old)
		Expect(read()).To(stale, "which it knows by its nonce")

		strict := client(cryptomem.WithStampedOnly())
		Expect(strict.Get(ctx, key)).Error().To(stale)
		set(other, "3")
		Expect(get(strict, key)).To(Equal("3"))
		Expect(w.envelope(key)[0]).To(BeEquivalentTo(sealing.VersionStamped))
	})

	DescribeTable("refuses options that make no sense", func(o cryptomem.Option) {
		_, err := cryptomem.Open("pipe", cryptomem.WithSecret([]byte(secret)), o)
		Expect(err).To(HaveOccurred())
	},
		Entry("a version that there is not", cryptomem.WithEnvelopeVersion(0xC3)),
		Entry("a negative bound", cryptomem.WithFreshness(freshness.Config{Delay: -1})),
		Entry("too many names", cryptomem.WithFreshness(freshness.Config{Names: math.MaxInt})),
	)

	It("is not fooled by a server that ignores deletes and overwrites", func() {
		ignore := func(verbs ...cryptomem.Command) {
			store.lie = func(r *cryptomem.Request) bool {
				for _, v := range verbs {
					if r.Command == v {
						if r.Sealer != nil {
							r.Err = r.Sealer.SealRequest(r)
						}
						return true
					}
				}
				return false
			}
		}
		set(c, "1")
		ignore(cryptomem.CommandSet, cryptomem.CommandDelete)
		Expect(c.Delete(ctx, key)).To(Succeed())
		Expect(read()).To(stale)
		set(c, "2")
		Expect(read()).To(stale)
	})

	It("has no false alarm while many read, write and remove at once", func() {
		done := make(chan error, 4)
		for g := range 4 {
			go func() {
				var problem error
				for i := range 300 {
					var err error
					switch (i + g) % 4 {
					case 0:
						err = c.Set(ctx, key, bytes.Repeat([]byte{byte(i)}, g))
					case 1:
						err = c.Remove(ctx, key)
					case 2:
						_, err = c.GetDelete(ctx, key)
					default:
						_, err = c.Get(ctx, key)
					}
					if errors.Is(err, cryptomem.ErrStale) {
						problem = err
					}
				}
				done <- problem
			}()
		}
		for range 4 {
			Expect(<-done).To(Succeed())
		}
		Expect(c.Stats(ctx, "")).NotTo(BeEmpty())
		Expect(w.raw(wire.Request{Command: wire.Ping, Value: []byte("x")})).To(Equal([]byte("x")))
	})
})
