package valkeystore

import (
	"strconv"
	"sync"
)

// hashSlots is how many parts the names of a cluster are divided into.
const hashSlots = 1 << 14

// crcTable is that of CRC-16/XMODEM, which the cluster specification hashes with.
var crcTable = func() (table [256]uint16) {
	for i := range table {
		crc := uint16(i) << 8
		for range 8 {
			carry := crc&0x8000 != 0
			if crc <<= 1; carry {
				crc ^= 0x1021
			}
		}
		table[i] = crc
	}
	return table
}()

// hashSlot returns the slot of prefix and name put together: that of what lies
// between the first "{" and the "}" after it, unless that is nothing.
func hashSlot(prefix string, name []byte) uint16 {
	at := func(i int) byte {
		if i < len(prefix) {
			return prefix[i]
		}
		return name[i-len(prefix)]
	}
	from, to := 0, len(prefix)+len(name)
	for i := range to {
		if at(i) != '{' {
			continue
		}
		for j := i + 1; j < to; j++ {
			if at(j) == '}' {
				if j > i+1 {
					from, to = i+1, j
				}
				break
			}
		}
		break
	}
	var crc uint16
	for i := from; i < to; i++ {
		crc = crc<<8 ^ crcTable[byte(crc>>8)^at(i)]
	}
	return crc % hashSlots
}

// slotTags has, for every slot, the first number whose decimal digits hash to it.
var slotTags = sync.OnceValue(func() *[hashSlots]uint32 {
	tags, found := new([hashSlots]uint32), 0
	for n := uint32(1); found < hashSlots; n++ {
		slot := hashSlot(strconv.FormatUint(uint64(n), 10), nil)
		if tags[slot] == 0 {
			tags[slot] = n
			found++
		}
	}
	return tags
})

// slotTag returns a key of that slot.
func slotTag(slot uint16) string { return strconv.FormatUint(uint64(slotTags()[slot]), 10) }
