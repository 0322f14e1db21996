package oracle

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A Model is the store as a plain map. Each request and its answer are shown to
// it at the instant of their execution, in that order. Not safe for concurrent
// use.
//
// A store under memory pressure may evict, and then an item is gone that the
// map still has. The model notices at the next look at that item, counts the
// loss, and demands that the store has counted at least as many evictions.
//
// It does not see faults before a request is executed or after it is answered, such
// as a link that shifts answers, nor how long anything takes.
type Model struct {
	// Evicted returns how many items the store says it has evicted; nil means
	// that it never does.
	Evicted func() uint64
	// MayRefuse allows writes to be refused for want of memory.
	MayRefuse bool

	items map[string]*item
	// versions of which change each version is.
	versions map[version]uint64
	changes  uint64
	// Items found missing.
	lost uint64

	counts Counts
	// Items made where none was, and reads that failed.
	made, unsure uint64
}

type item struct {
	value []byte
	// 0: never.
	expiry  int64
	version uint64
	// Which change of the store made it what it is.
	change uint64
	live   bool
}

type version struct {
	key    string
	number uint64
}

// NewModel returns an empty store.
func NewModel() *Model {
	return &Model{items: map[string]*item{}, versions: map[version]uint64{}}
}

// Look returns the size of the value under key and when it expires (0 for never),
// which may be past. ok is false if there is none.
func (m *Model) Look(key []byte) (size int, expiry int64, ok bool) {
	if it := m.items[string(key)]; it != nil && it.live {
		return len(it.value), it.expiry, true
	}
	return 0, 0, false
}

// Live returns the number of unexpired items at the instant now, including those
// whose eviction has not been noticed.
func (m *Model) Live(now int64) (n uint64) {
	for _, it := range m.items {
		if it.visible(now) {
			n++
		}
	}
	return n
}

// Expiries yields the expiries of the stored items, in no particular order; some may
// be past.
func (m *Model) Expiries() iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for _, it := range m.items {
			if it.live && it.expiry != 0 && !yield(it.expiry) {
				return
			}
		}
	}
}

// Lines describes each item, expired ones included, in the order of their keys.
func (m *Model) Lines() (lines []string) {
	for key, it := range m.items {
		if it.live {
			lines = append(lines, fmt.Sprintf("%q %x until %d", key, it.value, it.expiry))
		}
	}
	slices.Sort(lines)
	return lines
}

// Lost returns how many items were found missing.
func (m *Model) Lost() uint64 { return m.lost }

func (it *item) visible(now int64) bool {
	return it != nil && it.live && (it.expiry == 0 || now < it.expiry)
}

// Check compares one executed request and its answer with the map, and brings
// the map up to date.
func (m *Model) Check(now int64, r *wire.Request, a wire.Response) *Violation {
	m.count(r, a)
	if a.Status == wire.Error {
		return m.refused(r, a)
	}
	switch r.Command {
	case wire.Set:
		return m.set(now, r, a)
	case wire.Get, wire.GetV, wire.GetDel:
		return m.read(now, r, a)
	case wire.Delete:
		return m.remove(now, r, a)
	case wire.Add, wire.Replace, wire.CAS:
		return m.conditional(now, r, a)
	case wire.Touch:
		return m.touch(now, r, a)
	case wire.Flush:
		return m.flush(now, r, a)
	case wire.Scan:
		return m.scan(now, r, a)
	case wire.Ping:
		if a.Status != wire.OK || !bytes.Equal(a.Value, r.Value) {
			return m.wrong(now, r, a, "an echo")
		}
	}
	return nil
}

// refused allows an error only where the store may be full.
func (m *Model) refused(r *wire.Request, a wire.Response) *Violation {
	switch r.Command {
	case wire.Set, wire.Add, wire.Replace, wire.CAS, wire.Touch:
		if m.MayRefuse {
			return nil
		}
	case wire.Stats, wire.Auth:
		return nil // not the store's business
	case wire.Scan:
		if len(r.Value) != scanSize {
			return nil
		}
	}
	return violation(RuleModel, "%v %q was refused: %s", r.Command, r.Key, a.Value)
}

func (m *Model) set(now int64, r *wire.Request, a wire.Response) *Violation {
	if a.Status != wire.OK || len(a.Value) != 0 {
		return m.wrong(now, r, a, "ok")
	}
	m.store(now, r.Key, r.Value, r.TTL)
	return nil
}

