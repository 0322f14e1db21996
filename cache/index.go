package cache

import "encoding/binary"

// The index finds a record by the hash of its key. An entry is a word of 8 bytes:
//
//	26 bits tag (of the hash) | 2 bits use | 36 bits position
//
// Words lie in tables of one to sixteen pages. Which table is extendible hashing: a
// table holds all tags that begin with its prefix, and a directory finds it by the
// tag's first bits, as many as the longest prefix has.
//
// Within a table it is linear probing, kept sorted: words lie in order of their tags,
// each at or after its home, without an empty word in between. So a search ends at
// the first greater tag, and a table grows, shrinks, splits or merges in one short
// sequential pass over its own words that touches no item.
const (
	tagBits      = 26
	useBits      = 2
	positionBits = 36

	tagMask      = 1<<tagBits - 1
	positionMask = 1<<positionBits - 1
	maxUse       = 1<<useBits - 1
	useOne       = word(1) << positionBits

	wordSize     = 8
	tableShift   = 16
	tablePages   = 1 << tableShift / pageSize
	wordsPerPage = pageSize / wordSize
	tableWords   = tablePages * wordsPerPage
	// overhang words at a table's end are home to no tag, so that a cluster
	// there has room to run.
	overhang = 64
	// maxDepth leaves enough tag bits to spread words over a table.
	maxDepth = tagBits - 8
)

// word is an entry of the index; 0 is an empty one.
type word uint64

func newWord(tag uint64, use uint8, p position) word {
	return word(tag)<<(useBits+positionBits) | word(use)<<positionBits | word(p)
}

func (w word) tag() uint64        { return uint64(w >> (useBits + positionBits)) }
func (w word) use() uint8         { return uint8(w>>positionBits) & maxUse }
func (w word) position() position { return position(w & positionMask) }

// table is a part of the index: the words whose tags share the first depth
// bits.
type table struct {
	// bytes is the charged pages of its unit.
	bytes []byte
	unit  int32
	pages int
	depth uint
	// n counts the words in use, and shrink has nothing to do while there are as many
	// as shrinkAt.
	n, shrinkAt int
}

func (t *table) word(i int) word {
	return word(binary.LittleEndian.Uint64(t.bytes[i*wordSize:]))
}

func (t *table) set(i int, w word) {
	binary.LittleEndian.PutUint64(t.bytes[i*wordSize:], uint64(w))
}

func (t *table) cap() int { return len(t.bytes) / wordSize }

// limitFor returns how many words a table of that many pages may hold: nine
// tenths of the homes.
func limitFor(pages int) int { return (pages*wordsPerPage - overhang) / 10 * 9 }

// home returns where a search for the tag starts.
func (t *table) home(tag uint64) int {
	return homeOf(tag, t.depth, t.cap())
}

// homeOf is home for a table of so many words.
func homeOf(tag uint64, depth uint, words int) int {
	return int((tag << depth & tagMask) * uint64(words-overhang) >> tagBits)
}

// seek returns the first position at or after the tag's home whose word is
// empty or has this tag or a greater one.
func (t *table) seek(tag uint64) int {
	i := t.home(tag)
	for {
		if w := t.word(i); w == 0 || w.tag() >= tag {
			return i
		}
		i++
	}
}

// insert adds a word at i, where a search for its tag ends. The table must have
// room: see shard.ensure.
func (t *table) insert(i int, w word) {
	end := i
	for t.word(end) != 0 {
		end++
	}
	copy(t.bytes[(i+1)*wordSize:(end+1)*wordSize], t.bytes[i*wordSize:end*wordSize])
	t.set(i, w)
	t.n++
}

// remove takes the word at i out and closes the gap.
func (t *table) remove(i int) {
	end := i + 1
	for end < t.cap() {
		w := t.word(end)
		if w == 0 || t.home(w.tag()) == end {
			break
		}
		end++
	}
	copy(t.bytes[i*wordSize:(end-1)*wordSize], t.bytes[(i+1)*wordSize:end*wordSize])
	t.set(end-1, 0)
	t.n--
}

// roomy reports whether a word can be inserted: the last two words are free. One
// of them has to stay free after the insertion, to end every search.
func (t *table) roomy() bool {
	return t.n < limitFor(t.pages) && t.word(t.cap()-2) == 0
}

// index is the directory and the memory of a shard's tables.
type index struct {
	space *memory
	// dir has 1<<depth entries, by the tag's first bits.
	dir   []*table
	depth uint
	// depths counts the tables by depth.
	depths [maxDepth + 1]int
	// free lists the units given back.
	free []int32
	// fresh is the first unit never used.
	fresh int32
	// n is the number of words in all tables.
	n int
}

// table returns the tag's table.
func (x *index) table(tag uint64) *table { return x.dir[tag>>(tagBits-x.depth)] }
