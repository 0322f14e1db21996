package conformance_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// execute does what a request asks for, all of it under the one lock.
func (v *visit) execute(c wire.Command, key, value []byte, ttl time.Duration) (wire.Status, []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	k := v.key(string(key))
	old, found := v.find(k, c)
	switch c {
	case wire.Set:
		switch {
		case v.has("SET stores nothing"), found && v.has("SET leaves what is there"):
			return wire.OK, nil
		case v.has("SET forgets the TTL"):
			ttl = 0
		}
		return v.store(k, value, ttl, old)
	case wire.Get:
		switch {
		case !found && v.has("GET of nothing is OK"):
			return wire.OK, nil
		case !found || len(old.value) == 0 && v.has("an empty value is none"):
			return wire.NotFound, nil
		case v.has("reading changes the version"):
			v.store(k, old.value, old.ttl, old)
		}
		return wire.OK, old.value
	case wire.Delete:
		if !v.has("DELETE removes nothing") {
			delete(v.items, k)
		}
		if !found && !v.has("DELETE always says OK") {
			return wire.NotFound, nil
		}
		return wire.OK, nil
	case wire.Ping:
		switch {
		case v.has("PING echoes 64 KiB at most"):
			return wire.OK, value[:min(len(value), 1<<16)]
		case len(key) > 0 && v.has("PING takes no key"):
			return wire.Error, []byte("a key")
		}
		return wire.OK, value
	case wire.Add:
		switch {
		case v.has("ADD asks its own connection"):
			found = v.mine[k]
			v.mine[k] = true
		case v.has("ADD stores nothing"):
			return wire.OK, nil
		case v.has("ADD forgets the TTL"):
			ttl = 0
		}
		if found && !v.has("ADD overwrites") {
			return wire.Exists, nil
		}
		return v.store(k, value, ttl, old)
	case wire.Replace:
		switch {
		case !found && !v.has("REPLACE stores where nothing is"):
			return wire.NotFound, nil
		case v.has("REPLACE stores nothing"):
			return wire.OK, nil
		case v.has("REPLACE forgets the TTL"):
			ttl = 0
		}
		return v.store(k, value, ttl, old)
	case wire.Touch:
		return v.touch(k, ttl, old, found)
	case wire.GetV:
		return v.getv(old, found)
	case wire.CAS:
		return v.cas(k, value, ttl, old, found)
	case wire.GetDel:
		if !found {
			return wire.NotFound, nil
		}
		if !v.has("GETDEL leaves the item") {
			delete(v.items, k)
		}
		return wire.OK, old.value
	case wire.Stats:
		if string(key) == "cache" && !v.has("STATS tells all of everything") {
			return wire.OK, []byte(`{"items":1}`)
		}
		if string(key) == "server" && !v.has("STATS tells all of everything") {
			return wire.OK, []byte(`{"connections":1}`)
		}
		if len(key) > 0 && !v.has("STATS tells all of everything") {
			return wire.Error, []byte("no such section")
		}
		return wire.OK, []byte(`{"cache":{"items":1},"server":{"connections":1}}`)
	case wire.Flush:
		return v.flushItems(string(key))
	}
	return v.scan(string(key), value)
}

// key is how the server knows a key.
func (v *visit) key(k string) string {
	switch {
	case v.has("keys end at a zero byte"):
		k, _, _ = strings.Cut(k, "\x00")
	case v.has("keys are known by all but their last byte") && len(k) > 0:
		k = k[:len(k)-1]
	}
	return k
}

func (v *visit) find(k string, c wire.Command) (simpleItem, bool) {
	i, ok := v.items[k]
	if ok && !i.expires.IsZero() && !time.Now().Before(i.expires) { //nolint:forbidigo // as a server would
		if c == wire.Delete && v.has("DELETE finds what has expired") || v.has("expires with the next second") && time.Since(i.expires) < time.Second { //nolint:forbidigo // the same
			return i, true
		}
		return simpleItem{}, false
	}
	return i, ok
}

