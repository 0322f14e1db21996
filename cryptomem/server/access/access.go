// Package access decides what each client of a server may do.
//
// An identities file gives every identity a name, what proves it (hashed
// tokens, names in a client certificate), the part of the key space that it may
// touch, and limits:
//
//	web:
//	  tokens: ["sha256:2cf2…"]            # made by `cryptomem token web`
//	  certificates: [web.example.com]      # a DNS name, URI, e-mail address or common name
//	  namespaces: [sessions]               # keys of clients with this namespace
//	  prefixes: ["shared/"]                # keys that begin so; "" is every key
//	  read_only: false
//	  stats: false                         # whether STATS is answered
//	  scan: true                           # whether SCAN is answered, for those keys
//	  max_connections: 100
//	  max_value_size: 64KiB                # tighter than the server's
//	  max_memory: 512MiB                   # of the store, for all that it keeps there
//
// Nothing is allowed that the file does not name. A [List] is the Authenticator
// of a server; replacing its file takes effect on open connections with their
// next request, so that a removed identity or token works no longer, and works
// again when it is back.
package access

import (
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/Zezezknight/cryptomem/cache"

	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/sealing/safefile"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// MaxFileSize is the size in bytes up to which an identities file is read: room
// for some 50,000 of them.
const MaxFileSize = 16 << 20

// Why a client is denied. The client learns only about its connections; the rest is for
// the server's log.
var (
	ErrUnknownIdentity    = errors.New("unknown identity")
	ErrWrongToken         = errors.New("wrong token")
	ErrTooManyConnections = errors.New("the identity has all its connections open")
)

// A LimitError is ErrTooManyConnections of one identity, and the
// wire.Refusal that its client is told.
type LimitError struct {
	Identity       string
	MaxConnections int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%v (%d)", ErrTooManyConnections, e.MaxConnections)
}

// Unwrap returns what e is.
func (e *LimitError) Unwrap() []error {
	return []error{ErrTooManyConnections, wire.RefuseBusy("%s has reached its limit of connections (%d)", e.Identity, e.MaxConnections)}
}

// A List is the identities of one server. It is safe for concurrent use.
type List struct {
	// Guards the fields; what they lead to guards itself.
	mu sync.RWMutex
	// By name: all that are listed or have connections.
	members map[string]*member
	// The store with the identities' accounts; nil without a server.
	store *cache.Cache
}

var _ server.Accountant = (*List)(nil)

// Load reads an identities file. The error is a config.Problems if it is wrong.
func Load(file string) (*List, error) {
	l := New()
	return l, l.Reload(file)
}

// New returns an empty list.
func New() *List { return &List{members: make(map[string]*member)} }

// Reload replaces all identities by those of the file; on an error all stay.
func (l *List) Reload(file string) error {
	text, err := safefile.Read(file, MaxFileSize)
	if err != nil {
		return fmt.Errorf("read identities: %w", err)
	}
	return l.Replace(file, text)
}

// Replace is Reload with the text that a file holds, whose name is for problems.
func (l *List) Replace(file string, text []byte) error {
	var err error
	identities, problems := parse(file, text)
	if len(problems) > 0 {
		return problems
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	listed := make(map[string]bool, len(identities))
	for _, id := range identities {
		listed[id.name] = true
	}
	// first, for the room that their accounts take
	l.closeUnlisted(listed)
	accounts := make([]*cache.Account, len(identities))
	for i, id := range identities {
		if accounts[i], err = l.open(id.name); err != nil {
			l.discard(identities[:i], accounts)
			return errors.Join(err, l.reopen())
		}
	}
	for i, id := range identities {
		if l.members[id.name] == nil {
			l.members[id.name] = new(member)
		}
		l.members[id.name].follow(id, accounts[i])
	}
	for name, m := range l.members {
		if !listed[name] {
			m.identity.Store(nil)
			if m.connections.Load() == 0 {
				delete(l.members, name)
			}
		}
	}
	return nil
}

// closeUnlisted closes the accounts of members that are not listed, unless they
// have connections: the file may list them again, and they go on. What they have
// stored stays, and is charged to them should they come back before it is gone.
func (l *List) closeUnlisted(listed map[string]bool) {
	for name, m := range l.members {
		if account := m.account.Load(); !listed[name] && account != nil && m.connections.Load() == 0 {
			// never fails
			_ = account.Close()
		}
	}
}

// reopen opens the accounts of all members, after a file that is not taken.
func (l *List) reopen() error {
	for name, m := range l.members {
		if id := m.identity.Load(); id != nil {
			account, err := l.open(name)
			if err != nil {
				return err
			}
			m.follow(id, account)
		}
	}
	return nil
}

// discard closes the accounts that were opened for identities which are not
// taken after all.
func (l *List) discard(identities []*identity, accounts []*cache.Account) {
	for i, id := range identities {
		if l.members[id.name] == nil && accounts[i] != nil {
			// never fails
			_ = accounts[i].Close()
		}
	}
}

// OpenAccounts implements cryptomem.Accountant: what an identity stores in c is
// charged to an account of its name, whose limit is the identity's max_memory.
func (l *List) OpenAccounts(c *cache.Cache) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.store = c
	return l.reopen()
}

// open returns the account in the server's store, nil without one.
func (l *List) open(name string) (*cache.Account, error) {
	if l.store == nil {
		return nil, nil
	}
	a, err := l.store.Account(name)
	if err != nil {
		return nil, fmt.Errorf("identity %s: %w", name, err)
	}
	return a, nil
}

// Greet implements server.Authenticator: a verified client certificate that
// names exactly one identity needs no AUTH.
func (l *List) Greet(conn net.Conn) (server.Permission, error) {
	secured, ok := conn.(interface{ ConnectionState() tls.ConnectionState })
	if !ok {
		return nil, nil
	}
	state := secured.ConnectionState()
	if len(state.VerifiedChains) == 0 {
		return nil, nil
	}
	names := certificateNames(state.VerifiedChains[0][0])
	var found *member
	var as *identity
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, m := range l.members {
		if id := m.identity.Load(); id != nil && id.hasCertificate(names) {
			if found != nil {
				// of two identities, neither
				return nil, nil
			}
			found, as = m, id
		}
	}
	if found == nil {
		return nil, nil
	}
	return found.permit(as, nil, func(id *identity) bool { return id.hasCertificate(names) })
}

// Authenticate implements server.Authenticator.
func (l *List) Authenticate(_ net.Conn, current server.Permission, name, token []byte) (server.Permission, error) {
	sum := sha256.Sum256(token)
	l.mu.RLock()
	m := l.members[string(name)]
	l.mu.RUnlock()
	var id *identity // what the token is checked by, even if a new file comes meanwhile
	if m != nil {
		id = m.identity.Load()
	}
	if id == nil {
		// an unknown name takes as long as a known one
		unknown.hasToken(&sum)
		return nil, ErrUnknownIdentity
	}
	if !id.hasToken(&sum) {
		return nil, ErrWrongToken
	}
	return m.permit(id, current, func(id *identity) bool { return id.hasToken(&sum) })
}
