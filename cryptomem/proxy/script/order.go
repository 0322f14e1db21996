package script

import (
	"math"
	"math/bits"

	lua "github.com/yuin/gopher-lua"
)

// The order of pairs shows, in JSON above all, and in Lua it follows from where
// the table has put its keys. A layout is that of a table of Lua 5.1: an array
// for indexes from 1 on, and a hash of chained nodes. It is replayed from the
// keys in the order of their insertion, when a traversal begins.
type layout struct {
	// Which of the indexes there are.
	array []bool
	nodes []node
	// No node from here on is free.
	free int
}

type node struct {
	// key is nil if the node is free.
	key lua.LValue
	// next in the chain; -1 ends it.
	next int
}

// newLayout has room for as many as a constructor lists.
func newLayout(items, keyed int) *layout {
	y := &layout{}
	y.resize(items, keyed)
	return y
}

// ceilLog2 is the power of two that n fits into.
func ceilLog2(n int) int { return bits.Len(uint(n - 1)) }

func (y *layout) allocate(keyed int) {
	y.nodes = nil
	if keyed > 0 {
		y.nodes = make([]node, 1<<ceilLog2(keyed))
	}
	for i := range y.nodes {
		y.nodes[i].next = -1
	}
	y.free = len(y.nodes)
}

// main is the node at which a key belongs.
func (y *layout) main(key lua.LValue) int {
	switch k := key.(type) {
	case lua.LString:
		return int(hashString(string(k))) & (len(y.nodes) - 1)
	case lua.LBool:
		if k {
			return 1 & (len(y.nodes) - 1)
		}
		return 0
	case lua.LNumber:
		if k == 0 {
			return 0
		}
		b := math.Float64bits(float64(k))
		return int((uint32(b) + uint32(b>>32)) % uint32((len(y.nodes)-1)|1))
	}
	// by its address, in Lua
	return 0
}

func hashString(s string) uint32 {
	h := uint32(len(s))
	step := len(s)>>5 + 1
	for i := len(s); i >= step; i -= step {
		h ^= h<<5 + h>>2 + uint32(s[i-1])
	}
	return h
}

// arrayIndex is the index that a key is, or 0.
func arrayIndex(key lua.LValue) int {
	n, ok := key.(lua.LNumber)
	if i := int(n); ok && n >= 1 && n <= maxArrayIndex && lua.LNumber(i) == n {
		return i
	}
	return 0
}

// insert puts a key where there is none of it.
func (y *layout) insert(key lua.LValue) {
	if i := arrayIndex(key); i > 0 && i <= len(y.array) {
		y.array[i-1] = true
		return
	}
	if len(y.nodes) == 0 {
		y.rehash(key)
		return
	}
	at := y.main(key)
	if y.nodes[at].key != nil {
		free := y.takeFree()
		if free < 0 {
			y.rehash(key)
			return
		}
		if other := y.main(y.nodes[at].key); other != at { // who is here belongs elsewhere
			for y.nodes[other].next != at {
				other = y.nodes[other].next
			}
			y.nodes[other].next = free
			y.nodes[free] = y.nodes[at]
			y.nodes[at].next = -1
		} else {
			y.nodes[free].next = y.nodes[at].next
			y.nodes[at].next = free
			at = free
		}
	}
	y.nodes[at].key = key
}

func (y *layout) takeFree() int {
	for y.free > 0 {
		y.free--
		if y.nodes[y.free].key == nil {
			return y.free
		}
	}
	return -1
}

// rehash makes room for one more key: the array becomes as long as it is more
// than half full.
func (y *layout) rehash(extra lua.LValue) {
	var counts [bits.UintSize]int // of indexes in (2^(i-1), 2^i]
	indexes, total := 0, 1
	count := func(i int) {
		if i > 0 {
			counts[ceilLog2(i)]++
			indexes++
		}
	}
	for i, there := range y.array {
		if there {
			count(i + 1)
			total++
		}
	}
	for i := range y.nodes {
		if y.nodes[i].key != nil {
			count(arrayIndex(y.nodes[i].key))
			total++
		}
	}
	count(arrayIndex(extra))
	size, inArray, seen := 0, 0, 0
	for i, power := 0, 1; power/2 < indexes; i, power = i+1, power*2 {
		if counts[i] == 0 {
			continue
		}
		if seen += counts[i]; seen > power/2 {
			size, inArray = power, seen
		}
		if seen == indexes {
			break
		}
	}
	y.resize(size, total-inArray)
	y.insert(extra)
}

func (y *layout) resize(items, keyed int) {
	before, nodes := y.array, y.nodes
	y.array = make([]bool, items)
	copy(y.array, before)
	y.allocate(keyed)
	for i := items; i < len(before); i++ {
		if before[i] {
			y.insert(lua.LNumber(i + 1))
		}
	}
	for i := len(nodes) - 1; i >= 0; i-- {
		if nodes[i].key != nil {
			y.insert(nodes[i].key)
		}
	}
}

// A traversal is a table's keys in their order, and where it is.
type traversal struct {
	keys []lua.LValue
	at   int
}

// A shape is what a constructor lists.
type shape struct{ items, keyed int }

// traverse finds the order of t's keys, nil if that is the machine's own:
// indexes without holes, and at most one other key.
func (r *run) traverse(l *lua.LState, t *lua.LTable) *traversal {
	dense := 0
	for get(t, dense+1) != lua.LNil {
		dense++
	}
	r.spend(l, dense/16)
	first, _ := t.Next(lastIndex(dense))
	if first == lua.LNil {
		return nil
	}
	if second, _ := t.Next(first); second == lua.LNil && arrayIndex(first) == 0 {
		return nil
	}
	s := r.shapes[t]
	y := newLayout(s.items, s.keyed)
	n := 0
	for k, _ := t.Next(lua.LNil); k != lua.LNil; k, _ = t.Next(k) {
		y.insert(k)
		n++
	}
	r.spend(l, n)
	r.charge(l, n*slotSize)
	keys := make([]lua.LValue, 0, n)
	for i, there := range y.array {
		if there {
			keys = append(keys, lua.LNumber(i+1))
		}
	}
	for i := range y.nodes {
		if y.nodes[i].key != nil {
			keys = append(keys, y.nodes[i].key)
		}
	}
	return &traversal{keys: keys}
}

// lastIndex is the key that the machine's traversal takes for the index n.
func lastIndex(n int) lua.LValue {
	if n == 0 {
		return lua.LNil
	}
	return lua.LNumber(n)
}

// after is the place behind key, -1 if it is not among the keys.
func (v *traversal) after(key lua.LValue) int {
	if v.at < len(v.keys) && v.keys[v.at] == key {
		return v.at + 1
	}
	for i, k := range v.keys {
		if k == key {
			return i + 1
		}
	}
	return -1
}
