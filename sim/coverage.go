package sim

import (
	"math/bits"
	"strconv"
)

// A State is a situation that a run should get into, because something could
// go wrong there.
type State uint8

// The states.
const (
	StatePartialFrame     State = iota // a request has arrived in part
	StateCutPartial                    // the connection is reset then
	StateTornFrame                     // a chunk arrives by half, and then a reset
	StateCutAnswer                     // a reset after execution, before the answer
	StateCutBacklog                    // a reset while answers wait to be sent
	StateCutPending                    // a reset while calls are unanswered
	StateBackpressure                  // answers wait because the client does not read
	StateHalfClosed                    // the client has closed its sending half
	StateTrickled                      // bytes arrive one at a time
	StateFlipped                       // a bit arrives wrong
	StateStalled                       // nothing arrives for a while
	StateDeadline                      // a silent server is given up
	StateBusy                          // a connection takes no more calls
	StateCancelled                     // a call is given up before its answer
	StateCancelHead                    // it is the oldest one
	StateRestarted                     // the server loses everything
	StateUnsent                        // a call fails without having been sent
	StateMaybe                         // a call fails and may have been executed
	StateStarved                       // the janitor is kept from working
	StateSwept                         // the janitor works between two requests
	StateFrozen                        // the server executes nothing for a while
	StateAimed                         // a request was timed to its key's expiry
	StateAtExpiry                      // a request is executed at that very instant
	StateBeforeExpiry                  // one nanosecond before
	StateAfterExpiry                   // one nanosecond after
	StateTouchAtExpiry                 // a touch at that very instant
	StateCASAtExpiry                   // a compare-and-swap then
	StateCASWon                        // a compare-and-swap finds its version
	StateCASLost                       // and one does not
	StateOverwritten                   // an unexpired item is overwritten
	StateGrown                         // with a larger value
	StateEvicted                       // an item is found evicted
	StateRefused                       // a write is refused, the store being full
	StateCASEvicted                    // a compare-and-swap finds its item evicted
	StateLied                          // the server lies
	StateLieCaught                     // and the client notices
	StateForged                        // a value does not authenticate
	StateExpiredSealed                 // a value is past its sealed expiry
	StateClockBack                     // a client's clock steps back
	StateRotated                       // a client seals with a new key
	StateOldKeyRead                    // a value of an old key is read after that
	StateLarge                         // a value larger than a connection's buffers
	StateStaged                        // one is received where the store keeps it
	StateReferred                      // one is sent from where the store keeps it
	StateStale                         // a value is withheld because its time is over
	StateSearched                      // a key's history was searched for an order
	StateDenied                        // a request is refused for who asks
	StateReadOnly                      // because its sender may only read
	StateRevokedConnected              // an identity is revoked that has a connection
	StateRevokedPending                // while its calls are unanswered
	StateRevokedUpload                 // while a large value of its is arriving
	StateRevokedDenied                 // and its next request is refused
	StateUnauthenticated               // a request comes before its sender is known
	StateAuthFailed                    // a token is wrong, or its identity is not listed
	StateAuthsUsedUp                   // for the last time on a connection
	StateAuthAfterFailure              // a connection is accepted after a failure
	StateCrowded                       // an identity has all its connections
	StateOverLimit                     // a server has all the connections that it may have
	StateAuthLate                      // a client does not authenticate in time
	StateQuotaFull                     // a write is refused for its owner's quota
	StateQuotaBelow                    // a quota is set below what is used
	StateOwnerChanged                  // an item is overwritten by another identity
	StateMemoryBusy                    // memory in flight is used up
	StateHeldTooMuch                   // answers that a client does not read are not kept
	StateBatched                       // several requests are sent in one go
	StateBatchTorn                     // a connection is lost when a part of them is answered
	StateBatchMixed                    // some of them find something and some do not
	StateBatchWaits                    // some of them wait for room
	StateTwoConnections                // two connections of a client have calls at a time
	StateOvertaken                     // a call is answered before an earlier one of its client
	StateOneOfTwoCut                   // one connection is lost, and another has calls
	StateRotatedPending                // a client's keys change while its calls are unanswered
	StateNewKeyRead                    // a value of a key is read that its reader does not seal with yet
	StateRetiredRead                   // a value of a key is read that its reader has let go of
	StateStandIn                       // a call goes to another server than its name's
	StateLent                          // and its value is given a shorter life
	StateBelieved                      // a server is believed again
	StateNoServer                      // no server can be asked
	StateSaved                         // a server saves
	StateSavedAgain                    // in the place of an earlier file
	StateShortWrite                    // and writes a part
	StateDiskFull                      // and its disk is full
	StateSyncFailed                    // and cannot make it last
	StateRenameFailed                  // and cannot put it in its place
	StateCrashed                       // a server and its disk lose what does not last
	StateCrashInWrite                  // in the middle of a save
	StateCrashUnplaced                 // before the new file is in its place
	StateCrashUnsynced                 // when it is, and its name does not last
	StateLoaded                        // a server starts with what it had saved
	StateLoadedExpired                 // but for what has expired meanwhile
	StateLoadedPart                    // but for what is damaged
	StateRotten                        // a bit of the file is wrong
	StateShortened                     // its end is missing
	StateBroughtBack                   // it is an earlier one than it was
	StateRevertCaught                  // a reader notices what a snapshot has taken back
	StateLockOutlived                  // a lock is taken whose mark is there and holds no more
	StateLocked                        // a lock is refused
	StateLockRaced                     // another was faster to take it
	StateLockExtended                  // a lock is extended
	StateLockLost                      // and cannot be, since it is lost
	StateUnlocked                      // a lock is given back
	StateLockLate                      // the time of a lock is over when it is taken
	StateLockUncertain                 // a client does not know whether it has a lock
	StateStaleServed                   // a value is served past its time
	StateRefreshed                     // and is loaded again meanwhile
	StateLoadShared                    // a call waits for another of its client
	StateLoadWaited                    // a client waits for another that loads
	StateLoadedAlone                   // a client loads without a lease
	StateLoadFailed                    // a loader fails
	StateLeaseRenewed                  // a loader takes longer than its lease
	StateLeaseLost                     // and does not have it any more
	StateLoadOvertaken                 // what was loaded is not stored: its name has changed
	numStates
)

