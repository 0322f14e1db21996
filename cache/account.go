package cache

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/Zezezknight/cryptomem/cache/bounded"
)

// ItemOverhead is what an item counts against its account in addition to its key
// and value, in bytes: about what its header and its share of the index take.
const ItemOverhead = 24

// maxAccounts is how many accounts a cache can have: a record names one in
// accountSize bytes.
const (
	maxAccounts = math.MaxUint16
	accountSize = 2
)

// MaxAccountName is the longest name of an account, in bytes.
const MaxAccountName = 255

// Errors of accounts.
var (
	// ErrAccountFull means that the item does not fit under the limit of its
	// account.
	ErrAccountFull = errors.New("account limit reached")
	// ErrNoAccounts means that the cache was made without WithAccounts.
	ErrNoAccounts = errors.New("cache has no accounts")
	// ErrAccountName means that a name is empty or exceeds MaxAccountName bytes.
	ErrAccountName = errors.New("account name is empty or too long")
	// ErrTooManyAccounts means that the cache has 65,535 accounts, including closed
	// ones that still have items.
	ErrTooManyAccounts = errors.New("too many accounts")
	// ErrAccountClosed means that the account was closed and is gone.
	ErrAccountClosed = errors.New("account is closed")
)

// WithAccounts makes the cache remember for each item which account it is
// charged to. That costs two bytes an item.
func WithAccounts() Option { return func(o *options) { o.accounts = true } }

// An Account counts the bytes that one owner's items use, and may bound them.
// An item is charged to the account whose Cache stored it last, from then until its
// memory is reclaimed, which is a little after it expires. Uploads of large values
// count separately, up to the same limit. An Account is safe for concurrent use.
//
//	web, err := c.Account("web")
//	web.SetLimit(64 << 20)
//	_, err = web.Cache().Set(now, key, value, ttl)  // may be ErrAccountFull
type Account struct {
	*accountState
	cache *Cache
	// closed is guarded by accounts.mu.
	closed bool
}

// An accountState is what shards know of an account. It does not refer to the Cache,
// which its own shards would then keep from being collected.
type accountState struct {
	name string
	// number is never 0, which stands for no account.
	number uint16
	limit  atomic.Int64
	used   bounded.Counter
	// uploads is the bytes of values being uploaded.
	uploads bounded.Counter
	refused atomic.Uint64
}

// accountGone marks, in place of the bytes used, an account that no longer owns its
// entry. No charge brings it above 0.
const accountGone = math.MinInt64 / 2

// retire ends an account for good if nothing is charged to it, and reports whether
// it did. A write that is under way counts as charged.
func (b *accountState) retire() bool { return b.used.CompareAndSwap(0, accountGone) }

// An accountTable holds the accounts of one cache by number; entry 0 is nil, for items
// of no account. Once no record names an entry, another account may take it.
type accountTable struct {
	entries atomic.Pointer[[]*accountEntry]
}

type accountEntry struct{ atomic.Pointer[accountState] }

func newAccountTable() *accountTable {
	l := new(accountTable)
	l.entries.Store(&[]*accountEntry{nil})
	return l
}

func (l *accountTable) of(number uint16) *accountState {
	if number == 0 {
		return nil
	}
	return (*l.entries.Load())[number].Load()
}

// accounts holds the accounts of one cache by name.
type accounts struct {
	// mu guards the fields below and changes of the accountTable.
	mu     sync.Mutex
	byName map[string]*Account
	// free lists the entries that no record names.
	free []uint16
}

// newNumber returns an entry for a new account. It needs the lock.
func (a *accounts) newNumber(l *accountTable) (uint16, error) {
	rows := *l.entries.Load()
	if len(a.free) == 0 && len(rows) > maxAccounts {
		for _, account := range a.byName {
			if account.closed {
				a.retire(account)
			}
		}
	}
	if n := len(a.free); n > 0 {
		number := a.free[n-1]
		a.free = a.free[:n-1]
		return number, nil
	}
	if len(rows) > maxAccounts {
		return 0, fmt.Errorf("%w: limit %d", ErrTooManyAccounts, maxAccounts)
	}
	// beyond what readers of the old slice look at
	rows = append(rows, new(accountEntry))
	l.entries.Store(&rows)
	return uint16(len(rows) - 1), nil
}

// retire frees the account's entry if nothing is charged to it. It needs the lock.
func (a *accounts) retire(account *Account) {
	if account.retire() {
		delete(a.byName, account.name)
		a.free = append(a.free, account.number)
	}
}

// Account returns the account of that name. If there is none, it opens one without a
// limit. Errors: ErrNoAccounts, ErrAccountName, ErrTooManyAccounts.
func (c *Cache) Account(name string) (*Account, error) {
	if !c.accounts {
		return nil, ErrNoAccounts
	}
	if len(name) == 0 || len(name) > MaxAccountName {
		return nil, fmt.Errorf("%w: %d bytes, limit %d", ErrAccountName, len(name), MaxAccountName)
	}
	c.opened.mu.Lock()
	defer c.opened.mu.Unlock()
	if a := c.opened.byName[name]; a != nil {
		a.closed = false
		return a, nil
	}
	number, err := c.opened.newNumber(c.accountTable)
	if err != nil {
		return nil, err
	}
	b := &accountState{name: name, number: number}
	(*c.accountTable.entries.Load())[number].Store(b)
	a := &Account{accountState: b, cache: &Cache{shared: c.shared, account: b}}
	if c.opened.byName == nil {
		c.opened.byName = make(map[string]*Account)
	}
	c.opened.byName[name] = a
	return a, nil
}

