package access

import (
	"sync/atomic"

	"github.com/Zezezknight/cryptomem/cache"

	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A permission is what a member may do on one connection.
type permission struct {
	member *member
	// Whether what the client showed still counts.
	proven  func(*identity) bool
	checked atomic.Pointer[identity]
	closed  atomic.Bool
}

var (
	_ server.ValueLimit     = (*permission)(nil)
	_ server.RequestCounter = (*permission)(nil)
	_ server.Revocable      = (*permission)(nil)
	_ server.Owner          = (*permission)(nil)
	_ server.ShareHolder    = (*permission)(nil)
)

// identity returns what the member is now, or nil if what the client showed
// counts no longer.
func (p *permission) identity() *identity {
	id := p.member.identity.Load()
	if id == p.checked.Load() {
		return id
	}
	// The file was replaced since the last request.
	if id == nil || !p.proven(id) {
		return nil
	}
	p.checked.Store(id)
	return id
}

// Allows implements server.Permission.
func (p *permission) Allows(c wire.Command, key []byte) bool {
	id := p.identity()
	return id != nil && id.allows(c, key)
}

// Revoked implements cryptomem.Revocable.
func (p *permission) Revoked() bool { return p.identity() == nil }

// Count implements cryptomem.RequestCounter.
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

// Share implements server.ShareHolder.
func (p *permission) Share() *session.Share { return &p.member.holds }

// Close gives the connection back.
func (p *permission) Close() error {
	if !p.closed.Swap(true) {
		p.member.connections.Add(-1)
	}
	return nil
}
