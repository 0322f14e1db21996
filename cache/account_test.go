package cache_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cache"
)

var _ = Describe("An account", func() {
	var c *cache.Cache
	var alice, bob *cache.Account
	key := []byte("key")
	// cost returns what an item with a value of that size is charged.
	cost := func(size int) int64 { return int64(cache.ItemOverhead + len(key) + size) }
	start := func(opts ...cache.Option) {
		GinkgoHelper()
		var err error
		c, err = cache.New(clock.NewMock(), append(opts, cache.WithAccounts())...)
		Expect(err).NotTo(HaveOccurred())
		alice, err = c.Account("alice")
		Expect(err).NotTo(HaveOccurred())
		bob, err = c.Account("bob")
		Expect(err).NotTo(HaveOccurred())
	}
	set := func(a *cache.Account, size int) error {
		_, err := a.Cache().Set(1, key, make([]byte, size), time.Minute)
		return err
	}
	BeforeEach(func() { start(cache.WithMaxMemory(16 << 20)) })
	AfterEach(func() { Expect(c.Check()).To(Succeed()) })

	// account opens one without the cost of an Expect, for specs that open many.
	account := func(name string) *cache.Account {
		GinkgoHelper()
		a, err := c.Account(name)
		if err != nil {
			Fail(err.Error())
		}
		return a
	}

	It("is the same each time it is asked for", func() {
		again, err := c.Account("alice")
		Expect(err).NotTo(HaveOccurred())
		Expect(again).To(BeIdenticalTo(alice))
		Expect(again.Name()).To(Equal("alice"))
		Expect(again.Cache().Account("bob")).To(BeIdenticalTo(bob))
	})

	It("is found by its name once it is open, and asking opens none", func() {
		found, ok := c.FindAccount("alice")
		Expect(ok).To(BeTrue())
		Expect(found).To(BeIdenticalTo(alice))
		strangers := 0
		for i := range 1 << 16 {
			if _, ok = c.FindAccount(fmt.Sprint("stranger ", i)); ok {
				strangers++
			}
		}
		Expect(strangers).To(BeZero())
		_, err := c.Account("carol")
		Expect(err).NotTo(HaveOccurred(), "there is room for more accounts")
		bare, err := cache.New(clock.NewMock())
		Expect(err).NotTo(HaveOccurred())
		_, ok = bare.FindAccount("alice")
		Expect(ok).To(BeFalse())
	})

	DescribeTable("counts keys, values and the overhead of items, whatever their size", func(size int) {
		Expect(set(alice, size)).To(Succeed())
		Expect(alice.Used()).To(Equal(cost(size)))
		Expect(bob.Used()).To(BeZero())
	}, Entry(nil, 0), Entry(nil, 64), Entry(nil, cache.LargeValueSize), Entry(nil, 200_000))

	It("holds an item that fits to the byte, and refuses one that is a byte longer", func() {
		alice.SetLimit(cost(100))
		Expect(set(alice, 101)).To(MatchError(cache.ErrAccountFull))
		Expect(set(alice, 101)).To(MatchError("account limit reached: alice would use 128 bytes, limit 127"))
		Expect(alice.Used()).To(BeZero())
		Expect(alice.Refused()).To(BeEquivalentTo(2))
		Expect(set(alice, 100)).To(Succeed())
		Expect(set(bob, 101)).To(Succeed(), "bob has no limit")
	})

	It("lets its items be replaced at the limit by others that are no larger", func() {
		alice.SetLimit(cost(100))
		Expect(set(alice, 100)).To(Succeed())
		Expect(set(alice, 100)).To(Succeed())
		Expect(set(alice, 101)).To(MatchError(cache.ErrAccountFull))
		value, _, ok := c.GetAppend(1, nil, key)
		Expect(ok).To(BeTrue())
		Expect(value).To(HaveLen(100), "the older item is as it was")
		Expect(set(alice, 99)).To(Succeed())
		Expect(alice.Used()).To(Equal(cost(99)))
	})

	It("lets items shrink when its limit has come to lie below what it uses, and no more come", func() {
		Expect(set(alice, 100)).To(Succeed())
		alice.SetLimit(50)
		Expect(set(alice, 100)).To(Succeed())
		Expect(set(alice, 80)).To(Succeed())
		Expect(set(alice, 81)).To(MatchError(cache.ErrAccountFull))
		_, err := alice.Cache().Set(1, []byte("k2"), nil, 0)
		Expect(err).To(MatchError(cache.ErrAccountFull))
		alice.SetLimit(0)
		Expect(set(alice, 1000)).To(Succeed())
	})

	It("pays for an item until another account stores it anew", func() {
		Expect(set(alice, 100)).To(Succeed())
		_, err := bob.Cache().Touch(1, key, 48*time.Hour)
		Expect(err).NotTo(HaveOccurred())
		Expect(alice.Used()).To(Equal(cost(100)))
		Expect(set(bob, 100)).To(Succeed())
		Expect(alice.Used()).To(BeZero())
		Expect(bob.Used()).To(Equal(cost(100)))
		_, err = c.Set(1, key, make([]byte, 100), time.Minute)
		Expect(err).NotTo(HaveOccurred())
		Expect(bob.Used()).To(BeZero(), "no account pays for it now")
	})

	It("pays for an uploaded value once it is stored", func() {
		const small = int64(cache.ItemOverhead + len("small"))
		value := make([]byte, 100_000)
		upload := func() (err error) {
			GinkgoHelper()
			st, err := alice.Cache().BeginUpload(key, len(value))
			if err != nil {
				return err
			}
			defer st.Release()
			for st.Missing() > 0 {
				b, err := st.Buffer()
				Expect(err).NotTo(HaveOccurred())
				st.Advance(copy(b, value))
			}
			Expect(alice.Used()).To(Equal(small))
			_, err = st.Set(1, 0)
			return err
		}
		_, err := alice.Cache().Set(1, []byte("small"), nil, 0)
		Expect(err).NotTo(HaveOccurred())
		alice.SetLimit(small + cost(len(value)) - 1)
		Expect(upload()).To(MatchError(cache.ErrAccountFull))
		Expect(alice.Used()).To(Equal(small))
		alice.SetLimit(small + cost(len(value)))
		Expect(upload()).To(Succeed())
		Expect(alice.Used()).To(Equal(alice.Limit()))
	})

	It("pays no more for a large value that is gone, though a reader still holds it", func() {
		Expect(set(alice, 100_000)).To(Succeed())
		_, ref, _, ok := c.GetRef(1, nil, key)
		Expect(ok).To(BeTrue())
		_, err := c.Touch(1, key, 48*time.Hour)
		Expect(err).NotTo(HaveOccurred())
		Expect(alice.Used()).To(Equal(cost(100_000)), "it is the same value")
		Expect(set(alice, 10)).To(Succeed())
		Expect(alice.Used()).To(Equal(cost(10)))
		Expect(c.Check()).To(Succeed())
		ref.Release()
		Expect(alice.Used()).To(Equal(cost(10)))
	})

	It("uploads no more at once than its limit allows", func() {
		const size = 200_000
		alice.SetLimit(2*size + 1000)
		upload := func() (*cache.Upload, error) {
			GinkgoHelper()
			st, err := alice.Cache().BeginUpload(key, size)
			Expect(err).NotTo(HaveOccurred())
			for st.Missing() > 0 {
				b, err := st.Buffer()
				if err != nil {
					return st, err
				}
				st.Advance(len(b))
			}
			return st, nil
		}
		first, err := upload()
		Expect(err).NotTo(HaveOccurred())
		second, err := upload()
		Expect(err).NotTo(HaveOccurred())
		third, err := upload()
		Expect(err).To(MatchError(cache.ErrAccountFull))
		third.Release()
		_, err = second.Set(1, 0)
		Expect(err).NotTo(HaveOccurred())
		second.Release()
		third, err = upload()
		Expect(err).NotTo(HaveOccurred(), "what is stored is no longer an upload")
		third.Release()
		first.Release()
		Expect(alice.Used()).To(Equal(cost(size)))
		_, err = alice.Cache().BeginUpload(key, 2*size+1001)
		Expect(err).To(MatchError(cache.ErrAccountFull), "which could never be stored")
	})

	It("bears what it uploads until that is released, and once only", func() {
		const size = 200_000
		alice.SetLimit(cost(size))
		begin := func() *cache.Upload {
			GinkgoHelper()
			st, err := alice.Cache().BeginUpload(key, size)
			Expect(err).NotTo(HaveOccurred())
			return st
		}
		fill := func(st *cache.Upload) {
			GinkgoHelper()
			for st.Missing() > 0 {
				b, err := st.Buffer()
				Expect(err).NotTo(HaveOccurred())
				st.Advance(len(b))
			}
		}
		first := begin()
		fill(first)
		first.Release()
		first.Release()
		second, third := begin(), begin()
		fill(second)
		Expect(third.Buffer()).Error().To(MatchError(fmt.Sprintf(
			"account limit reached: alice would have %d bytes on their way, limit %d", size+32<<10, cost(size))))
		third.Release()
		second.Release()
	})

	It("uploads what fits to the byte, in a new item's place or an old one's, and no byte more", func() {
		const size = 200_000
		begin := func(size int) error {
			st, err := alice.Cache().BeginUpload(key, size)
			if err == nil {
				st.Release()
			}
			return err
		}
		full := func(use int64) string {
			return fmt.Sprintf("account limit reached: alice would use %d bytes, limit %d", use, cost(size))
		}
		alice.SetLimit(cost(size))
		Expect(begin(size)).To(Succeed())
		Expect(begin(size + 1)).To(MatchError(full(cost(size + 1))))
		Expect(set(alice, size-1)).To(Succeed())
		Expect(begin(size)).To(Succeed())
		Expect(begin(size + 1)).To(MatchError(full(cost(size + 1))))
		Expect(alice.Refused()).To(BeEquivalentTo(2))
	})

	DescribeTable("gets back what an item used when it goes", func(remove func()) {
		Expect(set(alice, 100)).To(Succeed())
		remove()
		Expect(alice.Used()).To(BeZero())
	},
		Entry("deleted", func() { c.Delete(1, key) }),
		Entry("read and deleted", func() { c.GetDelete(1, nil, key) }),
		Entry("flushed", func() { c.Flush(1, nil) }),
		Entry("expired", func() { c.Sweep(int64(2*time.Minute), 1000) }),
	)

	It("gets back what was evicted", func() {
		start(cache.WithMaxMemory(1<<20), cache.WithShards(1))
		for i := range 20_000 {
			_, err := alice.Cache().Set(1, fmt.Appendf(nil, "%06d", i), make([]byte, 100), 0)
			Expect(err).NotTo(HaveOccurred())
		}
		st := c.Stats()
		Expect(st.Evicted).To(BeNumerically(">", 0))
		Expect(alice.Used()).To(BeEquivalentTo(st.Items * (cache.ItemOverhead + 6 + 100)))
	})

	It("pays nothing for a write that the full cache refuses", func() {
		start(cache.WithMaxMemory(1<<20), cache.WithShards(1), cache.WithEviction(cache.EvictNone))
		var err error
		for i := 0; err == nil; i++ {
			_, err = alice.Cache().Set(1, fmt.Appendf(nil, "%06d", i), make([]byte, 1000), time.Hour)
		}
		Expect(err).To(MatchError(cache.ErrFull))
		used := alice.Used()
		Expect(set(alice, 1000)).To(MatchError(cache.ErrFull))
		for i := range 64 { // each into a bucket of its own
			_, err = alice.Cache().Touch(1, []byte("000000"), time.Duration(1+i)*7*time.Hour)
			if err != nil {
				break
			}
		}
		Expect(err).To(MatchError(cache.ErrFull))
		Expect(alice.Used()).To(Equal(used))
	})

	It("is never over its limit, however many write at once", func() {
		const limit = 100_000
		alice.SetLimit(limit)
		var writers sync.WaitGroup
		for w := range 4 {
			writers.Go(func() {
				for i := range 2_000 {
					_, _ = alice.Cache().Set(1, fmt.Appendf(nil, "%d/%04d", w, i), bytes.Repeat([]byte{'v'}, i%300), 0)
				}
			})
		}
		writers.Wait()
		Expect(alice.Used()).To(And(BeNumerically("<=", limit), BeNumerically(">", limit-cache.ItemOverhead-400)))
	})

	It("is named in the items that Scan visits", func() {
		Expect(set(bob, 10)).To(Succeed())
		_, err := c.Set(1, []byte("other"), nil, 0)
		Expect(err).NotTo(HaveOccurred())
		of := map[string]string{}
		for cursor := c.Scan(1, 0, 1<<20, func(it cache.Item) { of[string(it.Key)] = it.Account }); cursor != 0; {
			cursor = c.Scan(1, cursor, 1<<20, func(it cache.Item) { of[string(it.Key)] = it.Account })
		}
		Expect(of).To(Equal(map[string]string{"key": "bob", "other": ""}))
	})

	It("cannot be opened in a cache made without accounts, or under an invalid name", func() {
		plain, err := cache.New(clock.NewMock(), cache.WithMaxMemory(16<<20))
		Expect(err).NotTo(HaveOccurred())
		_, err = plain.Account("alice")
		Expect(err).To(MatchError(cache.ErrNoAccounts))
		_, err = c.Account("")
		Expect(err).To(MatchError(cache.ErrAccountName))
		_, err = c.Account(strings.Repeat("x", 256))
		Expect(err).To(MatchError("account name is empty or too long: 256 bytes, limit 255"))
	})

	It("leaves its entry to another when it is closed and its items are gone", func() {
		for i := range 70_000 { // more than the table has entries
			if err := account(fmt.Sprint("passing ", i)).Close(); err != nil {
				Fail(err.Error())
			}
		}
		Expect(set(alice, 10)).To(Succeed())
		for i := range 65_533 {
			a := account(fmt.Sprint(i))
			if i < 10 {
				_, err := a.Cache().Set(1, fmt.Append(nil, i), nil, 0)
				Expect(err).NotTo(HaveOccurred())
				Expect(a.Close()).To(Succeed())
			}
		}
		_, err := c.Account("carol")
		Expect(err).To(MatchError(cache.ErrTooManyAccounts), "those that are closed have items")
		Expect(c.Delete(1, []byte("7"))).To(BeTrue())
		carol, err := c.Account("carol")
		Expect(err).NotTo(HaveOccurred())
		Expect(carol.Used()).To(BeZero())
		Expect(set(carol, 20)).To(Succeed())
		Expect(carol.Used()).To(Equal(cost(20)))
		Expect(alice.Used()).To(BeZero())
	})

	It("is as it was when it is opened again before its items are gone", func() {
		alice.SetLimit(cost(10))
		Expect(set(alice, 10)).To(Succeed())
		Expect(alice.Close()).To(Succeed())
		_, open := c.FindAccount("alice")
		Expect(open).To(BeFalse())
		again, err := c.Account("alice")
		Expect(err).NotTo(HaveOccurred())
		Expect(again).To(BeIdenticalTo(alice))
		Expect(again.Used()).To(Equal(cost(10)))
	})

	It("takes no write any more once it is closed and gone", func() {
		Expect(alice.Close()).To(Succeed())
		Expect(alice.Close()).To(Succeed())
		Expect(set(alice, 10)).To(MatchError(cache.ErrAccountClosed))
		Expect(set(alice, 100_000)).To(MatchError(cache.ErrAccountClosed))
		again, err := c.Account("alice")
		Expect(err).NotTo(HaveOccurred())
		Expect(set(again, 10)).To(Succeed())
		Expect(alice.Close()).To(Succeed(), "closing it again leaves the new one open")
		Expect(set(again, 10)).To(Succeed())
	})

	It("is retired, and its entry given to others, safely while others still write through it", func() {
		var writers sync.WaitGroup
		for w := range 4 {
			writers.Go(func() {
				for i := range 500 {
					a, err := c.Account(fmt.Sprint("short-lived ", i%8))
					if err != nil {
						continue
					}
					_, _ = a.Cache().Set(1, fmt.Appendf(nil, "%d/%d", w, i), make([]byte, i%40_000), 0)
					c.Delete(1, fmt.Appendf(nil, "%d/%d", w, i))
					_ = a.Close()
				}
			})
		}
		writers.Wait()
		Expect(c.Check()).To(Succeed())
	})

	It("is one of 65,535 at the most", func() {
		for i := range 65_533 {
			account(fmt.Sprint(i))
		}
		_, err := c.Account("one more")
		Expect(err).To(MatchError("too many accounts: limit 65535"))
		last, err := c.Account("65532")
		Expect(err).NotTo(HaveOccurred())
		Expect(set(last, 10)).To(Succeed())
		Expect(last.Used()).To(Equal(cost(10)))
	})
})
