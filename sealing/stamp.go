package sealing

import "time"

// A Stamp is the time at which an envelope was sealed: 48 bits of Unix
// milliseconds and 16 bits that count stamps within one (a hybrid logical clock,
// Kulkarni et al., "Logical Physical Clocks", 2014). Later ones are greater. 0 is
// no stamp.
type Stamp uint64

const (
	stampCount = 16 // bits
	maxStampMS = 1<<(64-stampCount) - 1
)

// StampAt returns the first stamp of t's millisecond. What lies before 1970, or
// after the year 10889, becomes the nearest stamp there is.
func StampAt(t time.Time) Stamp {
	ms := min(max(t.UnixMilli(), 0), maxStampMS)
	return max(Stamp(ms)<<stampCount, 1)
}

// Millis returns the stamp's Unix milliseconds.
func (s Stamp) Millis() int64 { return int64(s >> stampCount) }

// Time returns the stamp's millisecond.
func (s Stamp) Time() time.Time { return time.UnixMilli(s.Millis()) }
