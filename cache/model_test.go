package cache_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cache"
)

// modelItem is what a plain map says about an item.
type modelItem struct {
	value   []byte
	expiry  int64 // 0 for never
	version uint64
	account string
}

// model runs operations on a cache and on a plain map, and reports the first
// difference. Operations are read from a script of bytes, so that a fuzzer can
// write it.
type model struct {
	c        *cache.Cache
	now      int64
	items    map[string]modelItem
	versions map[string]uint64 // the highest seen of each key
	refs     []heldRef
	script   []byte
	serial   uint64
	accounts []*cache.Account // if any: writes are charged to one of them, or to none
	account  string           // that the latest write was charged to
}

type heldRef struct {
	ref  cache.Ref
	want []byte
}

var (
	modelSizes = []int{0, 1, 64, 64, 64, 65, 300, 1000, 4096, cache.LargeValueSize - 1, cache.LargeValueSize, 140_000}
	modelTTLs  = []time.Duration{
		0, 0, 1, time.Millisecond, time.Second, 3 * time.Second, time.Minute, time.Minute,
		time.Hour, 24 * time.Hour, 400 * 24 * time.Hour, math.MaxInt64,
	}
	modelSteps = []time.Duration{1, time.Microsecond, time.Millisecond, time.Second, 10 * time.Second, time.Minute, time.Hour, 36 * time.Hour}
)

func newModel(script []byte, opts ...cache.Option) (*model, error) {
	c, err := cache.New(clock.NewMock(), opts...)
	return &model{c: c, now: 1, items: map[string]modelItem{}, versions: map[string]uint64{}, script: script}, err
}

// open charges writes to accounts with these limits, in bytes.
func (m *model) open(limits ...int64) error {
	for i, limit := range limits {
		a, err := m.c.Account(fmt.Sprint("account-", i))
		if err != nil {
			return err
		}
		a.SetLimit(limit)
		m.accounts = append(m.accounts, a)
	}
	return nil
}

// writer returns the cache to write to.
func (m *model) writer() *cache.Cache {
	if len(m.accounts) == 0 {
		return m.c
	}
	if i := m.next(len(m.accounts) + 1); i < len(m.accounts) {
		m.account = m.accounts[i].Name()
		return m.accounts[i].Cache()
	}
	m.account = ""
	return m.c
}

// next draws a number below n from the script.
func (m *model) next(n int) int {
	if len(m.script) == 0 {
		return 0
	}
	b := m.script[0]
	m.script = m.script[1:]
	return int(b) % n
}

func (m *model) key() []byte {
	n := m.next(256)
	if n == 255 {
		return bytes.Repeat([]byte{'L'}, cache.MaxKeySize)
	}
	return fmt.Appendf(nil, "%d/%0*d", n%7, 1+n%40, n)
}

func (m *model) value() []byte {
	m.serial++
	v := make([]byte, modelSizes[m.next(len(modelSizes))])
	for i := range v {
		v[i] = byte(m.serial) + byte(i*7)
	}
	return v
}

// visible returns the model's item.
func (m *model) visible(key []byte) (modelItem, bool) {
	it, ok := m.items[string(key)]
	return it, ok && (it.expiry == 0 || m.now < it.expiry)
}

// missed forgets an item that the cache does not have, if it may have evicted
// it.
func (m *model) missed(key []byte) error {
	if m.c.Stats().Evicted == 0 {
		return fmt.Errorf("%.20q is lost", key)
	}
	delete(m.items, string(key))
	return nil
}

// wrote checks a write's result against what the model expects of it, and
// applies it.
func (m *model) wrote(key, value []byte, ttl time.Duration, version uint64, err, want error) error {
	if errors.Is(err, cache.ErrFull) {
		return nil
	}
	if errors.Is(err, cache.ErrAccountFull) {
		return m.refused(key, len(value))
	}
	if want == nil && errors.Is(err, cache.ErrNotFound) || errors.Is(want, cache.ErrExists) && (err == nil || errors.Is(err, cache.ErrNotFound)) {
		if e := m.missed(key); e != nil {
			return e
		}
		if err != nil {
			return nil
		}
		want = nil
	}
	if !errors.Is(err, want) {
		return fmt.Errorf("write of %.20q: %w, want %w", key, err, want)
	}
	if err != nil {
		return nil
	}
	if version <= m.versions[string(key)] {
		return fmt.Errorf("%.20q: version %d after %d", key, version, m.versions[string(key)])
	}
	it := modelItem{value: value, version: version, account: m.account}
	if ttl != 0 && int64(ttl) <= math.MaxInt64-m.now {
		it.expiry = m.now + int64(ttl)
	}
	m.items[string(key)] = it
	m.versions[string(key)] = version
	return nil
}

