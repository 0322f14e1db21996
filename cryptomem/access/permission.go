package access

import (
	"fmt"
	"sync/atomic"

	"github.com/Zezezknight/cryptomem/cache"
	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/transport"
)

// A permission is what an identity may do on one connection.
type permission struct {
	account *account
	proven  func(*identity) bool // whether what the client showed still counts
	checked atomic.Pointer[identity]
	closed  atomic.Bool
}

var (
	_ cryptomem.ValueLimit = (*permission)(nil)
	_ cryptomem.Tally      = (*permission)(nil)
	_ cryptomem.Owner      = (*permission)(nil)
)

// permit takes one of the account's connections, or current's if that is of the
// account. The client is proven by rules; should newer ones be there, its first
// request is held to them.
func (a *account) permit(rules *identity, current cryptomem.Permission, proven func(*identity) bool) (cryptomem.Permission, error) {
	before, ok := current.(*permission)
	again := ok && before.account == a && !before.closed.Swap(true)
	if !again && !a.connect(rules.maxConnections) {
		return nil, fmt.Errorf("%w: %w", ErrTooManyConnections, transport.Refusal{
			Status:  transport.Busy,
			Message: fmt.Sprintf("busy: %s has reached its limit of connections (%d)", rules.name, rules.maxConnections),
		})
	}
	p := &permission{account: a, proven: proven}
	p.checked.Store(rules)
	return p, nil
}

// connect takes a connection unless that many are taken; 0 is no limit.
func (a *account) connect(limit int64) bool {
	if n := a.connections.Add(1); limit > 0 && n > limit {
		a.connections.Add(-1)
		return false
	}
	return true
}

// Allows implements cryptomem.Permission.
func (p *permission) Allows(c transport.Command, key []byte) bool {
	rules := p.account.rules.Load()
	if rules != p.checked.Load() {
		// The file was replaced since the last request: a token or certificate
		// that it no longer lists ends here.
		if rules == nil || !p.proven(rules) {
			return false
		}
		p.checked.Store(rules)
	}
	return rules != nil && rules.allows(c, key)
}

// Count implements cryptomem.Tally.
func (p *permission) Count(allowed bool) {
	p.account.requests.Add(1)
	if !allowed {
		p.account.denied.Add(1)
	}
}

// MaxValueSize implements cryptomem.ValueLimit.
func (p *permission) MaxValueSize() int {
	if rules := p.account.rules.Load(); rules != nil {
		return int(rules.maxValueSize)
	}
	return 0
}

// Account implements cryptomem.Owner.
func (p *permission) Account() *cache.Account { return p.account.memory.Load() }

// Close gives the connection back.
func (p *permission) Close() error {
	if !p.closed.Swap(true) {
		p.account.connections.Add(-1)
	}
	return nil
}
