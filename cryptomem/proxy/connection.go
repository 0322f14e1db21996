package proxy

import (
	"crypto/sha256"
	"crypto/subtle"
	"strconv"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/command"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
	"github.com/Zezezknight/cryptomem/transport/session"
)

func ping(s *Session, args [][]byte) {
	switch len(args) {
	case 1:
		s.reply("+PONG")
	case 2:
		s.out = resp.AppendBulk(s.out, args[1])
	default:
		s.reply("-" + command.ErrArity("ping"))
	}
}

func echo(s *Session, args [][]byte) { s.out = resp.AppendBulk(s.out, args[1]) }

func quit(s *Session, _ [][]byte) {
	s.reply("+OK")
	s.start, s.end, s.err = 0, 0, session.ErrEnded
}

func reset(s *Session, _ [][]byte) {
	s.tx.end()
	s.replyMode = replyMode{}
	s.version = resp.RESP2
	s.trusted = s.proxy.settings.Password == ""
	s.setName(nil)
	// it was there when the session began
	if space, err := s.proxy.space(0); err == nil {
		s.space, s.database = space, 0
	}
	s.tell()
	s.reply("+RESET")
}

func selectDatabase(s *Session, args [][]byte) {
	n, ok := s.intArg(args[1])
	if !ok {
		return
	}
	if int(int32(n)) != n {
		s.reply("-ERR value is out of range, value must between -2147483648 and 2147483647")
		return
	}
	space, err := s.proxy.space(n)
	if err != nil {
		s.fail("ERR " + err.Error())
		return
	}
	s.space, s.database = space, n
	s.tell()
	s.reply("+OK")
}

func hello(s *Session, args [][]byte) {
	version := s.version
	if len(args) > 1 {
		n, ok := resp.ParseInt(args[1])
		if !ok {
			s.reply("-ERR Protocol version is not an integer or out of range")
			return
		}
		if n != 2 && n != 3 {
			s.reply("-NOPROTO unsupported protocol version")
			return
		}
		version = resp.Version(n)
	}
	var name []byte
	named := false
	for i := 2; i < len(args); i++ {
		more := len(args) - 1 - i
		switch {
		case command.Is(args[i], "AUTH") && more >= 2:
			if !s.login(args[i+1], args[i+2]) {
				return
			}
			i += 2
		case command.Is(args[i], "SETNAME") && more >= 1:
			if name, named = args[i+1], true; !validName(name) {
				s.reply(errName)
				return
			}
			i++
		default:
			s.fail("ERR Syntax error in HELLO option '" + string(args[i]) + "'")
			return
		}
	}
	if !s.trusted {
		s.reply("-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time")
		return
	}
	if named {
		s.setName(name)
	}
	s.version = version
	s.tell()
	out := s.version.AppendMap(s.out, 7)
	out = resp.AppendBulk(resp.AppendBulk(out, "server"), "redis")
	out = resp.AppendBulk(resp.AppendBulk(out, "version"), RedisVersion)
	out = resp.AppendInt(resp.AppendBulk(out, "proto"), int64(s.version))
	out = resp.AppendInt(resp.AppendBulk(out, "id"), s.id)
	out = resp.AppendBulk(resp.AppendBulk(out, "mode"), "standalone")
	out = resp.AppendBulk(resp.AppendBulk(out, "role"), "master")
	s.out = resp.AppendArray(resp.AppendBulk(out, "modules"), 0)
}

func auth(s *Session, args [][]byte) {
	user, password := []byte("default"), args[1]
	switch {
	case len(args) > 3:
		s.reply("-ERR syntax error")
		return
	case len(args) == 3:
		user, password = args[1], args[2]
	case s.proxy.settings.Password == "":
		s.reply("-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?")
		return
	}
	if s.login(user, password) {
		s.reply("+OK")
	}
}

// login trusts the client if the password is right, and has answered if not.
func (s *Session) login(user, password []byte) bool {
	want, got := sha256.Sum256([]byte(s.proxy.settings.Password)), sha256.Sum256(password)
	right := s.proxy.settings.Password == "" || subtle.ConstantTimeCompare(want[:], got[:]) == 1
	if string(user) != "default" || !right {
		s.reply("-WRONGPASS invalid username-password pair or user is disabled.")
		return false
	}
	s.trusted = true
	return true
}

const errName = "-ERR Client names cannot contain spaces, newlines or special characters."

func validName(b []byte) bool {
	for _, c := range b {
		if c < '!' || c > '~' {
			return false
		}
	}
	return true
}

// maxName bounds what a client may call itself, in bytes.
const maxName = 256

func (s *Session) setName(b []byte) {
	s.peer.mu.Lock()
	defer s.peer.mu.Unlock()
	s.peer.name = string(b[:min(len(b), maxName)])
}

func clientID(s *Session, _ [][]byte) { s.out = resp.AppendInt(s.out, s.id) }

