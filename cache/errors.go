package cache

import "errors"

// Errors of the operations; match them with errors.Is. After any error, the
// item under the key is as it was before the call.
var (
	// ErrExists means that Add found an unexpired item, or that
	// CompareAndSwap found one of another version.
	ErrExists = errors.New("item exists")
	// ErrNotFound means that no unexpired item is there to change.
	ErrNotFound = errors.New("item not found")
	// ErrFull means that the item does not fit under the memory limit, with
	// eviction off or with nothing left to evict.
	ErrFull = errors.New("memory limit reached")
	// ErrNotAdmitted means that the admit function of GetDeleteRef refused the value.
	ErrNotAdmitted = errors.New("value was not admitted")
	// ErrEmptyKey means that the key has no bytes.
	ErrEmptyKey = errors.New("key is empty")
	// ErrKeyTooLarge means that the key exceeds MaxKeySize bytes.
	ErrKeyTooLarge = errors.New("key is too large")
	// ErrValueTooLarge means that the value exceeds the configured size.
	ErrValueTooLarge = errors.New("value is too large")
	// ErrNegativeTTL means that the time to live is below zero.
	ErrNegativeTTL = errors.New("ttl is negative")
)
