package proxy

import (
	"context"
	"errors"
	"strconv"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/command"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/keyspace"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/value"
)

const errBlind = "ERR names are blind in this namespace: only a client that knows a name finds it, so names cannot be listed"

// scanNames answers for an upstream whose names cannot be listed, or that has
// failed.
func (s *Session) scanFailed(err error, empty func()) {
	switch {
	case errors.Is(err, keyspace.ErrNotSupported) && s.proxy.settings.EmptyScans:
		empty()
	case errors.Is(err, keyspace.ErrNotSupported):
		s.reply("-" + errBlind)
	default:
		s.out = append(s.out, s.upstreamError(err)...)
	}
}

func (s *Session) emptyScan() {
	s.out = resp.AppendArray(s.out, 2)
	s.out = resp.AppendBulk(s.out, "0")
	s.out = resp.AppendArray(s.out, 0)
}

func scan(s *Session, args [][]byte) {
	cursor, ok := command.ParseCursor(args[1])
	if !ok {
		s.reply("-ERR invalid cursor")
		return
	}
	o, text := command.ParseScanOptions(args[2:], true)
	if text != "" {
		s.reply("-" + text)
		return
	}
	var names [][]byte
	next, err := s.space.Upstream().Scan(context.Background(), command.LiteralPrefix(o.Pattern), cursor, min(o.Count, maxScanned), func(name []byte) {
		if o.Pattern == nil || command.Match(o.Pattern, name) {
			names = append(names, append([]byte{}, name...))
		}
	})
	if err == nil && o.Type != nil {
		names, err = s.ofType(names, string(o.Type))
	}
	if err != nil {
		s.scanFailed(err, s.emptyScan)
		return
	}
	s.out = resp.AppendArray(s.out, 2)
	s.out = resp.AppendBulk(s.out, strconv.FormatUint(next, 10))
	s.appendNames(names)
}

// maxScanned is how many names one step of a scan asks for.
const maxScanned = 10_000

func (s *Session) appendNames(names [][]byte) {
	s.out = resp.AppendArray(s.out, len(names))
	for _, name := range names {
		s.out = resp.AppendBulk(s.out, name)
	}
}

// ofType returns the names under which there are values of a type.
func (s *Session) ofType(names [][]byte, wanted string) ([][]byte, error) {
	requests := make([]keyspace.Request, len(names))
	asked := make([]*keyspace.Request, len(names))
	for i, name := range names {
		requests[i] = keyspace.Request{Kind: keyspace.Get, Name: name}
		asked[i] = &requests[i]
	}
	s.do(asked)
	var found [][]byte
	for i := range requests {
		var e value.Entry
		if err := keyspace.EntryOf(&requests[i], &e); err != nil {
			return nil, err
		}
		if e.Exists() && e.Type.String() == wanted {
			found = append(found, names[i])
		}
	}
	return found, nil
}

// eachName calls f with every name that begins with prefix, once or more often,
// until it returns false.
func (s *Session) eachName(prefix string, f func(name []byte) bool) error {
	more := true
	for cursor := uint64(0); ; {
		next, err := s.space.Upstream().Scan(context.Background(), prefix, cursor, maxScanned/10, func(name []byte) { more = more && f(name) })
		if err != nil || next == 0 || !more {
			return err
		}
		cursor = next
	}
}

// maxListed bounds what KEYS answers and DBSIZE counts.
const maxListed = 1 << 20

func keys(s *Session, args [][]byte) {
	seen := make(map[string]struct{})
	var names [][]byte
	err := s.eachName(command.LiteralPrefix(args[1]), func(name []byte) bool {
		if _, again := seen[string(name)]; !again && command.Match(args[1], name) {
			seen[string(name)] = struct{}{}
			names = append(names, append([]byte{}, name...))
		}
		return len(names) < maxListed
	})
	if err != nil {
		s.scanFailed(err, func() { s.out = resp.AppendArray(s.out, 0) })
		return
	}
	if len(names) == maxListed {
		s.reply("-ERR more than 1048576 names match: use SCAN")
		return
	}
	s.appendNames(names)
}

// countNames counts different names up to a limit.
func (s *Session) countNames(limit int) (int, error) {
	seen := make(map[string]struct{})
	err := s.eachName("", func(name []byte) bool {
		seen[string(name)] = struct{}{}
		return len(seen) < limit
	})
	return len(seen), err
}

func dbsize(s *Session, _ [][]byte) {
	n, err := s.countNames(maxListed)
	if err != nil {
		s.scanFailed(err, func() { s.reply(":0") })
		return
	}
	s.out = resp.AppendInt(s.out, int64(n))
}

// flushArg reports whether a flush has no arguments but ASYNC or SYNC, and has
// answered if not.
func (s *Session) flushArg(args [][]byte) bool {
	if len(args) == 1 || len(args) == 2 && (command.Is(args[1], "ASYNC") || command.Is(args[1], "SYNC")) {
		return true
	}
	s.reply("-ERR syntax error")
	return false
}

func flushDB(s *Session, args [][]byte) {
	if !s.flushArg(args) {
		return
	}
	if err := s.space.Upstream().Flush(context.Background()); err != nil {
		s.out = append(s.out, s.upstreamError(err)...)
		return
	}
	s.reply("+OK")
}

func flushAll(s *Session, args [][]byte) {
	if !s.proxy.settings.AllowFlushAll {
		s.fail(command.ErrUnknown(args))
		return
	}
	if !s.flushArg(args) {
		return
	}
	for i := range s.proxy.settings.Databases {
		space, err := s.proxy.space(i)
		if err == nil {
			err = space.Upstream().Flush(context.Background())
		}
		if err != nil {
			s.out = append(s.out, s.upstreamError(err)...)
			return
		}
	}
	s.reply("+OK")
}
