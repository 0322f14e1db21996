// Package quantity reads and writes sizes, durations, times and switches as people
// write them: in files, variables, flags and scripts.
package quantity

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Day is 24 hours.
const Day = 24 * time.Hour

// units are in the order in which FormatSize tries them.
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

// An AmbiguousError is a size whose unit is a single letter: to some "64M" is
// 64,000,000 and to others 67,108,864. It says what to write.
type AmbiguousError struct{ Text, Decimal, Binary string }

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("size %q can be read in two ways; write %s or %s", e.Text, e.Decimal, e.Binary)
}

// ParseSize reads a number of bytes as people write it: "512MiB", "2 GB", "1.5GiB",
// "100". Case does not matter; KB, MB, GB and TB are powers of 1000; KiB, MiB, GiB
// and TiB, for which Ki, Mi, Gi and Ti do as well, powers of 1024. Parts of a byte
// are left out. A single letter is an [AmbiguousError].
func ParseSize(s string) (int64, error) {
	number := strings.TrimRight(s, "BIKMGTbikmgt ")
	unit := strings.TrimPrefix(s[len(number):], " ")
	whole, fraction, _ := strings.Cut(number, ".")
	n, err := strconv.ParseUint(whole, 10, 63)
	if err != nil || strings.HasSuffix(number, ".") || len(fraction) > 18 {
		return 0, fmt.Errorf("%q is not a size such as 64MiB or 2GB", s)
	}
	parts, scale := uint64(0), uint64(1)
	if fraction != "" {
		if parts, err = strconv.ParseUint(fraction, 10, 63); err != nil {
			return 0, fmt.Errorf("%q is not a size such as 64MiB or 2GB", s)
		}
		scale = uint64(math.Pow10(len(fraction)))
	}
	if len(unit) == 1 && strings.ContainsAny(unit, "KMGTkmgt") {
		letter := strings.ToUpper(unit)
		return 0, &AmbiguousError{s, number + letter + "B", number + letter + "iB"}
	}
	if len(unit) == 2 && strings.ContainsAny(unit[1:], "iI") {
		unit += "B"
	}
	for _, u := range units {
		if !strings.EqualFold(unit, u.name) {
			continue
		}
		high, low := bits.Mul64(parts, uint64(u.bytes))
		rest, _ := bits.Div64(high, low, scale)
		if n > (math.MaxInt64-rest)/uint64(u.bytes) {
			return 0, fmt.Errorf("size %q is more than %d bytes", s, int64(math.MaxInt64))
		}
		return int64(n*uint64(u.bytes) + rest), nil
	}
	return 0, fmt.Errorf("size %q has no known unit; use B, KB, MB, GB, TB, KiB, MiB, GiB or TiB", s)
}

// ParseSwitch reads true, yes, on and 1, or false, no, off and 0, in any case.
func ParseSwitch(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", s)
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
		if errors.Is(err, strconv.ErrRange) || err == nil && n > uint64(math.MaxInt64/Day) {
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
	whole := time.Duration(days) * Day
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
	if d >= Day {
		text, d = strconv.FormatInt(int64(d/Day), 10)+"d", d%Day
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

// ParseTime reads a time as RFC 3339 has it: "2030-01-01T12:00:00Z", or with an
// offset from UTC behind it.
func ParseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a time such as 2030-01-01T12:00:00Z", s)
	}
	return t, nil
}

// FormatTime writes a time so that ParseTime reads it back exactly, in UTC.
func FormatTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
