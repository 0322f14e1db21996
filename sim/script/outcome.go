package script

// Outcomes that a script can expect of a call, in addition to the label of the value it
// reads.
const (
	WantOK         = "ok"         // done, no value to show
	WantMiss       = "miss"       // not found
	WantExists     = "exists"     // refused: the item is there, or of another version
	WantError      = "error"      // the server said why not
	WantLost       = "lost"       // the connection went first; it may have happened
	WantUnsent     = "unsent"     // the connection went first; it did not happen
	WantForged     = "forged"     // what came does not authenticate
	WantExpired    = "expired"    // what came is past its sealed expiry
	WantStale      = "stale"      // what came is taken back, such as a value sealed ahead of the reader's clock
	WantUnanswered = "unanswered" // cancelled
	WantDenied     = "denied"     // the identity may not
	WantBusy       = "busy"       // a limit is reached for now
	WantLocked     = "locked"     // another holder has the lock
	WantFailed     = "failed"     // loading the value failed
	WantNotHeld    = "not-held"   // the lock is not the client's, or no longer
)

// isReserved reports whether a label would read like an outcome.
func isReserved(label string) bool {
	switch label {
	case WantOK, WantMiss, WantExists, WantError, WantLost, WantUnsent, WantForged, WantExpired, WantStale, WantUnanswered,
		WantDenied, WantBusy, WantLocked, WantNotHeld, WantFailed:
		return true
	}
	return false
}
