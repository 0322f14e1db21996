package proxy

import (
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/Zezezknight/cryptomem/cache/bounded"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/keyspace"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/script"
)

// RedisVersion is the version of Redis whose commands the proxy supports.
const RedisVersion = "7.0.15"

// A Proxy has the state that all sessions share. It is safe for concurrent use.
type Proxy struct {
	settings Settings
	started  time.Time
	runID    string
	counts   counts
	scripts  *script.Engine
	inFlight bounded.Counter

	// Guards what follows.
	mu       sync.Mutex
	spaces   []*keyspace.Space
	sessions map[int64]*Session
	lastID   int64
}

// New returns a Proxy without sessions.
func New(s Settings) *Proxy {
	if s.Databases == 0 {
		s.Databases = DefaultDatabases
	}
	if s.MaxInFlight == 0 {
		s.MaxInFlight = DefaultMaxInFlight
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	s.Commands = s.Commands.WithDefaults()
	p := &Proxy{
		settings: s,
		started:  s.Clock.Now(),
		spaces:   make([]*keyspace.Space, s.Databases),
		sessions: make(map[int64]*Session),
		scripts:  script.New(s.Scripts),
	}
	for range 10 {
		p.runID += strconv.FormatInt(int64(1<<16+s.Random(1<<16)), 16)[1:]
	}
	return p
}

// errDatabase means that there is no such database.
var errDatabase = errors.New("DB index is out of range")

// space returns the names of a database.
func (p *Proxy) space(database int) (*keyspace.Space, error) {
	if database < 0 || database >= p.settings.Databases {
		return nil, errDatabase
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.spaces[database] == nil {
		s, err := p.settings.Space(database)
		if err != nil {
			return nil, err
		}
		p.spaces[database] = s
	}
	return p.spaces[database], nil
}

// enter adds s to the sessions that CLIENT LIST shows.
func (p *Proxy) enter(s *Session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lastID++
	s.id = p.lastID
	p.sessions[s.id] = s
	p.counts.connections.Add(1)
}

func (p *Proxy) leave(s *Session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.sessions, s.id)
}

// all returns the sessions by their numbers.
func (p *Proxy) all() []*Session {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]*Session, 0, len(p.sessions))
	for _, s := range p.sessions {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *Session) int { return int(a.id - b.id) })
	return all
}
