// Package value is what lies under a name of Redis: a string, hash, sorted set,
// set or list, and how each becomes the bytes that are sealed.
//
// A string is sealed as it is, so that any client of cryptomem reads what a
// program behind the proxy has set, and the reverse. A collection is sealed as a
// whole, behind a prefix that tells its type:
//
//	C1 'C' 'M' type | count | element, element, …
//
// Counts and lengths are unsigned varints of the shortest form; an element is a
// length and bytes, and a score 8 bytes, IEEE 754 big-endian. A string that
// happens to begin with the prefix is sealed behind a prefix of type '$'.
//
// Elements are never changed in place, only replaced. So a copy of the slices is
// a copy of the value, and what a Value was decoded from may be shared.
package value