// refused checks that the account which the latest write would have been charged
// to had indeed no room for it.
func (m *model) refused(key []byte, size int) error {
	for _, a := range m.accounts {
		if a.Name() != m.account {
			continue
		}
		after := a.Used() + int64(cache.ItemOverhead+len(key)+size)
		if it, ok := m.visible(key); ok && it.account == m.account && m.c.Stats().Evicted == 0 {
			after -= int64(cache.ItemOverhead + len(key) + len(it.value)) // which would be replaced
		}
		if a.Limit() > 0 && after > a.Limit() {
			return nil
		}
		return fmt.Errorf("%.20q of %d bytes was refused, %s would use %d, limit %d", key, size, m.account, after, a.Limit())
	}
	return fmt.Errorf("%.20q of %d bytes was refused, and no account would be charged", key, size)
}

// read checks what a read returned.
func (m *model) read(key, got []byte, ok bool) error {
	it, want := m.visible(key)
	switch {
	case ok && !want:
		return fmt.Errorf("%.20q is visible, and should not be", key)
	case !ok && want:
		return m.missed(key)
	case ok && !bytes.Equal(got, it.value):
		return fmt.Errorf("%.20q has %d bytes %.10x, want %d bytes %.10x", key, len(got), got, len(it.value), it.value)
	}
	return nil
}

func (m *model) checkInfo(key []byte, info cache.Info) error {
	it := m.items[string(key)]
	ttl := time.Duration(0)
	if it.expiry != 0 {
		ttl = time.Duration(it.expiry - m.now)
	}
	if want := (cache.Info{Version: it.version, TTL: ttl}); info != want {
		return fmt.Errorf("%.20q: %+v, want %+v", key, info, want)
	}
	return nil
}

// step runs one operation.
func (m *model) step() error {
	c := m.c
	switch op := m.next(24); op {
	case 0, 1, 2, 3, 4:
		key, value, ttl := m.key(), m.value(), modelTTLs[m.next(len(modelTTLs))]
		version, err := m.writer().Set(m.now, key, value, ttl)
		return m.wrote(key, value, ttl, version, err, nil)
	case 5:
		key, value, ttl := m.key(), m.value(), modelTTLs[m.next(len(modelTTLs))]
		var want error
		if _, ok := m.visible(key); ok {
			want = cache.ErrExists
		}
		version, err := m.writer().Add(m.now, key, value, ttl)
		return m.wrote(key, value, ttl, version, err, want)
	case 6:
		key, value, ttl := m.key(), m.value(), modelTTLs[m.next(len(modelTTLs))]
		var want error
		if _, ok := m.visible(key); !ok {
			want = cache.ErrNotFound
		}
		version, err := m.writer().Replace(m.now, key, value, ttl)
		return m.wrote(key, value, ttl, version, err, want)
	case 7, 8:
		key, value, ttl := m.key(), m.value(), modelTTLs[m.next(len(modelTTLs))]
		it, ok := m.visible(key)
		var want error
		expect := it.version
		switch {
		case !ok:
			want = cache.ErrNotFound
		case op == 8:
			want = cache.ErrExists
			expect--
		}
		version, err := m.writer().CompareAndSwap(m.now, key, value, ttl, expect)
		if op == 8 && ok && err == nil {
			return fmt.Errorf("%.20q was swapped at version %d, which it does not have", key, expect)
		}
		return m.wrote(key, value, ttl, version, err, want)
	case 9, 10:
		key, ttl := m.key(), modelTTLs[m.next(len(modelTTLs))]
		it, ok := m.visible(key)
		var want error
		if !ok {
			want = cache.ErrNotFound
		}
		version, err := m.writer().Touch(m.now, key, ttl)
		m.account = it.account // as it was
		return m.wrote(key, it.value, ttl, version, err, want)
	case 11, 12:
		key := m.key()
		_, want := m.visible(key)
		if ok := c.Delete(m.now, key); ok && !want {
			return fmt.Errorf("%.20q was there to delete, and should not be", key)
		} else if want && !ok {
			return m.missed(key)
		}
		delete(m.items, string(key))
	case 13:
		key := m.key()
		got, ok := c.GetDelete(m.now, nil, key)
		err := m.read(key, got, ok)
		delete(m.items, string(key))
		return err
	case 14:
		if m.next(4) == 0 {
			return m.flush([]byte{byte('0' + m.next(7))})
		}
	case 15:
		m.now += int64(modelSteps[m.next(len(modelSteps))])
	case 16: // aim at the very moment an item expires, or the one before
		if it, ok := m.items[string(m.key())]; ok && it.expiry > m.now {
			m.now = it.expiry - int64(m.next(2))
		}
	case 17:
		if next := c.Sweep(m.now, []int{0, 1, 10, 200}[m.next(4)]); next < 0 {
			return fmt.Errorf("next deadline is %d", next)
		}
	case 18:
		return m.upload()
	case 19:
		return m.hold()
	default:
		key := m.key()
		got, info, ok := c.GetAppend(m.now, []byte("dst"), key)
		if !bytes.HasPrefix(got, []byte("dst")) {
			return errors.New("what was in dst is gone")
		}
		if err := m.read(key, got[3:], ok); err != nil || !ok {
			return err
		}
		return m.checkInfo(key, info)
	}
	return nil
}

