package snapshot_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cache"

	"github.com/Zezezknight/cryptomem/cryptomem/server/snapshot"
)

func newCache(clk clock.Clock) *cache.Cache {
	GinkgoHelper()
	c, err := cache.New(clk, cache.WithMaxMemory(64<<20))
	Expect(err).NotTo(HaveOccurred())
	return c
}

func put(c *cache.Cache, key, value string, ttl time.Duration) {
	GinkgoHelper()
	_, err := c.Set(c.Now(), []byte(key), []byte(value), ttl)
	Expect(err).NotTo(HaveOccurred())
}

func contents(c *cache.Cache) map[string]string {
	all := make(map[string]string)
	for cursor := uint64(0); ; {
		cursor = c.Scan(c.Now(), cursor, 1<<20, func(it cache.Item) {
			value := append(it.Value, bytes.Join(it.Large, nil)...)
			all[string(it.Key)] = fmt.Sprintf("%.20s %d %v", value, len(value), it.TTL)
			if len(value) > 20 {
				all[string(it.Key)] += fmt.Sprintf(" %08x", crc32.ChecksumIEEE(value))
			}
		})
		if cursor == 0 {
			return all
		}
	}
}

// endsSoon is a context that ends when it was asked that often.
type endsSoon struct {
	context.Context
	asked int
}

func (c *endsSoon) Err() error {
	if c.asked--; c.asked < 0 {
		return context.Canceled
	}
	return nil
}

