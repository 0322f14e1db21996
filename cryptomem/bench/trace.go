package bench

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"strconv"
	"strings"
)

// A Lookup is one request of a trace: for an object by name, and of so many bytes.
type Lookup struct {
	Name string
	// 0 if the trace does not say.
	Size int
}

// Bounds of a trace.
const (
	maxTraceLine = 4096        // bytes
	maxLookups   = 100_000_000 // lines
)

var gzipMagic = []byte{0x1f, 0x8b}

// ReadTrace reads a trace: text, gzipped or not, one request a line in their order,
// as an object's name and, behind a space, its size in bytes, which may be left
// out. Empty lines and lines that start with # do not count. Names are keys of at
// most MaxKeySize bytes.
func ReadTrace(r io.Reader) ([]Lookup, error) {
	in := bufio.NewReader(r)
	if magic, _ := in.Peek(len(gzipMagic)); bytes.Equal(magic, gzipMagic) {
		plain, err := gzip.NewReader(in)
		if err != nil {
			return nil, err
		}
		in = bufio.NewReader(plain)
	}
	var trace []Lookup
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxTraceLine)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		l, err := parseLookup(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if trace = append(trace, l); len(trace) > maxLookups {
			return nil, fmt.Errorf("more than %d requests", maxLookups)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(trace) == 0 {
		return nil, errors.New("it has no requests")
	}
	return trace, nil
}

func parseLookup(line string) (Lookup, error) {
	fields := strings.Fields(line)
	l := Lookup{Name: fields[0]}
	if len(l.Name) > MaxKeySize {
		return l, fmt.Errorf("name is %d bytes, limit %d", len(l.Name), MaxKeySize)
	}
	if len(fields) > 1 {
		size, err := strconv.Atoi(fields[1])
		if err != nil || size < 0 || size > MaxValueSize {
			return l, fmt.Errorf("size is %q, want a number of bytes up to %d", fields[1], MaxValueSize)
		}
		l.Size = size
	}
	return l, nil
}

// DrawSizes gives each object a size from 64 B to 16 KiB by a hash of its name, so
// that it has nothing to do with how popular the object is: as many from each power
// of two to the next.
func DrawSizes(trace []Lookup) {
	for i := range trace {
		h := fnv.New32a()
		// it never fails
		_, _ = io.WriteString(h, trace[i].Name)
		x := h.Sum32()
		n := 64 << (x % 8)
		trace[i].Size = n + int(x>>8)%n
	}
}