func (m *model) flush(prefix []byte) error {
	want := uint64(0)
	for k := range m.items {
		if bytes.HasPrefix([]byte(k), prefix) {
			if _, ok := m.visible([]byte(k)); ok {
				want++
			}
			delete(m.items, k)
		}
	}
	if got := m.c.Flush(m.now, prefix); got != want && (got > want || m.c.Stats().Evicted == 0) {
		return fmt.Errorf("flush removed %d, want %d", got, want)
	}
	return nil
}

// upload stores a value piece by piece, or abandons it half-way.
func (m *model) upload() error {
	key, value := m.key(), m.value()
	if len(value) == 0 {
		return nil
	}
	st, err := m.writer().BeginUpload(key, len(value))
	if errors.Is(err, cache.ErrAccountFull) {
		return m.refused(key, len(value))
	}
	if err != nil {
		return err
	}
	defer st.Release()
	piece := 1 + m.next(256)*200
	for rest := value; len(rest) > 0; {
		b, err := st.Buffer()
		if err != nil || m.next(16) == 15 {
			return nil // full, or abandoned
		}
		n := copy(b[:min(len(b), piece)], rest)
		st.Advance(n)
		rest = rest[n:]
	}
	version, err := st.Set(m.now, time.Minute)
	return m.wrote(key, value, time.Minute, version, err, nil)
}

// hold takes a reference to a large value, or checks and releases one.
func (m *model) hold() error {
	if len(m.refs) > 3 {
		return m.release()
	}
	key := m.key()
	got, ref, _, ok := m.c.GetRef(m.now, nil, key)
	if !ref.Valid() {
		return m.read(key, got, ok)
	}
	m.refs = append(m.refs, heldRef{ref, m.items[string(key)].value})
	return nil
}

func (m *model) release() error {
	held := m.refs[0]
	m.refs = m.refs[1:]
	defer held.ref.Release()
	if got := bytes.Join(held.ref.AppendTo(nil), nil); !bytes.Equal(got, held.want) {
		return fmt.Errorf("a held value changed: %.10x, want %.10x", got, held.want)
	}
	return nil
}