var _ = Describe("A snapshot", func() {
	var (
		clk  *clock.Mock
		c    *cache.Cache
		path string
	)
	BeforeEach(func() {
		clk = clock.NewMock()
		clk.Set(time.Date(2026, 11, 22, 12, 0, 0, 5, time.UTC))
		c = newCache(clk)
		path = filepath.Join(GinkgoT().TempDir(), "cache.snapshot")
	})

	save := func(ctx context.Context) snapshot.Saved {
		GinkgoHelper()
		saved, err := snapshot.Save(ctx, path, c, clk)
		Expect(err).NotTo(HaveOccurred())
		return saved
	}
	load := func(clk clock.Clock) (*cache.Cache, snapshot.Loaded) {
		GinkgoHelper()
		c := newCache(clk)
		loaded, err := snapshot.Load(context.Background(), path, c, clk)
		Expect(err).NotTo(HaveOccurred())
		return c, loaded
	}

	It("brings every item back with the time it had left", func(ctx context.Context) {
		for i := range 5000 {
			put(c, fmt.Sprint("key-", i), strings.Repeat("v", i), time.Duration(i)*time.Second)
		}
		put(c, "large", strings.Repeat("x", 1<<20), time.Hour)
		put(c, "empty", "", math.MaxInt64/2)
		saved := save(ctx)
		Expect(saved.Items).To(BeEquivalentTo(5002))
		again, loaded := load(clk)
		Expect(loaded.Whole).To(BeTrue())
		Expect(loaded.Stored).To(BeEquivalentTo(5002))
		Expect(loaded.Created).To(BeTemporally("==", clk.Now()))
		Expect(contents(again)).To(Equal(contents(c)))
		info, err := os.Stat(path)
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Size()).To(Equal(saved.Bytes))
		Expect(info.Mode().Perm()).To(Equal(fs.FileMode(0o600)), "keys are nobody else's business")
		Expect(path + ".tmp").NotTo(BeAnExistingFile())
	})

	It("counts the time that the server was down, to the nanosecond", func(ctx context.Context) {
		put(c, "short", "v", time.Minute)
		put(c, "long", "v", time.Minute+1)
		put(c, "forever", "v", 0)
		save(ctx)
		later := clock.NewMock()
		later.Set(clk.Now().Add(time.Minute))
		again, loaded := load(later)
		Expect(loaded.Expired).To(BeEquivalentTo(1))
		Expect(contents(again)).To(Equal(map[string]string{"long": "v 1 1ns", "forever": "v 1 0s"}))
	})

	It("makes no version from before the restart valid for what came after it", func(ctx context.Context) {
		put(c, "k", "seen", 0)
		_, seen, _ := c.GetAppend(c.Now(), nil, []byte("k"))
		put(c, "k", "newer", 0)
		save(ctx)
		later := clock.NewMock()
		later.Set(clk.Now().Add(time.Second))
		again, _ := load(later)
		_, err := again.CompareAndSwap(again.Now(), []byte("k"), []byte("lost update"), 0, seen.Version)
		Expect(err).To(MatchError(cache.ErrExists))
		_, info, _ := again.GetAppend(again.Now(), nil, []byte("k"))
		Expect(info.Version).To(BeNumerically(">", seen.Version), "as a lock's fence has to be")
	})

	It("lengthens no life where the wall clock was set back", func(ctx context.Context) {
		put(c, "k", "v", time.Minute)
		save(ctx)
		earlier := clock.NewMock()
		earlier.Set(clk.Now().Add(-24 * time.Hour))
		again, _ := load(earlier)
		Expect(contents(again)).To(HaveKeyWithValue("k", "v 1 1m0s"))
	})

	It("does not save what has expired", func(ctx context.Context) {
		put(c, "k", "v", time.Minute)
		clk.Add(time.Minute)
		Expect(save(ctx).Items).To(BeZero())
		_, loaded := load(clk)
		Expect(loaded.Whole).To(BeTrue())
	})

	It("stops loading when its context ends", func(ctx context.Context) {
		for i := range 32 {
			put(c, fmt.Sprint(i), strings.Repeat("x", 60<<10), 0)
		}
		save(ctx)
		into, err := cache.New(clk, cache.WithMaxMemory(64<<20))
		Expect(err).NotTo(HaveOccurred())
		loaded, err := snapshot.Load(&endsSoon{Context: ctx, asked: 6}, path, into, clk)
		Expect(err).To(MatchError(context.Canceled))
		Expect(loaded.Stored).To(And(BeNumerically(">", 0), BeNumerically("<", 32)))
	})

	It("says how many items a smaller store refused", func(ctx context.Context) {
		put(c, "small", "v", 0)
		put(c, "large", strings.Repeat("x", 1000), 0)
		save(ctx)
		small, err := cache.New(clk, cache.WithMaxMemory(8<<20), cache.WithMaxValueSize(100))
		Expect(err).NotTo(HaveOccurred())
		loaded, err := snapshot.Load(context.Background(), path, small, clk)
		Expect(err).NotTo(HaveOccurred())
		Expect(loaded.Stored).To(BeEquivalentTo(1))
		Expect(loaded.Refused).To(BeEquivalentTo(1))
	})

	It("puts several items into one block as long as that is small, however large they are", func(ctx context.Context) {
		c, err := cache.New(clk, cache.WithMaxMemory(64<<20), cache.WithMaxValueSize(4<<20))
		Expect(err).NotTo(HaveOccurred())
		for i, size := range []int{10, 100_000, 300_000, 1 << 20, 4 << 20} {
			for j := range 8 {
				put(c, fmt.Sprint(i, "-", j), strings.Repeat("x", size), 0)
			}
		}
		_, err = snapshot.Save(ctx, path, c, clk)
		Expect(err).NotTo(HaveOccurred())
		file, err := os.ReadFile(path)
		Expect(err).NotTo(HaveOccurred())
		for b := file[prefixSize:]; len(b) > 0; {
			items, length := binary.BigEndian.Uint32(b[20:]), binary.BigEndian.Uint32(b[24:])
			if items > 1 {
				Expect(length).To(BeNumerically("<=", 1<<20))
			}
			b = b[blockHeaderSize+length:]
		}
		r, err := snapshot.NewReader(bytes.NewReader(file), int64(len(file)))
		Expect(err).NotTo(HaveOccurred())
		summary, err := r.Each(func(snapshot.Entry) {})
		Expect(err).NotTo(HaveOccurred())
		Expect(summary).To(And(HaveField("Whole", true), HaveField("Items", BeEquivalentTo(40))))
	})

	It("charges items to the accounts that are open, and opens none for its names", func(ctx context.Context) {
		withAccounts := func(names ...string) (*cache.Cache, []*cache.Account) {
			GinkgoHelper()
			c, err := cache.New(clk, cache.WithMaxMemory(64<<20), cache.WithAccounts())
			Expect(err).NotTo(HaveOccurred())
			var opened []*cache.Account
			for _, name := range names {
				account, err := c.Account(name)
				Expect(err).NotTo(HaveOccurred())
				opened = append(opened, account)
			}
			return c, opened
		}
		before, opened := withAccounts("listed", "gone")
		for i, account := range opened {
			put(account.Cache(), fmt.Sprint("key-", i), "value", 0)
		}
		_, err := snapshot.Save(ctx, path, before, clk)
		Expect(err).NotTo(HaveOccurred())
		after, again := withAccounts("listed")
		loaded, err := snapshot.Load(context.Background(), path, after, clk)
		Expect(err).NotTo(HaveOccurred())
		Expect(loaded.Stored).To(BeEquivalentTo(2))
		Expect(again[0].Used()).To(Equal(opened[0].Used()))
		_, ok := after.FindAccount("gone")
		Expect(ok).To(BeFalse())
	})

	It("is not there before the first save", func() {
		_, err := snapshot.Load(context.Background(), path, c, clk)
		Expect(err).To(MatchError(fs.ErrNotExist))
	})

	It("keeps the old file when a save fails or is broken off", func(ctx context.Context) {
		put(c, "old", "v", 0)
		save(ctx)
		for i := range 100 {
			put(c, fmt.Sprint("new-", i), strings.Repeat("x", 64<<10), 0)
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		_, err := snapshot.Save(ended, path, c, clk)
		Expect(err).To(MatchError(context.Canceled))
		Expect(path + ".tmp").NotTo(BeAnExistingFile())
		again, _ := load(clk)
		Expect(contents(again)).To(HaveLen(1))
	})

	It("follows no link that stands where it is being written", func(ctx context.Context) {
		precious := filepath.Join(filepath.Dir(path), "precious")
		Expect(os.WriteFile(precious, []byte("precious"), 0o644)).To(Succeed())
		Expect(os.Symlink(precious, path+".tmp")).To(Succeed())
		save(ctx)
		Expect(os.ReadFile(precious)).To(BeEquivalentTo("precious"))
		info, err := os.Lstat(path)
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Mode()).To(Equal(fs.FileMode(0o600)))
	})

	It("is its owner's alone though a crash left something behind that others may read", func(ctx context.Context) {
		Expect(os.WriteFile(path+".tmp", []byte("half a snapshot"), 0o644)).To(Succeed())
		save(ctx)
		info, err := os.Stat(path)
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Mode().Perm()).To(Equal(fs.FileMode(0o600)))
	})

	It("fails when its directory is missing, and names the file", func(ctx context.Context) {
		path = filepath.Join(filepath.Dir(path), "missing", "cache.snapshot")
		_, err := snapshot.Save(ctx, path, c, clk)
		Expect(err).To(MatchError(fs.ErrNotExist))
		Expect(err).To(MatchError(ContainSubstring(path)))
	})

	It("is refused where something else than a snapshot stands", func() {
		for _, text := range []string{"CMSNAP", strings.Repeat("no snapshot at all, but long enough ", 10)} {
			Expect(os.WriteFile(path, []byte(text), 0o600)).To(Succeed())
			_, err := snapshot.Load(context.Background(), path, c, clk)
			Expect(err).To(MatchError(snapshot.ErrNotSnapshot), text)
		}
		_, err := snapshot.Load(context.Background(), filepath.Dir(path), c, clk)
		Expect(err).To(MatchError(fs.ErrInvalid))
	})
})