func clientGetName(s *Session, _ [][]byte) {
	if s.peer.name == "" {
		s.out = s.version.AppendNull(s.out)
		return
	}
	s.out = resp.AppendBulk(s.out, s.peer.name)
}

func clientSetName(s *Session, args [][]byte) {
	if !validName(args[2]) {
		s.reply(errName)
		return
	}
	s.setName(args[2])
	s.reply("+OK")
}

func clientSetInfo(s *Session, args [][]byte) {
	if !validName(args[3]) {
		s.fail("ERR " + string(args[2]) + " cannot contain spaces, newlines or special characters.")
		return
	}
	s.peer.mu.Lock()
	defer s.peer.mu.Unlock()
	text := string(args[3][:min(len(args[3]), maxName)])
	switch {
	case command.Is(args[2], "LIB-NAME"):
		s.peer.library = text
	case command.Is(args[2], "LIB-VER"):
		s.peer.libraryVer = text
	default:
		s.out = resp.AppendError(s.out, "ERR Unrecognized option '"+string(args[2])+"'")
		return
	}
	s.reply("+OK")
}

// clientSwitch is for what has no effect here.
func clientSwitch(s *Session, args [][]byte) {
	if command.Is(args[2], "ON") || command.Is(args[2], "OFF") {
		s.reply("+OK")
		return
	}
	s.reply("-ERR syntax error")
}

func clientReply(s *Session, args [][]byte) {
	switch {
	case command.Is(args[2], "ON"):
		s.replyMode = replyMode{}
		s.reply("+OK")
	case command.Is(args[2], "OFF"):
		s.replyMode = replyMode{off: true}
	case command.Is(args[2], "SKIP"):
		s.replyMode.next = !s.replyMode.off
	default:
		s.reply("-ERR syntax error")
	}
}

// appendInfo appends a session's line in CLIENT LIST.
func (s *Session) appendInfo(dst []byte, now int64) []byte {
	p := &s.peer
	p.mu.Lock()
	defer p.mu.Unlock()
	dst = append(dst, "id="...)
	dst = strconv.AppendInt(dst, s.id, 10)
	text := func(field, value string) {
		dst = append(append(append(append(dst, ' '), field...), '='), value...)
	}
	number := func(field string, n int64) { text(field, strconv.FormatInt(n, 10)) }
	text("addr", p.remote)
	text("laddr", p.local)
	text("name", p.name)
	number("age", (now-p.since)/1000)
	number("idle", max(now-p.active.Load(), 0)/1000)
	text("flags", "N")
	number("db", int64(p.database.Load()))
	text("sub", "0")
	text("psub", "0")
	text("multi", "-1")
	text("user", "default")
	text("redir", "-1")
	number("resp", int64(p.version.Load()))
	text("lib-name", p.library)
	text("lib-ver", p.libraryVer)
	return append(dst, '\n')
}

func clientInfo(s *Session, _ [][]byte) {
	s.out = s.version.AppendVerbatim(s.out, string(s.appendInfo(nil, s.space.Now())))
}

func clientList(s *Session, args [][]byte) {
	wanted, problem := clientFilter(args)
	if problem != "" {
		s.out = resp.AppendError(s.out, problem)
		return
	}
	var lines []byte
	now := s.space.Now()
	for _, o := range s.proxy.all() {
		if wanted(o) {
			lines = o.appendInfo(lines, now)
		}
	}
	s.out = s.version.AppendVerbatim(s.out, string(lines))
}

// clientFilter returns which sessions CLIENT LIST is to show, or what is wrong with its
// arguments.
func clientFilter(args [][]byte) (wanted func(*Session) bool, problem string) {
	switch {
	case len(args) == 2:
		return func(*Session) bool { return true }, ""
	case len(args) == 4 && command.Is(args[2], "TYPE"):
		return typeFilter(args[3])
	case len(args) > 3 && command.Is(args[2], "ID"):
		return idFilter(args[3:])
	}
	return nil, "ERR syntax error"
}

// typeFilter knows the types of Redis. All clients of a proxy are normal.
func typeFilter(arg []byte) (wanted func(*Session) bool, problem string) {
	for _, t := range []string{"normal", "master", "replica", "slave", "pubsub"} {
		if command.Is(arg, t) {
			return func(*Session) bool { return t == "normal" }, ""
		}
	}
	return nil, "ERR Unknown client type '" + string(arg) + "'"
}

func idFilter(args [][]byte) (wanted func(*Session) bool, problem string) {
	ids := make(map[int64]bool)
	for _, a := range args {
		n, ok := resp.ParseInt(a)
		if !ok || n <= 0 {
			return nil, "ERR Invalid client ID"
		}
		ids[int64(n)] = true
	}
	return func(o *Session) bool { return ids[o.id] }, ""
}

// tell has others know what this session has chosen.
func (s *Session) tell() {
	s.peer.database.Store(int32(s.database))
	s.peer.version.Store(int32(s.version))
}
