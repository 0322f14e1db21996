package conformance_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/conformance"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A simpleServer is a second server of the protocol, as another author might write one
// from docs/protocol.md in an afternoon: a map, a lock, and a goroutine for each
// connection. It keeps every rule, but for the one that bug is about.
type simpleServer struct {
	rules

	mu       sync.Mutex // guards what follows
	items    map[string]simpleItem
	cursors  map[uint64]string // names that scans go on with
	version  uint64
	open     int
	all      map[net.Conn]bool
	order    sync.Mutex // held while a request is read or answered, by two of the bugs
	tenAtOne chan struct{}
}

// rules are how a simpleServer is set up.
type rules struct {
	bug string

	maxValueSize, maxConnections int
	frameTimeout, authTimeout    time.Duration
	writeTimeout, idleTimeout    time.Duration
	identity, token              string // "" asks for no AUTH
	prefix                       string // of the keys that the identity may use
}

type simpleItem struct {
	value   []byte
	version uint64
	ttl     time.Duration
	expires time.Time // zero: never
}

// has reports whether the server has the bug.
func (r *rules) has(bug string) bool { return r.bug == bug }

// serveSimple serves until the spec ends.
func serveSimple(r rules) (*simpleServer, conformance.Server) {
	GinkgoHelper()
	s := &simpleServer{rules: r}
	if s.maxValueSize == 0 {
		s.maxValueSize = 1 << 20
	}
	s.items, s.cursors, s.all = map[string]simpleItem{}, map[uint64]string{}, map[net.Conn]bool{}
	s.tenAtOne = make(chan struct{}, 10)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() {
		Expect(l.Close()).To(Succeed())
		s.closeAll()
	})
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	target := targetAt(l.Addr().String())
	target.Identity, target.Token = s.identity, []byte(s.token)
	target.Prefix, target.WriteTimeout, target.IdleTimeout = s.prefix, s.writeTimeout, s.idleTimeout
	target.MaxValueSize, target.MaxConnections = s.maxValueSize, s.maxConnections
	target.FrameTimeout, target.AuthTimeout = s.frameTimeout, s.authTimeout
	return s, target
}

func (s *simpleServer) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.all {
		_ = conn.Close() // the spec is over
	}
}

// A visit is one connection.
type visit struct {
	*simpleServer
	conn     net.Conn
	in       *bufio.Reader
	out      []byte // answers that are not sent
	kept     [][]byte
	late     []byte
	mine     map[string]bool
	guest    bool
	failures int
	executed int // since the last flush
	busy     bool
}

func (s *simpleServer) serve(conn net.Conn) {
	v := &visit{simpleServer: s, conn: conn, in: bufio.NewReaderSize(conn, 1<<16), mine: map[string]bool{}, guest: s.token != ""}
	s.mu.Lock()
	s.open++
	s.all[conn] = true
	v.busy = s.maxConnections > 0 && s.open > s.maxConnections && !s.has("takes every connection")
	s.mu.Unlock()
	if s.has("serves ten at a time") {
		s.tenAtOne <- struct{}{}
		defer func() { <-s.tenAtOne }()
	}
	if v.guest && s.authTimeout > 0 && !s.has("waits for AUTH for ever") {
		_ = conn.SetReadDeadline(time.Now().Add(s.authTimeout)) //nolint:forbidigo // as a server would
	}
	for v.one() {
	}
	v.flush()
	s.mu.Lock()
	s.open--
	if !s.has("leaves the connection open") {
		delete(s.all, conn)
	}
	s.mu.Unlock()
	if s.has("leaves the connection open") {
		return
	}
	_ = conn.(*net.TCPConn).CloseWrite()                  // so that the answers arrive,
	_ = conn.SetReadDeadline(time.Now().Add(time.Second)) //nolint:forbidigo // as a server would
	_, _ = io.Copy(io.Discard, struct{ io.Reader }{conn}) // whatever still comes
	_ = conn.Close()
}

func (v *visit) flush() {
	out := append(v.out, v.late...)
	if v.has("answers out of order") {
		out = swapped(out)
	}
	v.out, v.late, v.executed = nil, nil, 0
	if v.has("one slow reader stops all") {
		v.order.Lock()
		defer v.order.Unlock()
	}
	if v.writeTimeout > 0 && !v.has("waits for a reader for ever") {
		_ = v.conn.SetWriteDeadline(time.Now().Add(v.writeTimeout)) //nolint:forbidigo // as a server would
	}
	if _, err := v.conn.Write(out); err != nil {
		_ = v.conn.Close() // so that the next read fails
		return
	}
	if v.idleTimeout > 0 && !v.guest && !v.has("waits for the next request for ever") {
		_ = v.conn.SetReadDeadline(time.Now().Add(v.idleTimeout)) //nolint:forbidigo // as a server would
	}
}

