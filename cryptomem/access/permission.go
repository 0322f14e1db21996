package access

import (
	"sync/atomic"

	"github.com/Zezezknight/cryptomem/cache"
	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/transport"
)

// A permission is what a member may do on one connection.
type permission struct {
	member  *member
	proven  func(*identity) bool // whether what the client showed still counts
	checked atomic.Pointer[identity]
	closed  atomic.Bool
}

var (
	_ cryptomem.ValueLimit = (*permission)(nil)
	_ cryptomem.Tally      = (*permission)(nil)
	_ cryptomem.Owner      = (*permission)(nil)
)

// Allows implements cryptomem.Permission.
func (p *permission) Allows(c transport.Command, key []byte) bool {
	id := p.member.identity.Load()
	if id != p.checked.Load() {
		// The file was replaced since the last request: a token or certificate
		// that it no longer lists ends here.
		if id == nil || !p.proven(id) {
			return false
		}
		p.checked.Store(id)
	}
	return id != nil && id.allows(c, key)
}

// Count implements cryptomem.Tally.
func (p *permission) Count(allowed bool) {
	p.member.requests.Add(1)
	if !allowed {
		p.member.denied.Add(1)
	}
}

// MaxValueSize implements cryptomem.ValueLimit.
func (p *permission) MaxValueSize() int {
	if id := p.member.identity.Load(); id != nil {
		return int(id.maxValueSize)
	}
	return 0
}

// Account implements cryptomem.Owner.
func (p *permission) Account() *cache.Account { return p.member.account.Load() }

// Close gives the connection back.
func (p *permission) Close() error {
	if !p.closed.Swap(true) {
		p.member.connections.Add(-1)
	}
	return nil
}
