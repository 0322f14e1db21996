package access

import (
	"sync/atomic"

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

var _ cryptomem.ValueLimit = (*permission)(nil)

// newPermission takes one of the account's connections. The client is proven by
// rules; should newer ones be there, its first request is held to them.
func newPermission(a *account, rules *identity, proven func(*identity) bool) (*permission, error) {
	if n := a.connections.Add(1); rules.maxConnections > 0 && n > rules.maxConnections {
		a.connections.Add(-1)
		return nil, ErrTooManyConnections
	}
	p := &permission{account: a, proven: proven}
	p.checked.Store(rules)
	return p, nil
}

// Allows implements cryptomem.Permission.
func (p *permission) Allows(c transport.Command, key []byte) bool {
	p.account.requests.Add(1)
	rules := p.account.rules.Load()
	if rules != p.checked.Load() {
		// The file was replaced since the last request: a token or certificate
		// that it no longer lists ends here.
		if rules != nil && !p.proven(rules) {
			rules = nil
		} else {
			p.checked.Store(rules)
		}
	}
	if rules == nil || !rules.allows(c, key) {
		p.account.denied.Add(1)
		return false
	}
	return true
}

// MaxValueSize implements cryptomem.ValueLimit.
func (p *permission) MaxValueSize() int {
	if rules := p.account.rules.Load(); rules != nil {
		return int(rules.maxValueSize)
	}
	return 0
}

// Close gives the connection back.
func (p *permission) Close() error {
	if !p.closed.Swap(true) {
		p.account.connections.Add(-1)
	}
	return nil
}