// swapped exchanges the first two answers.
func swapped(out []byte) []byte {
	_, n, _ := wire.ParseResponse(out)
	_, m, _ := wire.ParseResponse(out[n:])
	return slices.Concat(out[n:n+m], out[:n], out[n+m:])
}

func (v *visit) answer(s wire.Status, value []byte) bool {
	switch {
	case v.has("large answers last") && len(value) > 100_000:
		v.late = wire.AppendResponse(v.late, s, value)
	case v.has("refusals first") && s == wire.Error:
		v.out = append(wire.AppendResponse(nil, s, value), v.out...)
	default:
		v.out = wire.AppendResponse(v.out, s, value)
	}
	return true
}

func (v *visit) refuse(c wire.Command, s wire.Status, message string) bool {
	if c <= wire.Delete {
		s = wire.Error
	}
	return v.answer(s, []byte(message))
}

// one reads, executes and answers one request, and reports whether there may be
// another.
func (v *visit) one() bool {
	full := len(v.out) > 1<<20
	switch {
	case full && v.has("keeps what nobody reads"):
		v.kept, v.out = append(v.kept, v.out), nil // apart: a copy of all would be a pause
	case full || v.in.Buffered() == 0:
		v.flush()
	}
	if v.executed++; v.executed > 1000 && v.has("takes a thousand at a time") {
		return false
	}
	for i, want := range []byte("CM") {
		if i == 1 && v.has("knows frames by their first byte") {
			_, err := v.in.Discard(1)
			if err != nil {
				return false
			}
			continue
		}
		got, err := v.in.ReadByte()
		if err != nil {
			return false
		}
		for got == 0 && v.has("skips zeros") {
			if got, err = v.in.ReadByte(); err != nil {
				return false
			}
		}
		if i == 0 && v.has("wants a header in one piece") && v.in.Buffered() < wire.RequestHeaderSize-1 {
			return false
		}
		if i == 0 && v.frameTimeout > 0 && !v.guest && !v.has("waits for a request for ever") {
			_ = v.conn.SetReadDeadline(time.Now().Add(v.frameTimeout)) //nolint:forbidigo // as a server would
		}
		if got == want {
			continue
		}
		switch {
		case v.has("closes without a word"):
			return false
		case v.has("goes on behind bad magic"):
			v.answer(wire.Error, []byte("bad magic"))
			return true
		case v.has("bad magic ends every connection"):
			v.closeAll()
		case v.has("waits for a header before it looks"):
			if _, err := v.in.Discard(wire.RequestHeaderSize - 1); err != nil {
				return false
			}
		}
		v.answer(wire.Error, []byte("bad magic"))
		return false
	}
	return v.request()
}

// request reads what follows the magic.
func (v *visit) request() bool {
	header := []byte("CM" + strings.Repeat("\x00", 15))
	if _, err := io.ReadFull(v.in, header[2:]); err != nil {
		return v.unfinished(err)
	}
	h := wire.ParseHeader(header)
	if v.has("holds a lock while a request arrives") {
		v.order.Lock()
		defer v.order.Unlock()
	}
	if v.busy {
		v.refuse(h.Command, wire.Busy, "busy: too many connections")
		return false
	}
	if status, why := v.judge(&h); why != "" {
		return v.drop(&h, status, why)
	}
	body := make([]byte, int(h.KeySize)+int(h.ValueSize))
	if v.has("wants a key in one piece") && v.in.Buffered() < int(h.KeySize) {
		return false
	}
	if n, err := io.ReadFull(v.in, body[:max(len(body)-1, 0)]); err != nil {
		if v.has("executes what was cut off") && n >= int(h.KeySize) && errors.Is(err, io.ErrUnexpectedEOF) {
			v.execute(h.Command, body[:h.KeySize], body[h.KeySize:], h.TTL)
		}
		return v.unfinished(err)
	}
	if v.has("executes before the last byte") && h.Command == wire.Set {
		v.execute(h.Command, body[:h.KeySize], body[h.KeySize:], h.TTL)
	}
	if len(body) > 0 {
		if _, err := io.ReadFull(v.in, body[len(body)-1:]); err != nil {
			if v.has("executes what was cut off") {
				v.execute(h.Command, body[:h.KeySize], body[h.KeySize:], h.TTL)
			}
			return v.unfinished(err)
		}
	}
	v.arrived()
	if h.Command == wire.Auth {
		return v.auth(string(body[:h.KeySize]), string(body[h.KeySize:]))
	}
	if c := h.Command; h.KeySize > 0 && !c.Has(wire.OmitsKey) && !bytes.HasPrefix(body, []byte(v.prefix)) {
		if v.has("means denied and says error") {
			return v.answer(wire.Error, []byte("not for you"))
		}
		return v.refuse(c, wire.Denied, "denied: not for you")
	}
	status, value := v.execute(h.Command, body[:h.KeySize], body[h.KeySize:], h.TTL)
	return v.answer(status, value)
}

