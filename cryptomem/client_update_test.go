package cryptomem_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/sealing"
)

// plusOne is a change that counts.
func plusOne(value []byte, found bool) ([]byte, error) {
	n := 0
	if found {
		n, _ = strconv.Atoi(string(value))
	}
	return strconv.AppendInt(nil, int64(n+1), 10), nil
}

// An awayStore takes its time to say that it is away.
type awayStore struct{ asked, leave chan bool }

func (s awayStore) Do(_ context.Context, r *cryptomem.Request) error {
	s.asked <- true
	<-s.leave
	r.Err = cryptomem.ErrUnavailable
	return r.Err
}

func (s awayStore) DoAll(ctx context.Context, rs []*cryptomem.Request) {
	for _, r := range rs {
		_ = s.Do(ctx, r) // which is in r
	}
}

func (s awayStore) Close() error { return nil }

var _ = Describe("Changing what is there", func() {
	var (
		w   *world
		c   *cryptomem.Client
		ctx = context.Background()
		key = "key"
	)
	BeforeEach(func() {
		w = newWorld(server.Config{AllowFlush: true})
		c = w.client(cryptomem.WithDefaultTTL(time.Hour))
	})
	expires := func() time.Time {
		GinkgoHelper()
		item, err := c.GetItem(ctx, key)
		Expect(err).NotTo(HaveOccurred())
		return item.Expires
	}
	in := func(d time.Duration) time.Time { return w.clock.Now().Add(d) }

	Describe("Update", func() {
		It("returns the new value, and gives it the client's TTL if there was none", func() {
			Expect(c.Update(ctx, key, plusOne)).To(Equal([]byte("1")))
			Expect(expires()).To(BeTemporally("==", in(time.Hour)))
			Expect(c.Update(ctx, key, plusOne)).To(Equal([]byte("2")))
			Expect(c.Get(ctx, key)).To(Equal([]byte("2")))
		})

		It("keeps the expiry of what it changes, unless told otherwise", func() {
			Expect(c.Set(ctx, key, []byte("1"), cryptomem.TTL(time.Minute))).To(Succeed())
			end := in(time.Minute)
			w.clock.Add(time.Second)
			Expect(c.Update(ctx, key, plusOne)).To(Equal([]byte("2")))
			Expect(expires()).To(BeTemporally("==", end))
			Expect(c.Update(ctx, key, plusOne, cryptomem.TTL(time.Hour), cryptomem.KeepTTL())).To(Equal([]byte("3")))
			Expect(expires()).To(BeTemporally("==", end))
			Expect(c.Update(ctx, key, plusOne, cryptomem.TTL(0))).To(Equal([]byte("4")))
			Expect(expires()).To(BeZero())
			Expect(c.Update(ctx, key, plusOne, cryptomem.ExpiresAt(end))).To(Equal([]byte("5")))
			Expect(expires()).To(BeTemporally("==", end))
		})

		It("gives a new value the TTL beside KeepTTL", func() {
			Expect(c.Update(ctx, key, plusOne, cryptomem.KeepTTL(), cryptomem.TTL(time.Minute))).To(Equal([]byte("1")))
			Expect(expires()).To(BeTemporally("==", in(time.Minute)))
		})

		It("changes nothing if the function returns an error", func() {
			Expect(c.Set(ctx, key, []byte("1"))).To(Succeed())
			failure := errors.New("no")
			value, err := c.Update(ctx, key, func([]byte, bool) ([]byte, error) { return []byte("2"), failure })
			Expect(err).To(MatchError(failure))
			Expect(value).To(BeNil())
			Expect(c.Get(ctx, key)).To(Equal([]byte("1")))
		})

		It("keeps its turn when another gives up waiting for it, and leaves nothing behind", func() {
			began, end := make(chan struct{}), make(chan struct{})
			ended := make(chan error, 2)
			update := func(ctx context.Context, change func([]byte, bool) ([]byte, error)) {
				_, err := c.Update(ctx, key, change)
				ended <- err
			}
			go update(ctx, func(value []byte, found bool) ([]byte, error) {
				close(began)
				<-end
				return plusOne(value, found)
			})
			<-began
			impatient, cancel := context.WithCancel(ctx)
			go update(impatient, plusOne)
			Eventually(func() int { return cryptomem.Turns(c, key) }).Should(Equal(2))
			cancel()
			Expect(<-ended).To(MatchError(context.Canceled))
			Expect(cryptomem.Turns(c, key)).To(Equal(1))
			close(end)
			Expect(<-ended).To(Succeed())
			Expect(cryptomem.KeysWithTurns(c)).To(BeZero())
			Expect(c.Get(ctx, key)).To(Equal([]byte("1")))
		})

		It("lets others have their turn if the function panics or ends its goroutine", func() {
			Expect(func() {
				_, _ = c.Update(ctx, key, func([]byte, bool) ([]byte, error) { panic("change") })
			}).To(PanicWith("change"))
			Expect(c.Update(ctx, key, plusOne)).To(Equal([]byte("1")))
		})

		It("calls the function again if another client was faster", func() {
			other, calls := w.client(), 0
			Expect(c.Update(ctx, key, func(value []byte, found bool) ([]byte, error) {
				if calls++; calls == 1 {
					Expect(other.Set(ctx, key, []byte("41"))).To(Succeed())
				}
				return plusOne(value, found)
			})).To(Equal([]byte("42")))
			Expect(calls).To(Equal(2))
		})

		It("goes on until its context ends, and then returns both errors", func() {
			other := w.client()
			ending, cancel := context.WithCancel(ctx)
			calls := 0
			_, err := c.Update(ending, key, func([]byte, bool) ([]byte, error) {
				Expect(other.Set(ctx, key, []byte("theirs"))).To(Succeed())
				if calls++; calls == 2 {
					cancel()
				}
				return []byte("mine"), nil
			})
			Expect(err).To(MatchError(context.Canceled))
			Expect(c.Get(ctx, key)).To(Equal([]byte("theirs")))
		})

		It("waits for its turn until its context ends, and no longer", func() {
			inside, leave, done := make(chan bool), make(chan bool), make(chan error)
			go func() {
				_, err := c.Update(ctx, key, func([]byte, bool) ([]byte, error) {
					close(inside)
					<-leave
					return []byte("1"), nil
				})
				done <- err
			}()
			<-inside
			ended, cancel := context.WithCancel(ctx)
			cancel()
			Expect(c.Touch(ended, key)).To(MatchError(context.Canceled))
			close(leave)
			Expect(<-done).NotTo(HaveOccurred())
			Expect(c.Touch(ctx, key)).To(Succeed())
		})

		It("lets callers wait for their turn no longer once the store is unavailable", func() {
			away := awayStore{asked: make(chan bool), leave: make(chan bool)}
			c, err := cryptomem.NewClient(away, cryptomem.WithSecret([]byte(secret)), cryptomem.WithAttempts(1))
			Expect(err).NotTo(HaveOccurred())
			ended := make(chan error, 3)
			update := func() { _, err := c.Update(ctx, key, plusOne); ended <- err }
			go update()
			Eventually(away.asked).Should(Receive())
			go update()
			go update()
			Eventually(func() int { return cryptomem.Turns(c, key) }).Should(Equal(3))
			away.leave <- true
			Eventually(away.asked).Should(Receive())
			Eventually(away.asked).Should(Receive(), "though the one before is unanswered")
			close(away.leave)
			for range cap(ended) {
				Expect(<-ended).To(MatchError(cryptomem.ErrUnavailable))
			}
			Expect(cryptomem.Turns(c, key)).To(BeZero())
			Expect(c.Close()).To(Succeed())
		})

		It("always succeeds in the end, however many callers update the same key", func() {
			const goroutines, each = 100, 20
			all := []*cryptomem.Client{c, c, c, w.client(), w.client()}
			var failed sync.Map
			var group sync.WaitGroup
			for g := range goroutines {
				group.Go(func() {
					for range each {
						if _, err := all[g%len(all)].Update(ctx, key, plusOne); err != nil {
							failed.Store(g, err)
						}
					}
				})
			}
			moved := w.runClock()
			group.Wait()
			moved()
			failed.Range(func(g, err any) bool { Fail(fmt.Sprint(g, ": ", err)); return true })
			Expect(c.Get(ctx, key)).To(Equal([]byte(strconv.Itoa(goroutines * each))))
		})
	})

	Describe("Touch", func() {
		It("sets the client's TTL, or the given one, and never creates a value", func() {
			Expect(c.Touch(ctx, key)).To(MatchError(cryptomem.ErrNotFound))
			Expect(c.Set(ctx, key, []byte("v"), cryptomem.TTL(time.Minute))).To(Succeed())
			Expect(c.Touch(ctx, key)).To(Succeed())
			Expect(expires()).To(BeTemporally("==", in(time.Hour)))
			Expect(c.Touch(ctx, key, cryptomem.TTL(0))).To(Succeed())
			Expect(expires()).To(BeZero())
		})
	})

	Describe("KeepTTL", func() {
		BeforeEach(func() {
			Expect(c.Set(ctx, key, []byte("1"), cryptomem.TTL(time.Minute))).To(Succeed())
		})

		It("works with every method that replaces one value", func() {
			end := in(time.Minute)
			Expect(c.Set(ctx, key, []byte("2"), cryptomem.KeepTTL())).To(Succeed())
			Expect(expires()).To(BeTemporally("==", end))
			Expect(c.Replace(ctx, key, []byte("3"), cryptomem.KeepTTL())).To(Succeed())
			Expect(expires()).To(BeTemporally("==", end))
			item, err := c.GetItem(ctx, key)
			Expect(err).NotTo(HaveOccurred())
			Expect(c.CompareAndSwap(ctx, key, []byte("4"), item.Version, cryptomem.KeepTTL())).NotTo(Equal(item.Version))
			Expect(expires()).To(BeTemporally("==", end))
			_, err = c.CompareAndSwap(ctx, key, []byte("5"), item.Version, cryptomem.KeepTTL())
			Expect(err).To(MatchError(cryptomem.ErrChanged))
			Expect(c.Replace(ctx, "nothing", nil, cryptomem.KeepTTL())).To(MatchError(cryptomem.ErrNotFound))
			Expect(c.Get(ctx, key)).To(Equal([]byte("4")))
		})

		It("means the client's TTL if there is no value", func() {
			Expect(c.Remove(ctx, key)).To(Succeed())
			Expect(c.Set(ctx, key, []byte("2"), cryptomem.KeepTTL())).To(Succeed())
			Expect(expires()).To(BeTemporally("==", in(time.Hour)))
			Expect(c.Remove(ctx, key)).To(Succeed())
			Expect(c.Add(ctx, key, []byte("2"), cryptomem.KeepTTL())).To(Succeed())
			Expect(expires()).To(BeTemporally("==", in(time.Hour)))
		})

		It("is refused by methods that do not read the value", func() {
			errs := c.SetMany(ctx, []cryptomem.Pair{{Key: key}}, cryptomem.KeepTTL())
			Expect(errs[0]).To(MatchError(ContainSubstring("a batch cannot")))
		})
	})

	Describe("Increment", func() {
		It("counts from 0, in whole numbers, up and down", func() {
			Expect(c.Increment(ctx, key, 1)).To(Equal(int64(1)))
			Expect(c.Increment(ctx, key, 41)).To(Equal(int64(42)))
			Expect(c.Increment(ctx, key, -43)).To(Equal(int64(-1)))
			Expect(c.Get(ctx, key)).To(Equal([]byte("-1")))
		})

		It("keeps the expiry that the counter began with", func() {
			for range 3 {
				Expect(c.Increment(ctx, key, 1, cryptomem.TTL(time.Minute))).To(BeNumerically(">", 0))
				w.clock.Add(19 * time.Second)
			}
			w.clock.Add(3 * time.Second)
			Expect(c.Increment(ctx, key, 1, cryptomem.TTL(time.Minute))).To(Equal(int64(1)))
		})

		It("refuses a value that is not a number, and a sum that is too large, and changes nothing", func() {
			Expect(c.Set(ctx, key, []byte("one"))).To(Succeed())
			_, err := c.Increment(ctx, key, 1)
			Expect(err).To(MatchError("value is not a whole number of 64 bits"))
			Expect(c.Set(ctx, key, strconv.AppendInt(nil, math.MaxInt64, 10))).To(Succeed())
			_, err = c.Increment(ctx, key, 1)
			Expect(err).To(MatchError("the sum of 9223372036854775807 and 1 does not fit in 64 bits"))
			Expect(c.Increment(ctx, key, math.MinInt64)).To(Equal(int64(-1)))
			_, err = c.Increment(ctx, "", 1)
			Expect(err).To(MatchError("key is empty"))
		})

		It("gives each of many callers its own sum, in few swaps", func() {
			const goroutines, each = 100, 50
			sums := make(chan int64, goroutines*each)
			var group sync.WaitGroup
			for range goroutines {
				group.Go(func() {
					for range each {
						sum, err := c.Increment(ctx, key, 1)
						if err != nil {
							sum = -1
						}
						sums <- sum
					}
				})
			}
			group.Wait()
			close(sums)
			seen := make(map[int64]bool)
			for sum := range sums {
				Expect(seen[sum]).To(BeFalse())
				seen[sum] = true
				Expect(sum).To(And(BeNumerically(">", 0), BeNumerically("<=", goroutines*each)))
			}
			Expect(c.Get(ctx, key)).To(Equal([]byte(strconv.Itoa(goroutines * each))))
		})

		It("heeds its caller's context alone", func() {
			inside, leave := make(chan bool), make(chan bool)
			go func() {
				_, _ = c.Update(ctx, key, func([]byte, bool) ([]byte, error) {
					close(inside)
					<-leave
					return []byte("10"), nil
				})
			}()
			<-inside // and the batch of the first increments waits
			counted := make(map[string]chan error)
			ending, cancel := context.WithCancel(ctx)
			count := func(name string, ctx context.Context, waiting int) {
				counted[name] = make(chan error, 1)
				go func() { _, err := c.Increment(ctx, key, 1); counted[name] <- err }()
				Eventually(func() int { return c.Counting(key) }).Should(Equal(waiting))
			}
			count("under way", ending, 0)
			count("waiting", ending, 1)
			count("staying", ctx, 2)
			cancel()
			for _, name := range []string{"under way", "waiting"} {
				err := <-counted[name]
				Expect(err).To(MatchError(context.Canceled), name)
				Expect(err).NotTo(MatchError(cryptomem.ErrMaybeApplied), name)
			}
			close(leave)
			Expect(<-counted["staying"]).NotTo(HaveOccurred())
			Expect(c.Get(ctx, key)).To(Equal([]byte("11")))
		})

		It("stops when the client is closed", func() {
			Expect(c.Close()).To(Succeed())
			_, err := c.Increment(ctx, key, 1)
			Expect(err).To(MatchError(cryptomem.ErrClosed))
		})
	})

	It("ignores a missing value if asked to", func() {
		Expect(c.Remove(ctx, key)).To(Succeed())
		Expect(c.Exists(ctx, key)).To(BeFalse())
		Expect(c.Set(ctx, key, nil)).To(Succeed())
		Expect(c.Set(ctx, "other", nil)).To(Succeed())
		Expect(c.Exists(ctx, key)).To(BeTrue())
		removed, err := c.DeleteMany(ctx, []string{key, "nothing", "other", ""})
		Expect(removed).To(Equal(2))
		Expect(err).To(MatchError(`"": key is empty`))
		Expect(c.DeleteMany(ctx, nil)).To(BeZero())
		_, err = c.DeleteMany(ctx, []string{strings.Repeat("k", 70_000)})
		Expect(err).To(MatchError(cryptomem.ErrTooLarge))
		Expect(len(err.Error())).To(BeNumerically("<", 300), "an error names a key, and does not repeat it")
	})

	It("knows its namespace, and that FLUSH is not enabled", func() {
		Expect(c.Namespace()).To(BeEmpty())
		Expect(w.client(cryptomem.WithNamespace("shop")).Namespace()).To(Equal("shop"))
		_, err := newWorld(server.Config{}).client().Flush(ctx, "")
		Expect(err).To(MatchError(cryptomem.ErrFlushDisabled))
	})

	It("takes the largest limit that there is", func() {
		c := newWorld(server.Config{MaxValueSize: 4 << 20}).client(cryptomem.WithMaxValueSize(math.MaxInt))
		Expect(c.Set(ctx, key, make([]byte, 3<<20))).To(Succeed())
		Expect(c.Get(ctx, key)).To(HaveLen(3 << 20))
	})

	It("says of a value that is too large what its seal adds", func() {
		mib := make([]byte, 1<<20)
		Expect(c.Set(ctx, key, mib)).To(MatchError("too large: value is 1048576 bytes, and 1048638 sealed, limit 1048576 (see WithMaxValueSize)"))
		generous := w.client(cryptomem.WithMaxValueSize(8 << 20))
		err := generous.Set(ctx, key, mib)
		Expect(err).To(MatchError(cryptomem.ErrTooLarge))
		Expect(err).To(MatchError("server: value is 1048638 bytes, limit 1048576; that is sealed, the value itself is 1048576"))

		received := w.server.Stats().BytesReceived
		Expect(generous.Set(ctx, key, mib)).To(MatchError(err), "by what the server said before")
		_, err = generous.Update(ctx, key, func([]byte, bool) ([]byte, error) { return mib[1:], nil })
		Expect(err).To(MatchError(cryptomem.ErrTooLarge))
		Expect(generous.Set(ctx, key, mib[sealing.Overhead:])).To(Succeed())
		Expect(w.server.Stats().BytesReceived - received).To(BeNumerically("<", 3<<19))
	})
})