// Close closes the account. Its entry is reused for another account once none of its
// items is left. If it is opened again before that, it still has its items and its
// limit.
func (a *Account) Close() error {
	opened := &a.cache.opened
	opened.mu.Lock()
	defer opened.mu.Unlock()
	if opened.byName[a.name] == a {
		a.closed = true
		opened.retire(a)
	}
	return nil
}

// FindAccount returns the account of that name if it is open, and never opens one:
// for names from untrusted input.
func (c *Cache) FindAccount(name string) (*Account, bool) {
	c.opened.mu.Lock()
	defer c.opened.mu.Unlock()
	a, ok := c.opened.byName[name]
	return a, ok && !a.closed
}

// Name returns the name that the account was opened under.
func (a *Account) Name() string { return a.name }

// Cache returns the cache itself, but what is stored through it is charged to
// the account. Everything else, Account, Start and Close included, is the same.
func (a *Account) Cache() *Cache { return a.cache }

// SetLimit bounds what the account's items use, in bytes; 0 is no bound. A bound below
// what they use removes none of them, but no write that adds to them is stored.
func (a *Account) SetLimit(bytes int64) { a.limit.Store(bytes) }

// Limit returns the bound in bytes, 0 for none.
func (a *Account) Limit() int64 { return a.limit.Load() }

// Used returns the bytes of the account's items: keys, values, and ItemOverhead
// for each.
func (a *Account) Used() int64 { return a.used.Load() }

// Refused returns how many writes were refused with ErrAccountFull.
func (a *Account) Refused() uint64 { return a.refused.Load() }

// reserve charges n bytes to the account, of which back bytes are about to be
// given back, unless that would pass its limit. A nil account has no limit.
func (b *accountState) reserve(n, back int64) error {
	if b == nil {
		return nil
	}
	after, ok := b.used.AddWithin(n, b.bound(n, back))
	switch {
	case !ok:
		return b.refuse(after - back)
	case after < 0:
		b.used.Add(-n)
		return fmt.Errorf("%w: %s", ErrAccountClosed, b.name)
	}
	return nil
}

// bound returns how far used may grow by n bytes, of which back bytes are about to
// be given back. A write that does not need more than before is always allowed.
func (b *accountState) bound(n, back int64) int64 {
	limit := b.limit.Load()
	if limit <= 0 || n <= back || limit > math.MaxInt64-back {
		return math.MaxInt64
	}
	return limit + back
}

func (b *accountState) refuse(after int64) error {
	b.refused.Add(1)
	return fmt.Errorf("%w: %s would use %d bytes, limit %d", ErrAccountFull, b.name, after, b.limit.Load())
}

// reserveUpload counts n more bytes of an upload, unless all uploads together would
// pass the account's limit.
func (b *accountState) reserveUpload(n int64) error {
	if b == nil {
		return nil
	}
	if uploading, ok := b.uploads.AddWithin(n, b.bound(n, 0)); !ok {
		b.refused.Add(1)
		return fmt.Errorf("%w: %s would have %d bytes on their way, limit %d", ErrAccountFull, b.name, uploading, b.limit.Load())
	}
	return nil
}

func (b *accountState) releaseUpload(n int64) {
	if b != nil {
		b.uploads.Add(-n)
	}
}

// affords returns the error that reserve would, so that a large value that will not
// fit evicts nothing while it is uploaded.
func (s *shard) affords(h uint64, key []byte, size int, b *accountState) error {
	if b == nil || b.limit.Load() <= 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n, back := cost(len(key), size), int64(0)
	var e entry
	if s.find(h, key, &e) && e.account == b.number {
		back = e.cost()
	}
	if after := b.used.Load() + n; after > b.bound(n, back) {
		return b.refuse(after - back)
	}
	return nil
}

// charge is reserve without a limit.
func (b *accountState) charge(n int64) {
	if b != nil {
		b.used.Add(n)
	}
}

// release ends the charge for n bytes.
func (b *accountState) release(n int64) {
	if b != nil {
		b.used.Add(-n)
	}
}

// id returns the account's number, 0 for a nil account.
func (b *accountState) id() uint16 {
	if b == nil {
		return 0
	}
	return b.number
}

// owner returns the account's name, empty for a nil account.
func (b *accountState) owner() string {
	if b == nil {
		return ""
	}
	return b.name
}

// cost is what the record's item counts against its account.
func (r *record) cost() int64 { return cost(len(r.key), r.length) }

func cost(key, value int) int64 { return int64(ItemOverhead + key + value) }
