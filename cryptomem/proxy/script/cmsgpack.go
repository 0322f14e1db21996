package script

import (
	"encoding/binary"
	"math"

	lua "github.com/yuin/gopher-lua"
)

func cmsgpackTable() *lua.LTable {
	t := library(map[string]lua.LGFunction{
		"pack": msgpackPack, "unpack": msgpackUnpack, "unpack_one": msgpackUnpackOne, "unpack_limit": msgpackUnpackLimit,
	})
	t.RawSetString("_NAME", lua.LString("cmsgpack"))
	t.RawSetString("_VERSION", lua.LString("lua-cmsgpack 0.4.0"))
	t.RawSetString("_COPYRIGHT", lua.LString("Copyright (C) 2012, Salvatore Sanfilippo"))
	t.RawSetString("_DESCRIPTION", lua.LString("MessagePack C implementation for Lua"))
	return t
}

const maxPackDepth = 16 // tables in tables; deeper ones are packed as nil

func msgpackPack(l *lua.LState) int {
	n := l.GetTop()
	if n == 0 {
		argError(l, 0, "MessagePack pack needs input.")
	}
	var b []byte
	for i := 1; i <= n; i++ {
		before := len(b)
		b = appendPacked(l, b, l.Get(i), 0)
		runOf(l).charge(l, len(b)-before)
	}
	return results(l, lua.LString(b))
}

func appendPacked(l *lua.LState, b []byte, v lua.LValue, depth int) []byte {
	switch v := v.(type) {
	case lua.LString:
		return append(appendPackedLength(b, len(v), 0xa0, 31, 0xd9, 0xda, 0xdb), v...)
	case lua.LBool:
		if v {
			return append(b, 0xc3)
		}
		return append(b, 0xc2)
	case lua.LNumber:
		if i := truncate(float64(v)); float64(i) == float64(v) && v < 1<<63 {
			return appendPackedInt(b, i)
		}
		return appendPackedFloat(b, float64(v))
	case *lua.LTable:
		if depth < maxPackDepth {
			return appendPackedTable(l, b, v, depth)
		}
	}
	return append(b, 0xc0)
}

// appendPackedLength appends how long a string, an array or a map is: in the
// first byte up to most, else in 1 (if there is such a form), 2 or 4 bytes.
func appendPackedLength(b []byte, n int, first byte, most int, one, two, four byte) []byte {
	switch {
	case n <= most:
		return append(b, first|byte(n))
	case n <= math.MaxUint8 && one != 0:
		return append(b, one, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, two), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, four), uint32(n))
}

func appendPackedInt(b []byte, n int64) []byte {
	switch {
	case -32 <= n && n <= 127:
		return append(b, byte(n))
	case n >= 0 && n <= math.MaxUint8:
		return append(b, 0xcc, byte(n))
	case n >= 0 && n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, 0xcd), uint16(n))
	case n >= 0 && n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, 0xce), uint32(n))
	case n >= 0:
		return binary.BigEndian.AppendUint64(append(b, 0xcf), uint64(n))
	case n >= math.MinInt8:
		return append(b, 0xd0, byte(n))
	case n >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(b, 0xd1), uint16(n))
	case n >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(b, 0xd2), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xd3), uint64(n))
}

func appendPackedFloat(b []byte, f float64) []byte {
	if short := float32(f); float64(short) == f {
		return binary.BigEndian.AppendUint32(append(b, 0xca), math.Float32bits(short))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xcb), math.Float64bits(f))
}

func appendPackedTable(l *lua.LState, b []byte, t *lua.LTable, depth int) []byte {
	r := runOf(l)
	count, array, most := 0, true, 0.0
	each(r, l, t, func(k, _ lua.LValue) {
		n, ok := k.(lua.LNumber)
		if !ok || n <= 0 || float64(n) != math.Trunc(float64(n)) || n > math.MaxInt32 {
			array = false
		}
		most = max(most, float64(n))
		count++
	})
	if array && most == float64(count) {
		b = appendPackedLength(b, count, 0x90, 15, 0, 0xdc, 0xdd)
		for i := 1; i <= count; i++ {
			b = appendPacked(l, b, get(t, i), depth+1)
		}
		return b
	}
	b = appendPackedLength(b, count, 0x80, 15, 0, 0xde, 0xdf)
	each(r, l, t, func(k, v lua.LValue) {
		b = appendPacked(l, b, k, depth+1)
		b = appendPacked(l, b, v, depth+1)
	})
	return b
}

// each visits the entries of t in the order of pairs.
func each(r *run, l *lua.LState, t *lua.LTable, visit func(k, v lua.LValue)) {
	for k, v, _ := next(r, l, t, lua.LNil); k != lua.LNil; k, v, _ = next(r, l, t, k) {
		r.spend(l, 1)
		visit(k, v)
	}
}

