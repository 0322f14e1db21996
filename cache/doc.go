// Package cache holds items with a time to live in bounded memory.
//
// A [Cache] maps keys to values. Every operation takes the current cache time,
// so that one reading of the clock serves a whole batch and a simulator can
// control time:
//
//	c, err := cache.New(clock.New(), cache.WithMaxMemory(1<<30))
//	c.Start() // the janitor; Close ends it
//	now := c.Now()
//	c.Set(now, key, value, time.Minute)
//	value, info, ok := c.GetAppend(now, nil, key)
//
// The promises:
//
//   - An item is visible at now < expiry and gone at now >= expiry, exact to
//     the nanosecond, whether or not the janitor ran. Once it is gone for one
//     caller it is gone for all, those too that read the clock earlier.
//   - Every operation on one key is atomic, and so is each compound one (add,
//     replace, compare-and-swap, get-and-delete).
//   - Every change of an item gives it a version that the cache never hands out
//     again for that key, nor does a later cache, unless the clock was set back.
//   - Memory stays under the configured maximum. What does not fit evicts
//     something else or is refused with [ErrFull], as configured.
//   - Nothing handed out aliases the store unless its doc comment says so:
//     values are copied into the caller's buffer.
//
// The cache knows no network and no cryptography; it stores what it is given.
package cache