// run plays the whole script, checking the store every few steps and that it
// gives everything back at the end.
func (m *model) run(checkEvery int) error {
	for i := 0; len(m.script) > 0; i++ {
		if err := m.step(); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
		for _, a := range m.accounts {
			if a.Limit() > 0 && a.Used() > a.Limit() {
				return fmt.Errorf("step %d: %s uses %d bytes, limit %d", i, a.Name(), a.Used(), a.Limit())
			}
		}
		if i%checkEvery == 0 {
			if err := m.c.Check(); err != nil {
				return fmt.Errorf("step %d: %w", i, err)
			}
		}
	}
	for len(m.refs) > 0 {
		if err := m.release(); err != nil {
			return err
		}
	}
	if err := m.checkAccounts(); err != nil {
		return err
	}
	m.c.Flush(m.now, nil)
	if err := m.c.Check(); err != nil {
		return err
	}
	st := m.c.Stats()
	if st.Items != 0 || st.Bytes != 0 || st.Memory.Large != 0 {
		return fmt.Errorf("left after a flush: %+v", st)
	}
	for _, a := range m.accounts {
		if a.Used() != 0 {
			return fmt.Errorf("left after a flush: %d bytes used by %s", a.Used(), a.Name())
		}
	}
	return nil
}

// checkAccounts compares which account every item is charged to.
func (m *model) checkAccounts() (err error) {
	for cursor := uint64(0); ; {
		cursor = m.c.Scan(m.now, cursor, 1<<20, func(it cache.Item) {
			if want := m.items[string(it.Key)].account; it.Account != want {
				err = fmt.Errorf("%.20q is charged to %q, want %q", it.Key, it.Account, want)
			}
		})
		if cursor == 0 {
			return err
		}
	}
}

func randomScript(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	script := make([]byte, n)
	for i := range script {
		script[i] = byte(r.Uint32())
	}
	return script
}

var _ = Describe("The cache behaves as a plain map that knows whose its items are", func() {
	for seed := range uint64(3) {
		DescribeTable(fmt.Sprintf("seed %d", seed), func(opts ...cache.Option) {
			m, err := newModel(randomScript(seed, 8_000), append(opts, cache.WithAccounts())...)
			Expect(err).NotTo(HaveOccurred())
			Expect(m.open(0, 1<<20, 300<<10)).To(Succeed())
			Expect(m.run(50)).To(Succeed())
			Expect(m.accounts[2].Refused()).To(BeNumerically(">", 0), "the limit was never reached")
		},
			Entry("with memory to spare", cache.WithMaxMemory(256<<20)),
			Entry("evicting from several shards", cache.WithMaxMemory(2<<20), cache.WithShards(4)),
			Entry("refusing writes", cache.WithMaxMemory(1<<20), cache.WithEviction(cache.EvictNone)),
		)
	}
})

var _ = Describe("The cache behaves as a plain map", func() {
	for seed := range uint64(3) {
		DescribeTable(fmt.Sprintf("seed %d", seed), func(opts ...cache.Option) {
			m, err := newModel(randomScript(seed, 8_000), opts...)
			Expect(err).NotTo(HaveOccurred())
			Expect(m.run(50)).To(Succeed())
		},
			Entry("with memory to spare", cache.WithMaxMemory(256<<20)),
			Entry("in one shard", cache.WithMaxMemory(256<<20), cache.WithShards(1)),
			Entry("evicting all the time", cache.WithMaxMemory(1<<20)),
			Entry("evicting from several shards", cache.WithMaxMemory(2<<20), cache.WithShards(4)),
			Entry("refusing writes", cache.WithMaxMemory(1<<20), cache.WithEviction(cache.EvictNone)),
		)
	}
})

// FuzzOperations plays scripts of operations on a cache and on a plain map.
func FuzzOperations(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(randomScript(seed, 400), seed%2 == 0)
	}
	f.Fuzz(func(t *testing.T, script []byte, small bool) {
		opts := []cache.Option{cache.WithMaxMemory(64 << 20), cache.WithShards(2)}
		if small {
			opts = []cache.Option{cache.WithMaxMemory(1 << 20), cache.WithAccounts()}
		}
		m, err := newModel(script, opts...)
		if err != nil {
			t.Fatal(err)
		}
		if small {
			if err := m.open(0, 100<<10); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.run(3); err != nil {
			t.Fatal(err)
		}
	})
}