// arrived says that a request is there whole. A guest's time goes on.
func (v *visit) arrived() {
	if !v.guest {
		_ = v.conn.SetReadDeadline(time.Time{})
	}
}

func (v *visit) unfinished(err error) bool {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		v.answer(wire.Error, []byte("the request took too long to arrive"))
	}
	return false
}

// drop reads a refused request and answers it.
func (v *visit) drop(h *wire.Header, s wire.Status, why string) bool {
	n := int64(h.KeySize) + int64(h.ValueSize)
	switch {
	case v.has("answers before it has dropped"):
		v.refuse(h.Command, s, why)
		v.flush()
	case v.has("drops no refused request"):
		n = int64(h.KeySize)
	case v.has("drops no more than the limit"):
		n = min(n, int64(h.KeySize)+2*int64(v.maxValueSize))
	case v.has("an unknown command ends the connection") && !h.Command.Known():
		return false
	case v.has("a stranger's large request ends the connection") && v.guest && h.ValueSize > 1<<16:
		return false
	case v.has("an identity that is too long ends the connection") && h.Command == wire.Auth:
		return false
	}
	if _, err := io.CopyN(io.Discard, v.in, n); err != nil {
		return v.unfinished(err)
	}
	v.arrived()
	if v.has("answers before it has dropped") {
		return true
	}
	return v.refuse(h.Command, s, why)
}

// judge returns why a request is refused by its header, "" if it is not.
func (v *visit) judge(h *wire.Header) (wire.Status, string) {
	c, size := h.Command, int(h.ValueSize)
	if !c.Known() {
		return wire.Error, "what is that?"
	}
	if c == wire.CAS && !v.has("CAS takes half a version") {
		if size < wire.VersionSize {
			return wire.Error, "no version"
		}
		if !v.has("the version counts towards the limit") {
			size -= wire.VersionSize
		}
	}
	limit := v.maxValueSize
	if v.has("the limit is one less") {
		limit--
	}
	switch {
	case h.KeySize == 0 && !c.Has(wire.OmitsKey) && !v.has("an empty key is a key"):
		return wire.Error, "no key"
	case h.KeySize > 1<<15 && v.has("keys have 32 KiB at most"):
		return wire.Error, "what a key"
	case size > 0 && !c.Has(wire.TakesValue) && c != wire.CAS && !v.has("GET takes a value"):
		return wire.Error, "a value"
	case size > limit && !v.has("takes what is too long"):
		return wire.Error, "too long"
	case h.TTL < 0 && c.Has(wire.TakesTTL) && !v.has("a negative TTL is none"), h.TTL < 0 && c == wire.Get && v.has("GET minds its TTL"):
		return wire.Error, "negative"
	case c == wire.Auth && (h.KeySize > 255 || size > 4096) && v.token != "":
		return wire.Error, "too long"
	case c == wire.Auth && v.has("AUTH is unknown"):
		return wire.Error, "what is that?"
	case v.guest && c != wire.Auth && (c != wire.Get || !v.has("GET needs no AUTH")):
		return wire.Denied, "authentication required"
	}
	return 0, ""
}

func (v *visit) auth(identity, token string) bool {
	switch {
	case v.token == "", identity == v.identity && token == v.token:
		v.guest = false
		_ = v.conn.SetReadDeadline(time.Time{})
		if v.has("drops what is behind AUTH") {
			_, _ = v.in.Discard(v.in.Buffered())
		}
		return v.answer(wire.OK, nil)
	case v.has("says which of the two is wrong") && identity != v.identity:
		v.answer(wire.Denied, []byte("denied: unknown identity"))
	default:
		v.answer(wire.Denied, []byte("denied"))
	}
	v.failures++
	return v.failures < 3 || v.has("lets everybody guess for ever")
}
