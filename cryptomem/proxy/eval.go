package proxy

import (
	"context"
	"errors"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/command"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/keyspace"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/script"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/value"
)

// An evaluation is one EVAL. Its script sees one time, reads the names that it
// declares, each once, and what it has changed is swapped in at the end; if
// another client was faster, it runs again.
type evaluation struct {
	s        *Session
	script   *script.Script
	keys     [][]byte
	args     [][]byte
	declared map[string]struct{}
	readOnly bool

	ctx context.Context
	now time.Time
	// lookUp of a declared name.
	lookUp func(name []byte) (*value.Entry, error)
	reply  resp.Reply
}

// eval carries out EVAL, EVALSHA and their _RO forms.
func eval(s *Session, args [][]byte) {
	name := command.Find(args[0]).Name
	bySHA, readOnly := name == "evalsha" || name == "evalsha_ro", name == "eval_ro" || name == "evalsha_ro"
	if bySHA && len(args[1]) != shaSize {
		s.fail(script.NoScript)
		return
	}
	n, ok := s.intArg(args[2])
	switch {
	case !ok:
		return
	case n > len(args)-3:
		s.fail("ERR Number of keys can't be greater than number of args")
		return
	case n < 0:
		s.fail("ERR Number of keys can't be negative")
		return
	}
	sc, text := s.proxy.script(args[1], bySHA)
	if text != "" {
		s.fail(text)
		return
	}
	flags := sc.Flags()
	if readOnly && flags.Declared && !flags.NoWrites {
		s.fail("ERR Can not execute a script with write flag using *_ro command.")
		return
	}
	e := &evaluation{
		s: s, script: sc, keys: args[3 : 3+n], args: args[3+n:],
		declared: make(map[string]struct{}, n), readOnly: readOnly || flags.NoWrites,
	}
	for _, k := range e.keys {
		e.declared[string(k)] = struct{}{}
	}
	var cancel context.CancelFunc
	e.ctx, cancel = s.space.WithTimeout()
	defer cancel()
	if err := e.carryOut(); err != nil {
		s.out = append(s.out, s.upstreamError(err)...)
		return
	}
	s.out = e.reply.Append(s.out, s.version)
}

const shaSize = 40

// script returns the script of a source or of a SHA-1, or the text of the error
// that it is answered with.
func (p *Proxy) script(arg []byte, bySHA bool) (sc *script.Script, text string) {
	if bySHA {
		if sc, ok := p.scripts.Lookup(string(arg)); ok {
			return sc, ""
		}
		return nil, script.NoScript
	}
	sc, err := p.scripts.Load(arg)
	if err != nil {
		return nil, err.Error()
	}
	return sc, ""
}

// carryOut runs the script until its changes are stored. An error is one of the
// upstream.
func (e *evaluation) carryOut() error {
	if len(e.declared) == 1 {
		return e.changeOne()
	}
	return e.s.space.Attempt(e.ctx, e.attempt)
}

// attempt runs the script once. ErrLost means that a name has changed meanwhile.
func (e *evaluation) attempt() error {
	v := newView(e.s.space)
	if len(e.keys) <= maxPrefetched {
		if err := v.read(e.ctx, e.keys); err != nil {
			return err
		}
	}
	e.lookUp = func(name []byte) (*value.Entry, error) { return v.entry(e.ctx, name) }
	if !e.run() {
		return nil // nothing of a script that was ended is kept
	}
	err := v.commit(e.ctx)
	if errors.Is(err, keyspace.ErrNotSupported) {
		e.reply = resp.ErrorReply("ERR script changes several names that cannot be changed together: " + v.changed())
		return nil
	}
	return err
}

// changeOne runs a script of one name as a change of that: together with what
// else waits for it.
func (e *evaluation) changeOne() error {
	return e.s.space.Change(e.keys[0], func(entry *value.Entry) {
		before := value.Entry{Value: entry.Clone(), Expires: entry.Expires, Changed: entry.Changed}
		e.lookUp = func([]byte) (*value.Entry, error) { return entry, nil }
		if !e.run() {
			*entry = before
		}
	})
}

