package command

import "bytes"

// Match reports whether s matches a glob-style pattern as KEYS has them: * and ?
// for any bytes, [abc], [^abc] and [a-z] for one, and \ before what is meant as
// it is. It takes time in proportion to both lengths multiplied at the most.
func Match(pattern, s []byte) bool {
	star, resume := -1, 0 // where to go on when what is behind the last * does not match
	p, i := 0, 0
	for i < len(s) {
		if p < len(pattern) && pattern[p] == '*' {
			star, resume = p, i
			p++
			continue
		}
		if p < len(pattern) {
			if size, ok := matchOne(pattern[p:], s[i]); ok {
				p += size
				i++
				continue
			}
		}
		if star < 0 {
			return false
		}
		resume++
		p, i = star+1, resume
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// matchOne reports whether the first element of the pattern, which is size bytes
// long, matches c.
func matchOne(pattern []byte, c byte) (size int, ok bool) {
	switch pattern[0] {
	case '?':
		return 1, true
	case '[':
		return matchClass(pattern, c)
	case '\\':
		if len(pattern) > 1 {
			return 2, pattern[1] == c
		}
	}
	return 1, pattern[0] == c
}

// matchClass is matchOne for a class in brackets. One that is not closed goes to
// the pattern's end.
func matchClass(pattern []byte, c byte) (size int, ok bool) {
	i := 1
	not := i < len(pattern) && pattern[i] == '^'
	if not {
		i++
	}
	for i < len(pattern) && pattern[i] != ']' {
		switch {
		case pattern[i] == '\\' && i+1 < len(pattern):
			ok = ok || pattern[i+1] == c
			i += 2
		case i+2 < len(pattern) && pattern[i+1] == '-':
			low, high := pattern[i], pattern[i+2]
			ok = ok || min(low, high) <= c && c <= max(low, high)
			i += 3
		default:
			ok = ok || pattern[i] == c
			i++
		}
	}
	return min(i+1, len(pattern)), ok != not
}

// LiteralPrefix returns what every name that matches the pattern begins with.
func LiteralPrefix(pattern []byte) string {
	if i := bytes.IndexAny(pattern, `*?[\`); i >= 0 {
		pattern = pattern[:i]
	}
	return string(pattern)
}