func msgpackUnpack(l *lua.LState) int { return unpack(l, 0, 0) }

func msgpackUnpackOne(l *lua.LState) int { return unpack(l, 1, optInteger(l, 2, 0)) }

func msgpackUnpackLimit(l *lua.LState) int {
	limit := checkInteger(l, 2)
	return unpack(l, limit, optInteger(l, 3, 0))
}

func unpack(l *lua.LState, limit, offset int) int {
	s := checkString(l, 1)
	all := limit == 0 && offset == 0
	switch {
	case offset < 0 || limit < 0:
		raise(l, "Invalid request to unpack with offset of %d and limit of %d.", int32(offset), len(s))
	case offset > len(s):
		raise(l, "Start offset %d greater than input length %d.", offset, len(s))
	}
	if all {
		limit = math.MaxInt32
	}
	u := &unpacker{l: l, data: s[offset:]}
	var values []lua.LValue
	for n := 0; len(u.data) > 0 && n < limit; n++ {
		if n >= maxUnpack {
			raise(l, "stack overflow (too many return values at once; use unpack_one or unpack_limit instead.)")
		}
		v := u.value(0)
		switch {
		case u.short:
			raise(l, "Missing bytes in input.")
		case u.bad:
			raise(l, "Bad data format in input.")
		}
		values = append(values, v)
	}
	if !all {
		end := len(s) - len(u.data)
		if len(u.data) == 0 {
			end = -1
		}
		l.Push(lua.LNumber(end))
		return 1 + results(l, values...)
	}
	return results(l, values...)
}

// An unpacker reads values off the front of data.
type unpacker struct {
	l          *lua.LState
	data       string
	short, bad bool
}

const maxUnpackDepth = 190 // as deep as C's stack, about; deeper is bad data

func (u *unpacker) read(n int) string {
	if u.short || u.bad || n > len(u.data) {
		u.short = u.short || !u.bad
		return ""
	}
	s := u.data[:n]
	u.data = u.data[n:]
	return s
}

// number reads a big-endian integer of n bytes.
func (u *unpacker) number(n int) uint64 {
	var v uint64
	for _, c := range []byte(u.read(n)) {
		v = v<<8 | uint64(c)
	}
	return v
}

func (u *unpacker) value(depth int) lua.LValue {
	runOf(u.l).spend(u.l, 1)
	head := u.read(1)
	if head == "" || depth > maxUnpackDepth {
		u.bad = head != ""
		return lua.LNil
	}
	switch c := head[0]; {
	case c < 0x80:
		return lua.LNumber(c)
	case c < 0x90:
		return u.table(int(c&0xf), true, depth)
	case c < 0xa0:
		return u.table(int(c&0xf), false, depth)
	case c < 0xc0:
		return u.text(int(c & 0x1f))
	case c >= 0xe0:
		return lua.LNumber(int8(c))
	case c == 0xc2 || c == 0xc3:
		return lua.LBool(c == 0xc3)
	case c == 0xca:
		return lua.LNumber(math.Float32frombits(uint32(u.number(4))))
	case c == 0xcb:
		return lua.LNumber(math.Float64frombits(u.number(8)))
	case c >= 0xcc && c <= 0xcf:
		return lua.LNumber(int64(u.number(1 << (c - 0xcc))))
	case c >= 0xd0 && c <= 0xd3:
		size := 1 << (c - 0xd0)
		return lua.LNumber(int64(u.number(size)<<(64-8*size)) >> (64 - 8*size))
	case c >= 0xd9 && c <= 0xdb:
		return u.text(int(u.number(1 << (c - 0xd9))))
	case c == 0xdc || c == 0xdd:
		return u.table(int(u.number(2<<(c-0xdc))), false, depth)
	case c == 0xde || c == 0xdf:
		return u.table(int(u.number(2<<(c-0xde))), true, depth)
	case c != 0xc0:
		u.bad = true
	}
	return lua.LNil
}

func (u *unpacker) text(n int) lua.LValue {
	runOf(u.l).charge(u.l, slotSize)
	return lua.LString(u.read(n))
}

func (u *unpacker) table(n int, keyed bool, depth int) lua.LValue {
	r := runOf(u.l)
	r.charge(u.l, tableSize)
	t := u.l.CreateTable(0, 0)
	for i := 1; i <= n; i++ {
		var key lua.LValue = lua.LNumber(i)
		if keyed {
			key = u.value(depth + 1)
		}
		v := u.value(depth + 1)
		if u.short || u.bad {
			return lua.LNil
		}
		r.set(u.l, t, key, v)
	}
	return t
}