// run runs the script once. It returns false if the script was ended.
func (e *evaluation) run() bool {
	e.now = e.s.proxy.settings.Clock.Now()
	var err error
	e.reply, err = e.script.Run(e.ctx, &script.Run{Keys: e.keys, Args: e.args, Call: e.call})
	return err == nil
}

// Errors that a script's commands are answered with.
const (
	errScriptUnknown = "ERR Unknown Redis command called from script"
	errScriptArity   = "ERR Wrong number of args calling Redis command from script"
	errScriptRefused = "ERR This Redis command is not allowed from script"
	errScriptWrites  = "ERR Write commands are not allowed from read-only scripts."
)

// call carries out one command of the script.
func (e *evaluation) call(args [][]byte, version resp.Version) resp.Reply {
	c := command.Find(args[0])
	if c != nil && c.Subcommands != nil && len(args) > 1 {
		c = c.Sub(args[1])
	}
	switch {
	case c == nil:
		return resp.ErrorReply(errScriptUnknown)
	case !c.Takes(len(args)):
		return resp.ErrorReply(errScriptArity)
	case c.Flags&command.NoScript != 0:
		return resp.ErrorReply(errScriptRefused)
	case c.Flags&command.Write != 0 && e.readOnly:
		return resp.ErrorReply(errScriptWrites)
	case c.Run == nil:
		return e.handle(c, args, version)
	}
	ctx := command.Context{
		Command: c, Args: args, Now: e.now.UnixMilli(), Version: version,
		Limits: e.s.proxy.settings.Commands, Random: e.s.proxy.settings.Random,
	}
	for _, i := range c.AppendKeys(nil, len(args)) {
		if _, ok := e.declared[string(args[i])]; !ok {
			return resp.ErrorReply("ERR script uses '" + printable(args[i]) + "', which is not among its KEYS")
		}
		entry, err := e.lookUp(args[i])
		if err != nil {
			return resp.ErrorReply("ERR " + upstreamReason(err))
		}
		ctx.Entries = append(ctx.Entries, entry)
	}
	ctx.Execute()
	return parsed(ctx.Out)
}

// parsed is a reply of ours as a value.
func parsed(out []byte) resp.Reply {
	reply, n, err := resp.ParseReply(out)
	if err != nil || n == 0 {
		return resp.ErrorReply("ERR reply cannot be read")
	}
	return reply
}

// handle carries out a command of the session. What a script selects holds for
// it alone.
func (e *evaluation) handle(c *command.Command, args [][]byte, version resp.Version) resp.Reply {
	s := e.s
	switch {
	case c.Name == "time":
		return parsed(appendTime(nil, e.now))
	case c.Name == "select":
		if n, ok := resp.ParseInt(args[1]); !ok {
			return resp.ErrorReply("ERR value is not an integer or out of range")
		} else if n != s.database {
			return resp.ErrorReply("ERR a script stays in its database")
		}
		return resp.Reply{Kind: resp.Simple, Bytes: []byte("OK")}
	case c.Flags&command.Write != 0 || handlers[c.Name] == nil:
		return resp.ErrorReply(errScriptRefused)
	}
	out, before := s.out, s.version
	s.out, s.version = nil, version
	handlers[c.Name](s, args)
	answer := s.out
	s.out, s.version = out, before
	return parsed(answer)
}

// maxPrefetched bounds how many names are read before a script asks for them.
const maxPrefetched = 1 << 10

func scriptLoad(s *Session, args [][]byte) {
	sc, text := s.proxy.script(args[2], false)
	if text != "" {
		s.fail(text)
		return
	}
	s.out = resp.AppendBulk(s.out, sc.SHA())
}

func scriptExists(s *Session, args [][]byte) {
	s.out = resp.AppendArray(s.out, len(args)-2)
	for _, sha := range args[2:] {
		n := int64(0)
		if _, ok := s.proxy.scripts.Lookup(string(sha)); ok {
			n = 1
		}
		s.out = resp.AppendInt(s.out, n)
	}
}

func scriptFlush(s *Session, args [][]byte) {
	if len(args) > 3 || len(args) == 3 && !command.Is(args[2], "ASYNC") && !command.Is(args[2], "SYNC") {
		s.reply("-ERR SCRIPT FLUSH only support SYNC|ASYNC option")
		return
	}
	s.proxy.scripts.Flush()
	s.reply("+OK")
}