func (m *Model) read(now int64, r *wire.Request, a wire.Response) *Violation {
	it := m.items[string(r.Key)]
	if a.Status == wire.NotFound && len(a.Value) == 0 {
		return m.missing(now, r, a, it)
	}
	if a.Status != wire.OK || !it.visible(now) {
		return m.wrong(now, r, a, "not found")
	}
	value := a.Value
	if r.Command == wire.GetV {
		if len(value) < 16 {
			return m.wrong(now, r, a, "a version, a TTL and the value")
		}
		if v := m.sawVersion(r.Key, it, binary.BigEndian.Uint64(value)); v != nil {
			return v
		}
		var left int64
		if it.expiry != 0 {
			left = it.expiry - now
		}
		if got := int64(binary.BigEndian.Uint64(value[8:])); got != left {
			return violation(RuleModel, "GETV %q at %d: TTL %v, should be %v", r.Key, now, time.Duration(got), time.Duration(left))
		}
		value = value[16:]
	}
	if !bytes.Equal(value, it.value) {
		return violation(RuleModel, "%v %q at %d: %s, should be %s", r.Command, r.Key, now, brief(value), brief(it.value))
	}
	if r.Command == wire.GetDel {
		m.erase(it)
	}
	return nil
}

func (m *Model) remove(now int64, r *wire.Request, a wire.Response) *Violation {
	it := m.items[string(r.Key)]
	if a.Status == wire.NotFound {
		return m.missing(now, r, a, it)
	}
	if a.Status != wire.OK || !it.visible(now) {
		return m.wrong(now, r, a, "not found")
	}
	m.erase(it)
	return nil
}

// conditional is ADD, REPLACE and CAS.
func (m *Model) conditional(now int64, r *wire.Request, a wire.Response) *Violation {
	it := m.items[string(r.Key)]
	value := r.Value
	var wanted uint64
	if r.Command == wire.CAS {
		wanted, value = binary.BigEndian.Uint64(value), value[8:]
	}
	switch {
	case a.Status == wire.NotFound && r.Command != wire.Add:
		return m.missing(now, r, a, it)
	case a.Status == wire.Exists && r.Command == wire.Add:
		if !it.visible(now) {
			return m.wrong(now, r, a, "ok: there is no such item")
		}
		return nil
	case a.Status == wire.Exists && r.Command == wire.CAS:
		if !it.visible(now) {
			return m.wrong(now, r, a, "not found")
		}
		if it.version == wanted && wanted != 0 {
			return violation(RuleVersion, "CAS %q at %d refused version %d, which the item has", r.Key, now, wanted)
		}
		return nil
	case a.Status != wire.OK:
		return m.wrong(now, r, a, "another status")
	}
	if r.Command == wire.Add {
		if it.visible(now) {
			if v := m.missing(now, r, a, it); v != nil {
				return v
			}
		}
	} else if !it.visible(now) {
		return m.wrong(now, r, a, "not found")
	}
	if r.Command == wire.CAS {
		if v := m.sawVersion(r.Key, it, wanted); v != nil {
			return v
		}
	}
	m.store(now, r.Key, value, r.TTL)
	if r.Command == wire.CAS {
		if len(a.Value) != 8 {
			return m.wrong(now, r, a, "the new version")
		}
		return m.sawVersion(r.Key, m.items[string(r.Key)], binary.BigEndian.Uint64(a.Value))
	}
	return nil
}

func (m *Model) touch(now int64, r *wire.Request, a wire.Response) *Violation {
	it := m.items[string(r.Key)]
	if a.Status == wire.NotFound {
		return m.missing(now, r, a, it)
	}
	if a.Status != wire.OK || !it.visible(now) {
		return m.wrong(now, r, a, "not found")
	}
	it.expiry = deadline(now, r.TTL)
	m.change(it)
	return nil
}

func (m *Model) flush(now int64, r *wire.Request, a wire.Response) *Violation {
	if a.Status != wire.OK || len(a.Value) != 8 {
		return m.wrong(now, r, a, "a number")
	}
	removed, want := binary.BigEndian.Uint64(a.Value), uint64(0)
	for key, it := range m.items {
		if strings.HasPrefix(key, string(r.Key)) {
			if it.visible(now) {
				want++
			}
			m.erase(it)
		}
	}
	if removed > want {
		return violation(RuleModel, "FLUSH %q at %d removed %d items, there were %d", r.Key, now, removed, want)
	}
	return m.lose(want - removed)
}

