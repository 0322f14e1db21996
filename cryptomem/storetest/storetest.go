// Package storetest is the contract that every cryptomem.Store is held to, as a
// test. The author of a store runs it in a test of their own:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) cryptomem.Store { return newStore(t) })
//	}
//
// It asks for every operation on names that hold something, nothing, something
// that has expired, and something that no Client wrote; for the edges of TTLs; for
// versions and fences; for empty, binary and the largest names and values; for
// batches and values that are sealed at the last moment; for 64 goroutines at once,
// cancelled calls and a closed store. The name of a failed test says which rule is
// broken, as in TestStore/Add/expired.
//
// What a store cannot do at all, it says by cryptomem.ErrNotSupported: those tests
// are skipped. GET, SET and DELETE no store may lack, and one that carries a
// command out once may not refuse it so another time.
//
// The values are sealed ones, as those of a Client are: a store may take versions
// from them.
package storetest

import (
	"testing"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

// A Clocked is a Store whose time is the test's. All others are waited for: until
// what has a TTL of a millisecond is gone.
type Clocked interface {
	// Advance moves the time by which the store's items expire.
	Advance(d time.Duration)
}

// A Foreign is a Store beside which others use the same names for something that
// is no value, such as a list in Redis.
type Foreign interface {
	// PutForeign puts such a thing under the name.
	PutForeign(t *testing.T, name []byte)
}

// Run holds the stores that newStore returns to the contract. It calls newStore
// for each chapter of it and closes what that returns; what lies below the store
// is newStore's to end, by t.Cleanup. The store need not be empty: names begin
// with random bytes.
func Run(t *testing.T, newStore func(t *testing.T) cryptomem.Store) {
	t.Helper()
	lacks := &lacks{}
	for _, chapter := range []struct {
		name string
		run  func(*testing.T, *subject)
	}{
		{"Get", testGet},
		{"GetItem", testGetItem},
		{"Set", testSet},
		{"Add", testAdd},
		{"Replace", testReplace},
		{"Swap", testSwap},
		{"Delete", testDelete},
		{"GetDel", testGetDel},
		{"Foreign", testForeign},
		{"TTL", testTTL},
		{"Versions", testVersions},
		{"Fences", testFences},
		{"Names", testNames},
		{"Values", testValues},
		{"Slices", testSlices},
		{"Sealer", testSealer},
		{"Batch", testBatch},
		{"Together", testTogether},
		{"Flush", testFlush},
		{"Scan", testScan},
		{"Ping", testPing},
		{"Stats", testStats},
		{"Unknown", testUnknown},
		{"Goroutines", testGoroutines},
		{"Cancelled", testCancelled},
		{"Closed", testClosed},
	} {
		t.Run(chapter.name, func(t *testing.T) {
			store := newStore(t)
			// "Closed" looks at its error
			t.Cleanup(func() { _ = store.Close() })
			chapter.run(t, newSubject(t, store, lacks))
		})
	}
}
