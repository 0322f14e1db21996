package sealing

import "time"

// SetNotBefore sets a cut: Open refuses a value sealed before t, or without a
// sealing time, with ErrStale. The keyring can have a cut of its own, see
// [Keyring.SetNotBefore]; the later of the two counts. The zero time removes it.
//
// The cut takes effect once this process's clock has passed t by the clock bound,
// since only then has every other clock passed t. Values sealed less than that
// bound after t are refused, too: they may have been sealed before t by another
// clock.
func (s *Sealer) SetNotBefore(t time.Time) { s.cut.Store(cutMillis(t)) }

// NotBefore returns the cut, even if it is not in effect yet; the zero time means
// that there is none.
func (s *Sealer) NotBefore() time.Time {
	ks := s.keys.Load()
	if ks == nil {
		return time.Time{}
	}
	if cut := s.laterCut(ks); cut > 0 {
		return time.UnixMilli(cut)
	}
	return time.Time{}
}

func (s *Sealer) laterCut(ks *keySet) int64 { return max(ks.cut, s.cut.Load()) }

// cutMillis rounds up, so that a cut is never earlier than was asked for.
func cutMillis(t time.Time) int64 { return int64(min(toMillis(t), maxStampMS)) }

// stale returns why an authentic envelope is stale at now, in milliseconds, or nil.
func (s *Sealer) stale(ks *keySet, h *Header, now int64) error {
	bound := s.config.clockBound
	cut := s.laterCut(ks)
	if cut > 0 {
		cut += bound
	}
	if now < cut {
		// not in force yet
		cut = 0
	}
	sealed := h.Stamp.Millis()
	switch {
	case h.Version == VersionUnstamped:
		if cut > 0 || s.config.stamped {
			return ErrUnstamped
		}
	case sealed > now+bound:
		return ErrAhead
	case sealed < cut:
		return ErrBeforeCut
	}
	return nil
}
