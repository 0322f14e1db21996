// Package oracle decides whether the outcome of a run is allowed. Each oracle knows
// the promises of the product and none of its code:
//
//   - [Model] is a plain map, asked at the very moment at which the server
//     executes a request. It is exact: to the nanosecond of an expiry and to
//     the version of an item.
//
//   - [Linearizable] sees only what clients see, and searches an order of the
//     operations on a key that explains every answer (Wing and Gong; Lowe; by
//     the checker porcupine).
//
//   - [Zones] sees the same and is fast on long histories: since no value is
//     written twice, a key's history is sound only if the times at which its
//     values were certainly stored do not clash (Gibbons and Korach, SIAM
//     Journal on Computing, 1997).
//
//   - [Ledger] holds what holders of the key have sealed. Whatever the server
//     does, a value that a client accepts stands there under that very name,
//     and its expiry is not past.
//
//   - [Seal] sees envelopes before they are sent: no nonce may come twice under a
//     key, and nothing but an envelope may go to a server. [Wiretap] listens to
//     connections for values in the clear.
//
//   - [Memory] holds the past states that one client has seen superseded, which no
//     server may return to it.
//
//   - [Rights] are what the server was told of identities, and [Accounts] what
//     their items take of quotas.
//
//   - [Locks] hold who was told to have a lock, and for how long.
//
//   - [Loads] hold who has loaded what, and when.
//
//   - [Snapshots] are what may be in a store after a crash.
//
// A broken promise is a [*Violation]; its Rule says which.
package oracle

import "fmt"

// The rules that can be broken.
const (
	RuleModel        = "model"        // an answer differs from the plain map's
	RuleVersion      = "version"      // an item's version is wrong, or was used before
	RuleLoss         = "loss"         // items are missing that were not evicted
	RuleLinearizable = "linearizable" // no order of operations explains the answers
	RuleZones        = "zones"        // a value was seen where another one was certainly stored
	RuleSuperseded   = "superseded"   // a client accepted what it knew to be replaced or removed
	RuleSealed       = "sealed"       // a client accepted what no holder of the key wrote there, or too late
	RuleNonce        = "nonce"        // two envelopes have one nonce under one key
	RuleClear        = "clear"        // a value, or a blind name, left its client unsealed
	RuleAccess       = "access"       // an identity can do what it must not, or cannot do what it may
	RuleQuota        = "quota"        // an identity keeps more than its quota, or is refused for it below that
	RuleLock         = "lock"         // two have a lock at once, or a fence does not grow, or a lock is wrongly refused
	RuleLoad         = "load"         // two load at a time, or what was loaded is not served, or something else is
	RuleSnapshot     = "snapshot"     // a store holds after a crash what was not saved, or not what was
)

// A Violation is a broken promise.
type Violation struct {
	Rule   string
	Detail string
}

// Error returns the rule and what broke it.
func (v *Violation) Error() string { return v.Rule + ": " + v.Detail }

func violation(rule, format string, args ...any) *Violation {
	return &Violation{Rule: rule, Detail: fmt.Sprintf(format, args...)}
}
