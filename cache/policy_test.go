package cache_test

import (
	"bufio"
	"compress/gzip"
	"container/list"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cache"
)

// A trace is the objects asked for, in order. As a file it is text, gzipped if
// its name ends in .gz: one object's name a line; empty lines and lines that
// start with # do not count.

// readTrace reads a trace file and numbers its objects.
func readTrace(name string) (trace []int, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return nil, err
		}
	}
	ids := map[string]int{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		name := strings.TrimSpace(lines.Text())
		if name == "" || name[0] == '#' {
			continue
		}
		id, ok := ids[name]
		if !ok {
			id = len(ids)
			ids[name] = id
		}
		trace = append(trace, id)
	}
	return trace, lines.Err()
}

// generateTrace mixes what caches meet: popular objects, a working set that
// drifts, and scans of objects asked for once.
func generateTrace(requests int) (trace []int) {
	r := rand.New(rand.NewPCG(11, 11))
	zipf := rand.NewZipf(r, 1.1, 8, 20_000)
	scan := 1_000_000
	for len(trace) < requests {
		switch x := r.IntN(100); {
		case x < 60:
			trace = append(trace, int(zipf.Uint64()))
		case x < 99:
			trace = append(trace, 100_000+len(trace)/20+r.IntN(3000))
		default:
			for range 40 {
				trace = append(trace, scan)
				scan++
			}
		}
	}
	return trace
}

func unique(trace []int) int {
	seen := map[int]bool{}
	for _, id := range trace {
		seen[id] = true
	}
	return len(seen)
}

// policy is asked for objects, and tells whether it had them; it then has them.
type policy interface{ access(id int) bool }

func hitRatio(p policy, trace []int) float64 {
	hits := 0
	for _, id := range trace {
		if p.access(id) {
			hits++
		}
	}
	return float64(hits) / float64(len(trace))
}

type lru struct {
	size  int
	order *list.List
	at    map[int]*list.Element
}

func newLRU(size int) *lru { return &lru{size, list.New(), map[int]*list.Element{}} }

func (p *lru) access(id int) bool {
	if e, ok := p.at[id]; ok {
		p.order.MoveToFront(e)
		return true
	}
	if len(p.at) >= p.size {
		e := p.order.Back()
		delete(p.at, p.order.Remove(e).(int))
	}
	p.at[id] = p.order.PushFront(id)
	return false
}

// s3fifo is the policy object by object. One read is enough to leave the small
// queue: on the traces here that hits more than the two of the paper.
type s3fifo struct {
	size               int
	small, main, ghost []int
	use                map[int]int // of objects held
	inSmall, inGhost   map[int]bool
}

func newS3FIFO(size int) *s3fifo {
	return &s3fifo{size: size, use: map[int]int{}, inSmall: map[int]bool{}, inGhost: map[int]bool{}}
}

func (p *s3fifo) access(id int) bool {
	if n, ok := p.use[id]; ok {
		p.use[id] = min(n+1, 3)
		return true
	}
	for len(p.use) >= p.size {
		p.evict()
	}
	p.use[id] = 0
	if p.inGhost[id] {
		p.main = append(p.main, id)
	} else {
		p.small, p.inSmall[id] = append(p.small, id), true
	}
	return false
}

func (p *s3fifo) evict() {
	if len(p.small) > 0 && (len(p.small) >= max(p.size/10, 1) || len(p.main) == 0) {
		id := p.small[0]
		p.small = p.small[1:]
		delete(p.inSmall, id)
		if p.use[id] > 0 {
			p.use[id] = 0
			p.main = append(p.main, id)
			return
		}
		delete(p.use, id)
		p.ghost, p.inGhost[id] = append(p.ghost, id), true
		if len(p.ghost) > p.size*9/10 {
			delete(p.inGhost, p.ghost[0])
			p.ghost = p.ghost[1:]
		}
		return
	}
	id := p.main[0]
	p.main = p.main[1:]
	if p.use[id] > 0 {
		p.use[id]--
		p.main = append(p.main, id)
		return
	}
	delete(p.use, id)
}

// store is the cache itself, with objects of 4 KiB less what a record needs.
type store struct {
	c     *cache.Cache
	value []byte
	// held is the most items that were held at once.
	held, requests uint64
}

const objectSize = 4000

func newStore(memory int64, shards int) *store {
	c, err := cache.New(clock.NewMock(), cache.WithMaxMemory(memory), cache.WithShards(shards))
	Expect(err).NotTo(HaveOccurred())
	return &store{c: c, value: make([]byte, objectSize)}
}