var stateNames = [numStates]string{
	StatePartialFrame: "partial frame", StateCutPartial: "cut in a frame", StateTornFrame: "torn chunk", StateCutAnswer: "cut before answer",
	StateCutBacklog: "cut with backlog", StateCutPending: "cut with calls", StateBackpressure: "back-pressure", StateHalfClosed: "half-close",
	StateTrickled: "trickle", StateFlipped: "flipped bit", StateStalled: "stall", StateDeadline: "deadline", StateBusy: "busy",
	StateCancelled: "cancel", StateCancelHead: "cancel oldest", StateRestarted: "restart", StateUnsent: "unsent call", StateMaybe: "uncertain call",
	StateStarved: "janitor starved", StateSwept: "janitor between", StateFrozen: "freeze", StateAimed: "aimed", StateAtExpiry: "at expiry",
	StateBeforeExpiry: "1 ns before expiry", StateAfterExpiry: "1 ns after expiry", StateTouchAtExpiry: "touch at expiry", StateCASAtExpiry: "cas at expiry",
	StateCASWon: "cas won", StateCASLost: "cas lost", StateOverwritten: "overwrite", StateGrown: "overwrite larger", StateEvicted: "eviction seen",
	StateRefused: "store full", StateCASEvicted: "cas of evicted", StateLied: "lie", StateLieCaught: "lie caught", StateForged: "forged value",
	StateExpiredSealed: "sealed expiry", StateClockBack: "clock back", StateRotated: "key rotated", StateOldKeyRead: "old key read",
	StateLarge: "large value", StateStaged: "received in place", StateReferred: "sent in place", StateStale: "stale value", StateSearched: "history searched",
	StateDenied:           "denied",
	StateReadOnly:         "denied a write",
	StateRevokedConnected: "revoked online",
	StateRevokedPending:   "revoked with calls",
	StateRevokedUpload:    "revoked in upload",
	StateRevokedDenied:    "revoked is denied",
	StateUnauthenticated:  "unauthenticated",
	StateAuthFailed:       "auth failed",
	StateAuthsUsedUp:      "auths used up",
	StateAuthAfterFailure: "auth at last",
	StateCrowded:          "crowded",
	StateOverLimit:        "over the limit",
	StateAuthLate:         "auth too late",
	StateQuotaFull:        "quota full",
	StateQuotaBelow:       "quota below use",
	StateOwnerChanged:     "owner changed",
	StateMemoryBusy:       "memory busy",
	StateHeldTooMuch:      "answers dropped",
	StateBatched:          "batch",
	StateBatchTorn:        "batch torn",
	StateBatchMixed:       "batch mixed",
	StateBatchWaits:       "batch waits",
	StateTwoConnections:   "two connections",
	StateOvertaken:        "overtaken",
	StateOneOfTwoCut:      "one of two lost",
	StateRotatedPending:   "rekey with calls",
	StateNewKeyRead:       "new key read",
	StateRetiredRead:      "retired key read",
	StateStandIn:          "stand-in",
	StateLent:             "lent value",
	StateBelieved:         "server believed",
	StateNoServer:         "no server",
	StateSaved:            "snapshot",
	StateSavedAgain:       "snapshot replaced",
	StateShortWrite:       "short write",
	StateDiskFull:         "disk full",
	StateSyncFailed:       "sync failed",
	StateRenameFailed:     "rename failed",
	StateCrashed:          "crash",
	StateCrashInWrite:     "crash in a write",
	StateCrashUnplaced:    "crash before place",
	StateCrashUnsynced:    "crash before sync",
	StateLoaded:           "snapshot loaded",
	StateLoadedExpired:    "loaded expired",
	StateLoadedPart:       "loaded in part",
	StateRotten:           "bit rot",
	StateShortened:        "file shortened",
	StateBroughtBack:      "old file back",
	StateRevertCaught:     "revert noticed",
	StateStaleServed:      "stale served",
	StateRefreshed:        "load in background",
	StateLoadShared:       "load shared",
	StateLoadWaited:       "load waited for",
	StateLoadedAlone:      "load without lease",
	StateLoadFailed:       "load failed",
	StateLeaseRenewed:     "lease renewed",
	StateLeaseLost:        "lease lost",
	StateLoadOvertaken:    "load overtaken",
	StateLockOutlived:     "lock outlived",
	StateLocked:           "lock refused",
	StateLockRaced:        "lock raced for",
	StateLockExtended:     "lock extended",
	StateLockLost:         "lock lost",
	StateUnlocked:         "unlock",
	StateLockLate:         "lock too late",
	StateLockUncertain:    "lock uncertain",
}

// String returns the state in a few words.
func (s State) String() string {
	if s < numStates {
		return stateNames[s]
	}
	return "state " + strconv.Itoa(int(s))
}

// Coverage is a set of states that were reached.
type Coverage [(numStates + 63) / 64]uint64

// Has reports whether s was reached.
func (c *Coverage) Has(s State) bool { return c[s/64]>>(s%64)&1 != 0 }

// Join adds what o has, and returns how many states are new.
func (c *Coverage) Join(o *Coverage) (fresh int) {
	for i := range c {
		fresh += bits.OnesCount64(o[i] &^ c[i])
		c[i] |= o[i]
	}
	return fresh
}

// States returns all there are.
func States() []State {
	all := make([]State, numStates)
	for i := range all {
		all[i] = State(i)
	}
	return all
}

func (w *world) cover(s State) { w.coverage[s/64] |= 1 << (s % 64) }
