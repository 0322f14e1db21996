package storetest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

// A memory is a Store that keeps the contract, in a map; unless a fault is planted
// in it.
type memory struct {
	fault string
	clock *clock.Mock

	mu      sync.Mutex // guards the rest
	items   map[string]item
	version uint64
	refused int
	closed  bool
}

type item struct {
	value   []byte
	version uint64
	expires time.Time // zero: never
	set     time.Time
	ttl     time.Duration
}

func newMemory(fault string) *memory {
	return &memory{fault: fault, clock: clock.NewMock(), items: map[string]item{}}
}

func (m *memory) Advance(d time.Duration) { m.clock.Add(d) }

func (m *memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = m.fault != "answers after Close"
	return nil
}

func (m *memory) DoAll(ctx context.Context, rs []*cryptomem.Request) {
	for i := range rs {
		r := rs[i]
		if m.fault == "carries batches out backwards" {
			r = rs[len(rs)-1-i]
		}
		if m.Do(ctx, r) != nil && m.fault == "ends a batch with its first error" {
			return
		}
	}
}

func (m *memory) Do(ctx context.Context, r *cryptomem.Request) error {
	r.Err = m.do(ctx, r)
	return r.Err
}

func (m *memory) do(ctx context.Context, r *cryptomem.Request) error {
	if err := ctx.Err(); err != nil && m.fault != "does not heed the context" {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return cryptomem.ErrClosed
	}
	if r.Sealer != nil {
		if err := r.Sealer.SealRequest(r); err != nil && m.fault != "stores what the sealer refused" {
			return err
		}
	}
	name := string(r.Name)
	switch m.fault {
	case "ends names at a zero byte":
		name, _, _ = strings.Cut(name, "\x00")
	case "cuts long names":
		name = name[:min(len(name), 250)]
	case "does not tell upper from lower case":
		name = strings.ToLower(name)
	}
	old, there := m.items[name]
	now := m.clock.Now()
	if there && m.over(old, now, r.Command) {
		if m.fault != "forgets fences with the item" {
			m.version = max(m.version, old.version)
		}
		delete(m.items, name)
		there = false
	}
	return m.carryOut(r, name, old, there, now)
}

// over reports whether an item has expired.
func (m *memory) over(i item, now time.Time, c cryptomem.Command) bool {
	if i.expires.IsZero() || now.Before(i.expires) {
		return false
	}
	switch m.fault {
	case "reads versions of what has expired":
		return c != cryptomem.CommandGetItem
	case "does not add over what has expired":
		return c != cryptomem.CommandAdd
	case "replaces what has expired":
		return c != cryptomem.CommandReplace
	}
	return true
}

func (m *memory) carryOut(r *cryptomem.Request, name string, old item, there bool, now time.Time) error {
	switch r.Command {
	case cryptomem.CommandGet, cryptomem.CommandGetItem, cryptomem.CommandGetDel:
		if !there || m.fault == "takes an empty value for nothing" && len(old.value) == 0 {
			return cryptomem.ErrNotFound
		}
		m.answer(r, old, now)
		if r.Command == cryptomem.CommandGetDel {
			if m.fault == "takes in two steps" {
				m.mu.Unlock()
				runtime.Gosched()
				m.mu.Lock()
			}
			delete(m.items, name)
		}
	case cryptomem.CommandSet:
		m.put(r, name, old, now)
	case cryptomem.CommandAdd:
		if there && m.fault != "adds over what is there" {
			return cryptomem.ErrExists
		}
		m.put(r, name, old, now)
	case cryptomem.CommandReplace:
		if !there && m.fault != "replaces what is not there" {
			return cryptomem.ErrNotFound
		}
		m.put(r, name, old, now)
	case cryptomem.CommandSwap:
		switch {
		case !there:
			return cryptomem.ErrNotFound
		case old.version != r.Version && m.fault != "swaps whatever the version":
			return cryptomem.ErrChanged
		}
		m.put(r, name, old, now)
		if m.fault != "tells the old version after a swap" {
			r.Version = m.items[name].version
		}
	case cryptomem.CommandDelete:
		delete(m.items, name)
		if !there && m.fault != "deletes what is not there" {
			return cryptomem.ErrNotFound
		}
	case cryptomem.CommandFlush:
		return m.flush(r)
	case cryptomem.CommandPing:
		r.Answer = append(r.Answer[:0], r.Value...)
	case cryptomem.CommandStats:
		return m.stats(r)
	default:
		return fmt.Errorf("%w: %v", cryptomem.ErrNotSupported, r.Command)
	}
	return nil
}

func (m *memory) answer(r *cryptomem.Request, i item, now time.Time) {
	r.Version, r.Remaining = i.version, 0
	if !i.expires.IsZero() {
		r.Remaining = i.expires.Sub(now)
	}
	switch m.fault {
	case "tells the whole TTL as what remains":
		r.Remaining = i.ttl
	case "hands out its own bytes":
		r.Answer = i.value
		return
	case "appends to what is in the room":
		r.Answer = append(r.Answer, i.value...)
		return
	}
	r.Answer = append(r.Answer[:0], i.value...)
}

func (m *memory) put(r *cryptomem.Request, name string, old item, now time.Time) {
	m.version++
	i := item{value: bytes.Clone(r.Value), version: m.version, set: now, ttl: r.TTL}
	if r.TTL > 0 {
		i.expires = now.Add(r.TTL)
		if i.expires.Before(now) {
			i.expires = time.Time{} // later than time goes
		}
	}
	switch m.fault {
	case "keeps the caller's bytes":
		i.value = r.Value
	case "keeps the TTL that was there":
		if old.set != (time.Time{}) {
			i.expires = old.expires
		}
	case "has whole seconds only":
		i.expires = i.expires.Truncate(time.Second)
	case "gives the same version to the same size":
		i.version = uint64(len(i.value))
	case "forgets fences with the item":
		if i.version = 1; old.version != 0 && m.items[name].version != 0 {
			i.version = old.version + 1
		}
	case "cuts large values":
		i.value = i.value[:min(len(i.value), 1<<20)]
	}
	m.items[name] = i
}

func (m *memory) flush(r *cryptomem.Request) error {
	if m.refused++; m.fault == "supports a command now and then" && m.refused%2 == 0 {
		return cryptomem.ErrNotSupported
	}
	r.Count = 0
	for name := range m.items {
		prefix := string(r.Name)
		if strings.HasPrefix(name, prefix) || m.fault == "flushes what has the prefix anywhere" && strings.Contains(name, prefix) {
			delete(m.items, name)
			r.Count++
		}
	}
	return nil
}

func (m *memory) stats(r *cryptomem.Request) error {
	if len(r.Name) > 0 {
		return cryptomem.ErrNotFound
	}
	answer, err := json.Marshal(map[string]int{"items": len(m.items)})
	r.Answer = append(r.Answer[:0], answer...)
	return err
}