func (p *store) access(id int) bool {
	key := binary.BigEndian.AppendUint64(nil, uint64(id))
	_, _, ok := p.c.GetAppend(1, nil, key)
	if !ok {
		_, err := p.c.Set(1, key, p.value, 0)
		Expect(err).NotTo(HaveOccurred())
	}
	if p.requests++; p.requests%64 == 0 {
		p.held = max(p.held, p.c.Stats().Items)
	}
	return ok
}

// storeRatio replays the trace on a store whose memory holds at most size objects,
// and returns the hit ratio and how many it held.
func storeRatio(trace []int, size, shards int) (ratio float64, held int) {
	memory := int64(size) * (objectSize + 64)
	for range 4 { // find the memory limit under which that many fit
		memory = max(memory, cache.MinMemory)
		p := newStore(memory, shards)
		ratio, held = hitRatio(p, trace), int(p.held)
		if held <= size && held >= size-max(size/50, 3) {
			break
		}
		memory += int64(size-held) * (objectSize + 64)
	}
	return ratio, held
}

// compare prints a line per cache size and returns the mean of each policy.
func compare(trace []int, shards int, percents ...int) (means map[string]float64) {
	means = map[string]float64{}
	objects := unique(trace)
	GinkgoWriter.Printf("%d requests, %d objects, %d shards\n%8s %8s %8s %8s %8s\n", len(trace), objects, shards, "size", "held", "lru", "s3-fifo", "store")
	for _, percent := range percents {
		size := objects * percent / 100
		l, s := hitRatio(newLRU(size), trace), hitRatio(newS3FIFO(size), trace)
		c, held := storeRatio(trace, size, shards)
		GinkgoWriter.Printf("%7d%% %8d %8.3f %8.3f %8.3f\n", percent, held, l, s, c)
		means["lru"] += l / float64(len(percents))
		means["s3fifo"] += s / float64(len(percents))
		means["store"] += c / float64(len(percents))
	}
	GinkgoWriter.Printf("%8s %8s %8.3f %8.3f %8.3f\n", "mean", "", means["lru"], means["s3fifo"], means["store"])
	return means
}

var _ = Describe("Eviction", func() {
	It("hits about as often as S3-FIFO by objects, and more often than LRU", func() {
		means := compare(generateTrace(30_000), 1, 10)
		Expect(means["store"]).To(BeNumerically(">=", means["lru"]))
		Expect(means["store"]).To(BeNumerically(">=", means["s3fifo"]-0.01))
	})

	// CRYPTOMEM_TRACE=trace.txt.gz go test ./cache -v -ginkgo.v -ginkgo.focus 'trace of one'
	It("hits about as often on a trace of one's own", func() {
		name := os.Getenv("CRYPTOMEM_TRACE")
		if name == "" {
			Skip("CRYPTOMEM_TRACE names no trace file")
		}
		trace, err := readTrace(name)
		Expect(err).NotTo(HaveOccurred())
		for _, shards := range []int{1, 4} {
			means := compare(trace, shards, 1, 5, 10, 20, 40)
			Expect(means["store"]).To(BeNumerically(">=", means["lru"]))
		}
	})

	It("prefers what is read over what is only written", func() {
		c, _ := newCache(cache.WithMaxMemory(2<<20), cache.WithShards(1))
		for i := range 1000 {
			_, err := c.Set(c.Now(), numbered(i), make([]byte, 500), 0)
			Expect(err).NotTo(HaveOccurred())
		}
		for i := range 20_000 {
			_, err := c.Set(c.Now(), numbered(1000+i), make([]byte, 500), 0)
			Expect(err).NotTo(HaveOccurred())
			c.GetAppend(c.Now(), nil, numbered(i%1000))
		}
		kept := 0
		for i := range 1000 {
			if _, _, ok := c.GetAppend(c.Now(), nil, numbered(i)); ok {
				kept++
			}
		}
		Expect(kept).To(BeNumerically(">", 950))
	})

	It("prefers what is written again in its place over what is written once", func() {
		c, _ := newCache(cache.WithMaxMemory(2<<20), cache.WithShards(1))
		set := func(i int) {
			GinkgoHelper()
			_, err := c.Set(c.Now(), numbered(i), make([]byte, 500), 0)
			Expect(err).NotTo(HaveOccurred())
		}
		for i := range 1000 {
			set(i)
		}
		moved := c.Stats().MovedBytes
		for i := range 1000 {
			set(i)
		}
		Expect(c.Stats().MovedBytes).To(Equal(moved), "nothing had to make room for it")
		for i := range 4000 {
			set(1000 + i)
		}
		kept := 0
		for i := range 1000 {
			if _, _, ok := c.GetAppend(c.Now(), nil, numbered(i)); ok {
				kept++
			}
		}
		Expect(kept).To(BeNumerically(">", 950))
	})
})