var _ = Describe("A client whose clock is ahead of the server's", func() {
	var (
		w     *world
		ahead *cryptomem.Client
		ctx   = context.Background()
	)
	BeforeEach(func() {
		w = newWorld(server.Config{})
		behind := w.client()
		later := w.laterClock(time.Hour)
		ahead = w.client(cryptomem.WithClock(later))
		Expect(behind.Set(ctx, "k", []byte("old"), cryptomem.TTL(time.Minute))).To(Succeed())
		Expect(behind.TryLock(ctx, "lock", cryptomem.TTL(time.Minute))).NotTo(BeNil())
		Expect(ahead.Exists(ctx, "k")).To(BeFalse())
	})

	It("adds a value although the server still holds one", func() {
		Expect(ahead.Add(ctx, "k", []byte("new"))).To(Succeed())
		Expect(ahead.Get(ctx, "k")).To(Equal([]byte("new")))
		Expect(ahead.Add(ctx, "k", []byte("newer"))).To(MatchError(cryptomem.ErrExists))
	})

	It("updates as if there were no value, at the first attempt", func() {
		calls := 0
		Expect(ahead.Update(ctx, "k", func(value []byte, found bool) ([]byte, error) {
			calls++
			Expect(found).To(BeFalse())
			Expect(value).To(BeEmpty())
			return []byte("new"), nil
		})).To(Equal([]byte("new")))
		Expect(calls).To(Equal(1))
		Expect(ahead.Increment(ctx, "n", 1)).To(Equal(int64(1)))
	})

	It("does not touch the value, and gets its version for a swap", func() {
		Expect(ahead.Touch(ctx, "k")).To(MatchError(cryptomem.ErrNotFound))
		item, err := ahead.GetItem(ctx, "k")
		Expect(err).To(MatchError(cryptomem.ErrExpired))
		Expect(ahead.CompareAndSwap(ctx, "k", []byte("new"), item.Version)).NotTo(BeZero())
		Expect(ahead.Get(ctx, "k")).To(Equal([]byte("new")))
	})

	It("takes a lock, and loads a value", func() {
		Expect(ahead.TryLock(ctx, "lock", cryptomem.TTL(time.Minute))).NotTo(BeNil())
		Expect(ahead.GetOrLoad(ctx, "k", func(context.Context) ([]byte, error) { return []byte("new"), nil })).To(Equal([]byte("new")))
		Expect(ahead.Get(ctx, "k")).To(Equal([]byte("new")))
	})
})