var _ = Describe("A keeper", func() {
	var (
		clk   *clock.Mock
		c     *cache.Cache
		path  string
		saves chan error
		k     *snapshot.Keeper
	)
	keep := func(interval time.Duration) {
		k = snapshot.NewKeeper(path, interval, c, clk, func(_ snapshot.Saved, err error) { saves <- err })
		k.Start()
	}
	BeforeEach(func() {
		clk = clock.NewMock()
		c = newCache(clk)
		path = filepath.Join(GinkgoT().TempDir(), "cache.snapshot")
		saves = make(chan error, 10)
	})

	It("saves on its schedule and once more at its end", func(ctx context.Context) {
		keep(time.Minute)
		put(c, "a", "1", 0)
		clk.Add(time.Minute)
		Eventually(saves, time.Minute).Should(Receive(BeNil()))
		Expect(k.Status().Items).To(BeEquivalentTo(1))
		put(c, "b", "2", 0)
		Expect(k.Close(ctx)).To(Succeed())
		again := newCache(clk)
		_, err := snapshot.Load(context.Background(), path, again, clk)
		Expect(err).NotTo(HaveOccurred())
		Expect(contents(again)).To(HaveLen(2))
		Expect(k.Status().Saves).To(BeEquivalentTo(2))
		Expect(k.Status().Saved).To(BeTemporally("==", clk.Now()))
	})

	It("saves only at its end without a schedule", func(ctx context.Context) {
		keep(0)
		clk.Add(time.Hour)
		Expect(path).NotTo(BeAnExistingFile())
		Expect(k.Close(ctx)).To(Succeed())
		Expect(path).To(BeAnExistingFile())
	})

	It("does not call it a failure when its end breaks a save off", func(ctx context.Context) {
		for i := range 20_000 {
			put(c, fmt.Sprint("key-", i), strings.Repeat("x", 1000), 0)
		}
		keep(time.Minute)
		clk.Add(time.Minute)
		Expect(k.Close(ctx)).To(Succeed())
		close(saves)
		for err := range saves {
			Expect(err).NotTo(HaveOccurred())
		}
		Expect(k.Status().Failures).To(BeZero())
		Expect(k.Status().Items).To(BeEquivalentTo(20_000))
	})

	It("loses no more than what is near the damage", func(ctx context.Context) {
		for i := range 1000 {
			_, err := c.Set(c.Now(), fmt.Append(nil, "key-", i), make([]byte, 200), 0)
			Expect(err).NotTo(HaveOccurred())
		}
		_, err := snapshot.Save(ctx, path, c, clk)
		Expect(err).NotTo(HaveOccurred())
		file, err := os.ReadFile(path)
		Expect(err).NotTo(HaveOccurred())
		file[len(file)/2] ^= 1
		Expect(os.WriteFile(path, file, 0o600)).To(Succeed())
		loaded, err := snapshot.Load(ctx, path, newCache(clk), clk)
		Expect(err).NotTo(HaveOccurred())
		Expect(loaded.Whole).To(BeFalse())
		Expect(loaded.Lost).To(BeNumerically("<", 64<<10))
		Expect(loaded.Stored).To(BeNumerically(">", 700))
	})

	It("tells of a failure and goes on", func() {
		path = filepath.Join(path, "missing")
		keep(time.Minute)
		clk.Add(time.Minute)
		Eventually(saves, time.Minute).Should(Receive(MatchError(fs.ErrNotExist)))
		Expect(k.Status().Failures).To(BeEquivalentTo(1))
		Expect(k.Status().Error).To(ContainSubstring("no such file"))
		Expect(os.Mkdir(filepath.Dir(path), 0o700)).To(Succeed())
		clk.Add(time.Minute)
		Eventually(saves, time.Minute).Should(Receive(BeNil()))
		Expect(k.Status().Error).To(BeEmpty())
		Expect(k.Close(context.Background())).To(Succeed())
	})
})
