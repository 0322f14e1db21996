package snapshot_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cache"

	"github.com/Zezezknight/cryptomem/cryptomem/server/snapshot"
)

var _ = Describe("A snapshot of large values", func() {
	const size = 24 << 20
	var (
		clk  *clock.Mock
		path string
	)
	roomy := func() *cache.Cache {
		GinkgoHelper()
		c, err := cache.New(clk, cache.WithMaxMemory(128<<20), cache.WithMaxValueSize(size), cache.WithAccounts())
		Expect(err).NotTo(HaveOccurred())
		return c
	}
	random := func(n int) []byte {
		b := make([]byte, n)
		source := rand.NewChaCha8([32]byte{1})
		_, _ = source.Read(b)
		return b
	}
	BeforeEach(func() {
		clk = clock.NewMock()
		path = filepath.Join(GinkgoT().TempDir(), "cache.snapshot")
	})

	It("brings them back byte for byte, between small ones, and with whose they are", func(ctx context.Context) {
		c := roomy()
		alice, err := c.Account("alice")
		Expect(err).NotTo(HaveOccurred())
		for _, n := range []int{cache.LargeValueSize - 1, cache.LargeValueSize, 128 << 10, 1 << 20, 1<<20 + 1, 5 << 20, size} {
			for owner, store := range map[string]*cache.Cache{"": c, "alice": alice.Cache()} {
				key := append([]byte(owner), byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
				_, err := store.Set(c.Now(), key, random(n), time.Hour)
				Expect(err).NotTo(HaveOccurred())
			}
		}
		_, err = snapshot.Save(ctx, path, c, clk)
		Expect(err).NotTo(HaveOccurred())
		again := roomy()
		_, err = again.Account("alice")
		Expect(err).NotTo(HaveOccurred())
		loaded, err := snapshot.Load(ctx, path, again, clk)
		Expect(err).NotTo(HaveOccurred())
		Expect(loaded.Whole).To(BeTrue())
		Expect(contents(again)).To(Equal(contents(c)))
		found, _ := again.FindAccount("alice")
		Expect(found.Used()).To(Equal(alice.Used()))
	})

	// allocated returns how many bytes of garbage f makes, and keeps.
	allocated := func(f func()) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}

	It("is written and read back in bounded pieces, whatever their size", func(ctx context.Context) {
		c := roomy()
		for _, key := range []string{"a", "b"} {
			_, err := c.Set(c.Now(), []byte(key), random(size), 0)
			Expect(err).NotTo(HaveOccurred())
		}
		Expect(allocated(func() {
			_, err := snapshot.Save(ctx, path, c, clk)
			Expect(err).NotTo(HaveOccurred())
		})).To(BeNumerically("<", 2<<20), "bytes to save")

		file, err := os.Open(path)
		Expect(err).NotTo(HaveOccurred())
		defer file.Close() //nolint:errcheck // it was only read
		info, err := file.Stat()
		Expect(err).NotTo(HaveOccurred())
		Expect(allocated(func() {
			r, err := snapshot.NewReader(file, info.Size())
			Expect(err).NotTo(HaveOccurred())
			read := int64(0)
			summary, err := r.Each(func(it snapshot.Entry) {
				n, err := io.Copy(io.Discard, it.Large)
				Expect(err).NotTo(HaveOccurred())
				read += n
			})
			Expect(err).NotTo(HaveOccurred())
			Expect(summary.Whole).To(BeTrue())
			Expect(read).To(BeEquivalentTo(2 * size))
		})).To(BeNumerically("<", 2<<20), "bytes to read")
	})

	It("loses one that is damaged anywhere, and none beside it", func() {
		var b bytes.Buffer
		w, err := snapshot.NewWriter(&b, time.Unix(1, 0))
		Expect(err).NotTo(HaveOccurred())
		w.Append(snapshot.Entry{Key: []byte("before"), Value: []byte("v")})
		Expect(w.Flush()).To(Succeed())
		begin := b.Len()
		value := random(3 << 20)
		Expect(w.WriteLarge(snapshot.Entry{Key: []byte("large"), Account: []byte("alice")}, [][]byte{value[:1000], value[1000:]})).To(Succeed())
		end := b.Len()
		w.Append(snapshot.Entry{Key: []byte("after"), Value: []byte("v")})
		Expect(w.Close()).To(Succeed())
		read := func(file []byte) (keys []string) {
			GinkgoHelper()
			r, err := snapshot.NewReader(bytes.NewReader(file), int64(len(file)))
			Expect(err).NotTo(HaveOccurred())
			_, err = r.Each(func(it snapshot.Entry) {
				if it.Large != nil {
					got, err := io.ReadAll(it.Large)
					Expect(err).NotTo(HaveOccurred())
					Expect(bytes.Equal(got, value)).To(BeTrue())
					Expect(string(it.Account)).To(Equal("alice"))
				}
				keys = append(keys, string(it.Key))
			})
			Expect(err).NotTo(HaveOccurred())
			return keys
		}
		Expect(read(b.Bytes())).To(Equal([]string{"before", "large", "after"}))
		for _, at := range []int{begin, begin + 17, begin + 25, begin + 31, begin + 32, begin + 35, begin + 48, begin + 60, begin + 1<<20, end - 6, end - 1} {
			damaged := bytes.Clone(b.Bytes())
			damaged[at] ^= 4
			Expect(read(damaged)).To(Equal([]string{"before", "after"}), "byte %d", at)
		}
	})
})