// scanSize is how long a request's cursor and number are.
const scanSize = 8 + 4

// scan compares the returned names with those in the map: every returned name must
// be there, and a scan that ends with its first answer must return all names except
// evicted ones.
func (m *Model) scan(now int64, r *wire.Request, a wire.Response) *Violation {
	if a.Status != wire.OK || len(a.Value) < 8 || len(r.Value) != scanSize {
		return m.wrong(now, r, a, "a cursor and names")
	}
	cursor, next, names := binary.BigEndian.Uint64(r.Value), binary.BigEndian.Uint64(a.Value), a.Value[8:]
	told := make(map[string]bool)
	for len(names) > 0 {
		if len(names) < 2 || len(names)-2 < int(binary.BigEndian.Uint16(names)) {
			return m.wrong(now, r, a, "whole names")
		}
		name := names[2:][:binary.BigEndian.Uint16(names)]
		names = names[2+len(name):]
		if !bytes.HasPrefix(name, r.Key) || !m.items[string(name)].visible(now) {
			return violation(RuleModel, "SCAN %q at %d told %q, which is not there", r.Key, now, name)
		}
		told[string(name)] = true
	}
	if cursor != 0 || next != 0 {
		return nil
	}
	missing := uint64(0)
	for key, it := range m.items {
		if strings.HasPrefix(key, string(r.Key)) && it.visible(now) && !told[key] {
			m.erase(it)
			missing++
		}
	}
	return m.lose(missing)
}

// missing handles an item that the store reports as missing.
func (m *Model) missing(now int64, r *wire.Request, a wire.Response, it *item) *Violation {
	if !it.visible(now) {
		return nil
	}
	m.erase(it)
	if v := m.lose(1); v != nil {
		return m.wrong(now, r, a, brief(it.value)+", which was not evicted")
	}
	return nil
}

// lose counts n items that are gone.
func (m *Model) lose(n uint64) *Violation {
	if n == 0 {
		return nil
	}
	m.lost += n
	var evicted uint64
	if m.Evicted != nil {
		evicted = m.Evicted()
	}
	if m.lost > evicted {
		return violation(RuleLoss, "%d items are gone, %d were evicted", m.lost, evicted)
	}
	return nil
}

func (m *Model) store(now int64, key, value []byte, ttl time.Duration) {
	it := m.items[string(key)]
	if it == nil {
		it = &item{}
		m.items[string(key)] = it
	}
	if !it.visible(now) {
		m.made++
	}
	it.live = true
	it.value = append(it.value[:0], value...)
	it.expiry = deadline(now, ttl)
	m.change(it)
}

func (m *Model) change(it *item) {
	m.changes++
	it.change, it.version = m.changes, 0
}

func (m *Model) erase(it *item) { it.live = false }

// sawVersion records an item's version, which must stay the same until the item
// changes and must differ from that of any other state of the key.
func (m *Model) sawVersion(key []byte, it *item, number uint64) *Violation {
	if it.version == number && number != 0 {
		return nil
	}
	if it.version != 0 {
		return violation(RuleVersion, "%q has version %d, it was %d and nothing changed", key, number, it.version)
	}
	v := version{string(key), number}
	if change, used := m.versions[v]; used && change != it.change {
		return violation(RuleVersion, "%q has version %d, which an earlier state of it had", key, number)
	}
	m.versions[v] = it.change
	it.version = number
	return nil
}

func (m *Model) wrong(now int64, r *wire.Request, a wire.Response, want string) *Violation {
	return violation(RuleModel, "%v %q at %d: %v %s, should be %s", r.Command, r.Key, now, a.Status, brief(a.Value), want)
}

// deadline is when an item stored now expires: never, if ttl is zero or the sum
// overflows.
func deadline(now int64, ttl time.Duration) int64 {
	if ttl == 0 || int64(ttl) > math.MaxInt64-now {
		return 0
	}
	return now + int64(ttl)
}

// brief shows the beginning of a value and how long it is.
func brief(value []byte) string {
	const most = 24
	if len(value) > most {
		return violation("", "%q… (%d bytes)", value[:most], len(value)).Detail
	}
	return violation("", "%q", value).Detail
}