func (v *visit) store(k string, value []byte, ttl time.Duration, old simpleItem) (wire.Status, []byte) {
	v.version++
	i := simpleItem{value: bytes.Clone(value), version: v.version, ttl: ttl}
	switch {
	case v.has("versions begin anew with each item"):
		i.version = old.version + 1
	case v.has("TTLs count in milliseconds"):
		ttl = ttl.Truncate(time.Millisecond)
	case v.has("the first TTL stays") && old.ttl > 0:
		i.expires, ttl = old.expires, 0
	}
	const longest = math.MaxInt64 / 4
	if ttl > 0 && (ttl < longest || v.has("the longest TTL wraps")) {
		i.expires = time.Now().Add(ttl) //nolint:forbidigo // as a server would
	}
	if ttl > longest && v.has("the longest TTL wraps") {
		i.expires = time.Now().Add(math.MaxInt64).Add(math.MinInt64) //nolint:forbidigo // the same
	}
	if ttl > longest {
		i.ttl = 0
	}
	v.items[k] = i
	return wire.OK, nil
}

func (v *visit) touch(k string, ttl time.Duration, old simpleItem, found bool) (wire.Status, []byte) {
	switch {
	case !found && v.has("TOUCH of nothing is OK"):
		return wire.OK, nil
	case !found:
		return wire.NotFound, nil
	case v.has("TOUCH empties the value"):
		old.value = nil
	case v.has("TOUCH only prolongs") && ttl < old.ttl, v.has("TOUCH of 0 is nothing") && ttl == 0:
		return wire.OK, nil
	}
	v.store(k, old.value, ttl, old)
	if v.has("TOUCH keeps the version") {
		i := v.items[k]
		i.version = old.version
		v.items[k] = i
	}
	return wire.OK, nil
}

func (v *visit) getv(i simpleItem, found bool) (wire.Status, []byte) {
	if !found && !v.has("GETV of nothing is OK") {
		return wire.NotFound, nil
	}
	left := time.Duration(0)
	if !i.expires.IsZero() && !v.has("GETV tells no TTL") {
		left = max(time.Until(i.expires), 1) //nolint:forbidigo // as a server would
	}
	if v.has("GETV tells the whole TTL") {
		left = i.ttl
	}
	return wire.OK, append(wire.AppendItem(nil, i.version, left), i.value...)
}

func (v *visit) cas(k string, value []byte, ttl time.Duration, old simpleItem, found bool) (wire.Status, []byte) {
	version := uint64(0)
	if len(value) >= wire.VersionSize {
		version, value = binary.BigEndian.Uint64(value), value[wire.VersionSize:]
	}
	switch {
	case !found && !v.has("CAS stores where nothing is"):
		return wire.NotFound, nil
	case found && version != old.version && !v.has("CAS takes any version"):
		return wire.Exists, nil
	case v.has("CAS forgets the TTL"):
		ttl = 0
	}
	v.store(k, value, ttl, old)
	if v.has("CAS tells the old version") {
		return wire.OK, wire.AppendNumber(nil, old.version)
	}
	return wire.OK, wire.AppendNumber(nil, v.items[k].version)
}

func (v *visit) flushItems(prefix string) (wire.Status, []byte) {
	n := uint64(0)
	for _, k := range v.names(prefix) {
		if k == prefix && v.has("FLUSH leaves the key itself") || prefix == "" && v.has("FLUSH needs a prefix") {
			continue
		}
		delete(v.items, k)
		n++
	}
	return wire.OK, wire.AppendNumber(nil, n)
}

// names are those of unexpired items, in order.
func (v *visit) names(prefix string) (names []string) {
	for k := range v.items {
		if _, ok := v.find(k, 0); (ok || v.has("SCAN names what has expired")) && (strings.HasPrefix(k, prefix) || v.has("SCAN minds no prefix")) {
			names = append(names, k)
		}
	}
	slices.Sort(names)
	return names
}

// scan goes on behind the last name that it told, which the cursor is a number for.
func (v *visit) scan(prefix string, value []byte) (wire.Status, []byte) {
	cursor, most, err := wire.ParseScan(value)
	if err != nil && !v.has("SCAN takes anything") {
		return wire.Error, []byte(err.Error())
	}
	if most == 0 {
		most = 10
	}
	names := v.names(prefix)
	from := int(cursor)
	if !v.has("SCAN counts positions") {
		from = 0
		if cursor > 0 {
			from, _ = slices.BinarySearch(names, v.cursors[cursor])
		}
	}
	from = min(from, len(names))
	end := min(from+int(most), len(names))
	next := uint64(end)
	if end == len(names) {
		next = 0
	} else if !v.has("SCAN counts positions") {
		v.version++
		next = v.version
		v.cursors[next] = names[end]
	}
	out := wire.AppendNumber(nil, next)
	for _, name := range names[from:end] {
		if strings.HasSuffix(name, "9") && v.has("SCAN forgets names") {
			continue
		}
		out = wire.AppendName(out, []byte(name))
	}
	return wire.OK, out
}
