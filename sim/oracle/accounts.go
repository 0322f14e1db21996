package oracle

import (
	"encoding/binary"
	"strings"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// ItemCost is what an item takes of its owner's quota beside its name and its
// value, in bytes, as the documentation of max_memory says.
const ItemCost = 24

// Accounts are whose items are in a store and what they take of quotas. Each
// request and its answer is shown to them at the instant of execution.
//
// They cannot see when exactly the store reclaims what has expired, so that they
// know bounds alone until all of it is; nor evictions, so that a store which evicts
// is held to less.
type Accounts struct {
	// Evicts says that items may be gone unnoticed.
	Evicts bool
	quotas map[string]int64
	items  map[string]*charged
}

type charged struct {
	owner  string
	cost   int64
	expiry int64
}

// NewAccounts returns the accounts of an empty store.
func NewAccounts() *Accounts {
	return &Accounts{quotas: map[string]int64{}, items: map[string]*charged{}}
}

// Quota bounds what an owner's items may take, in bytes; 0 does not.
func (l *Accounts) Quota(owner string, bytes int64) { l.quotas[owner] = bytes }

// Limited reports whether an owner has a quota.
func (l *Accounts) Limited(owner string) bool { return l.quotas[owner] > 0 }

// Used returns what an owner's items take at the instant now: at least, without
// what has expired, and at most.
func (l *Accounts) Used(owner string, now int64) (least, most int64) {
	for _, it := range l.items {
		if it.owner != owner {
			continue
		}
		most += it.cost
		if it.expiry == 0 || now < it.expiry {
			least += it.cost
		}
	}
	return least, most
}

// Check judges one executed request of an owner. other reports whether an item
// changed hands.
func (l *Accounts) Check(now int64, owner string, r *wire.Request, a wire.Response) (other bool, broken *Violation) {
	key := string(r.Key)
	switch r.Command {
	case wire.Set, wire.Add, wire.Replace, wire.CAS:
		size := len(r.Value)
		if r.Command == wire.CAS {
			size -= 8
		}
		return l.write(now, owner, key, int64(ItemCost+len(key)+size), r, a)
	case wire.Delete, wire.GetDel:
		if a.Status == wire.OK {
			delete(l.items, key)
		}
	case wire.Touch:
		if it := l.items[key]; it != nil && a.Status == wire.OK {
			it.expiry = deadline(now, r.TTL)
		}
	case wire.Flush:
		if a.Status != wire.OK || len(a.Value) != 8 || binary.BigEndian.Uint64(a.Value) == 0 {
			break
		}
		for k := range l.items {
			if strings.HasPrefix(k, key) {
				delete(l.items, k)
			}
		}
	}
	return false, nil
}

// AccountFull reports whether an answer says that an identity's items would take more
// than its quota. The text is what clients are promised, not what the product calls it.
func AccountFull(a wire.Response) bool {
	return a.Status == wire.Error && strings.Contains(string(a.Value), "account limit reached")
}

func (l *Accounts) write(now int64, owner, key string, cost int64, r *wire.Request, a wire.Response) (other bool, broken *Violation) {
	least, most := l.Used(owner, now)
	quota, before := l.quotas[owner], l.items[key]
	own, certain := int64(0), int64(0) // of the item that is replaced
	if before != nil && before.owner == owner {
		own = before.cost
		if before.expiry == 0 || now < before.expiry {
			certain = own
		}
	}
	switch {
	case a.Status == wire.OK:
		if quota > 0 && cost > own && least-certain+cost > quota && !l.Evicts {
			return false, violation(RuleQuota, "%v %q of %s was stored: its items take %d bytes at least, quota %d", r.Command, key, owner, least-certain+cost, quota)
		}
		l.items[key] = &charged{owner, cost, deadline(now, r.TTL)}
		return before != nil && before.owner != owner, nil
	case AccountFull(a):
		if !strings.HasPrefix(string(a.Value), "full: ") {
			return false, violation(RuleQuota, "%v %q of %s was refused in other words than for want of room: %s", r.Command, key, owner, a.Value)
		}
		// what is on its way counts apart
		if onTheWay := strings.Contains(string(a.Value), "on their way"); quota <= 0 || most+cost <= quota && !onTheWay {
			return false, violation(RuleQuota, "%v %q of %s was refused: with it, its items would take %d bytes at most, quota %d", r.Command, key, owner, most+cost, quota)
		}
	}
	return false, nil
}
