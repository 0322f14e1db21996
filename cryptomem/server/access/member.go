package access

import (
	"math"
	"sync/atomic"

	"github.com/Zezezknight/cryptomem/cache"
	"github.com/Zezezknight/cryptomem/cache/bounded"

	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/transport/session"
)

// A member is who goes by one identity's name. It outlives the identity, which
// a new file replaces.
type member struct {
	// identity is nil while it is not listed.
	identity atomic.Pointer[identity]
	// What its items are charged to; nil without a server.
	account     atomic.Pointer[cache.Account]
	connections bounded.Counter
	requests    atomic.Uint64
	denied      atomic.Uint64
	// holds of the server's memory in flight.
	holds session.Share
}

// follow makes id what the member is from now on.
func (m *member) follow(id *identity, account *cache.Account) {
	if account != nil {
		account.SetLimit(id.maxMemory)
		m.account.Store(account)
	}
	m.identity.Store(id)
}

// permit takes one of the member's connections, or current's if that is of the
// member. The client is proven by id; should there be a newer one, its first
// request is held to that. The error is a *LimitError.
func (m *member) permit(id *identity, current server.Permission, proven func(*identity) bool) (server.Permission, error) {
	before, ok := current.(*permission)
	again := ok && before.member == m && !before.closed.Swap(true)
	if !again && !m.connect(id.maxConnections) {
		return nil, &LimitError{id.name, id.maxConnections}
	}
	p := &permission{member: m, proven: proven}
	p.checked.Store(id)
	return p, nil
}

// connect takes a connection unless that many are taken; 0 is no limit.
func (m *member) connect(limit int64) bool {
	if limit == 0 {
		limit = math.MaxInt64
	}
	_, ok := m.connections.AddWithin(1, limit)
	return ok
}
