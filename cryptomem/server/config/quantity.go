package config

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// units are in the order in which FormatSize tries them. "64M" is refused: to
// some it is 64,000,000 and to others 67,108,864.
var units = []struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40},
	{"TB", 1e12},
	{"GiB", 1 << 30},
	{"GB", 1e9},
	{"MiB", 1 << 20},
	{"MB", 1e6},
	{"KiB", 1 << 10},
	{"KB", 1e3},
	{"B", 1},
	{"", 1},
}

// ParseSize reads a whole number of bytes as people write it: "512MiB", "2 GB",
// "100". Case does not matter; KB, MB, GB and TB are powers of 1000, KiB, MiB,
// GiB and TiB powers of 1024.
func ParseSize(s string) (int64, error) {
	digits := strings.TrimRight(s, "BIKMGTbikmgt ")
	unit := strings.TrimPrefix(s[len(digits):], " ")
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%q is not a size such as 64MiB or 2GB", s)
	}
	for _, u := range units {
		if !strings.EqualFold(unit, u.name) {
			continue
		}
		if n > math.MaxInt64/uint64(u.bytes) {
			return 0, fmt.Errorf("size %q is more than %d bytes", s, int64(math.MaxInt64))
		}
		return int64(n) * u.bytes, nil
	}
	return 0, fmt.Errorf("size %q has no known unit; use B, KB, MB, GB, TB, KiB, MiB, GiB or TiB", s)
}

// FormatSize writes a number of bytes, not negative, so that ParseSize reads
// it back exactly.
func FormatSize(n int64) string {
	for _, u := range units {
		if n >= u.bytes && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return "0"
}

// ParseDuration reads what [time.ParseDuration] reads, and days before it:
// "90s", "1h30m", "7d", "1d12h". A negative duration is an error.
func ParseDuration(s string) (time.Duration, error) {
	var days uint64
	rest := s
	if number, after, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.ParseUint(number, 10, 63)
		if errors.Is(err, strconv.ErrRange) || err == nil && n > uint64(math.MaxInt64/day) {
			return 0, tooLong(s)
		}
		if err != nil {
			return 0, noDuration(s)
		}
		days, rest = n, after
		if rest == "" {
			rest = "0"
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil {
		// If only its numbers are in the way, they are too large.
		if _, err := time.ParseDuration(digits.ReplaceAllString(rest, "1")); err == nil {
			return 0, tooLong(s)
		}
		return 0, noDuration(s)
	}
	if d < 0 {
		return 0, fmt.Errorf("duration %q is negative", s)
	}
	whole := time.Duration(days) * day
	if d > math.MaxInt64-whole {
		return 0, tooLong(s)
	}
	return whole + d, nil
}

func noDuration(s string) error {
	return fmt.Errorf("%q is not a duration such as 90s, 5m or 7d", s)
}

func tooLong(s string) error {
	return fmt.Errorf("duration %q is longer than %s, the limit", s, FormatDuration(math.MaxInt64))
}

var digits = regexp.MustCompile(`[0-9]+`)

// FormatDuration writes a duration, not negative, so that ParseDuration reads
// it back exactly: "90s" as "1m30s", a week as "7d".
func FormatDuration(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	text := ""
	if d >= day {
		text, d = strconv.FormatInt(int64(d/day), 10)+"d", d%day
		if d == 0 {
			return text
		}
	}
	rest := d.String()
	if strings.HasSuffix(rest, "m0s") {
		rest = strings.TrimSuffix(rest, "0s")
	}
	if strings.HasSuffix(rest, "h0m") {
		rest = strings.TrimSuffix(rest, "0m")
	}
	return text + rest
}
