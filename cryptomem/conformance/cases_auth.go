package conformance

import (
	"strings"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// Sizes that docs/protocol.md bounds AUTH by, in bytes.
const (
	maxIdentity = 255
	maxToken    = 4096
)

const (
	required = "Before a successful AUTH, the server answers every other command with denied (SET, GET and DELETE: error, \"authentication required\") without buffering it."
	closes   = "It closes the connection after 10 s without a successful AUTH, or after the answer to the third one that failed."
	either   = "The answer is OK, or denied without saying which of the two is wrong."
)

// authCases are about AUTH.
var authCases = []serverCase{
	{"auth/where-none-is-required", "Servers that require no authentication answer AUTH with OK.", func(t *trial) {
		if t.server.Identity != "" {
			t.skip("an identity is said, so AUTH is required")
		}
		p := t.connect()
		p.auth("anybody", "anything").is(wire.OK)
		p.ask(wire.Ping, "", "hello", 0).holds("hello")
	}},
	{"auth/required", required, func(t *trial) {
		p := t.guest()
		for _, c := range wire.Commands() {
			if c == wire.Auth {
				continue
			}
			value := ""
			if c.Has(wire.TakesValue) {
				value = long(100_000)
			}
			p.ask(c, "k", value, minute).refusedToStrangers()
		}
		p.login().is(wire.OK)
		p.ask(wire.Get, "k", "", 0).is(wire.NotFound)
	}},
	{"auth/unbuffered", required, func(t *trial) {
		p := t.guest()
		p.ask(wire.Set, "k", long(2*t.server.MaxValueSize), minute).is(wire.Error)
		p.ask(wire.Ping, "", long(t.server.MaxValueSize), 0).refusedToStrangers()
		p.login().is(wire.OK)
		p.ask(wire.Ping, "", "in step", 0).holds("in step")
	}},
	{"auth/pipelined", "A client may pipeline requests after its AUTH.", func(t *trial) {
		p := t.guest()
		p.queueRaw(wire.Request{Command: wire.Auth, Key: []byte(t.server.Identity), Value: t.server.Token})
		p.queue(wire.Set, "k", "value", minute)
		p.queue(wire.Get, "k", "", 0)
		p.flush()
		p.next().is(wire.OK)
		p.next().is(wire.OK)
		p.next().holds("value")
	}},
	{"auth/wrong", either, func(t *trial) {
		p := t.guest()
		token := p.auth(t.server.Identity, "not "+string(t.server.Token)).is(wire.Denied)
		name := p.auth("nobody-"+strings.ToLower(t.server.Identity), string(t.server.Token)).is(wire.Denied)
		if string(token.Value) != string(name.Value) {
			t.fail("a wrong token is told %s, an unknown identity %s", shown(token.Value), shown(name.Value))
		}
		p.ask(wire.Ping, "", "", 0).refusedToStrangers()
		p.login().is(wire.OK)
		p.ask(wire.Ping, "", "hello", 0).holds("hello")
	}},
	{"auth/third-failure", closes, func(t *trial) {
		p := t.guest()
		for range 3 {
			p.queueRaw(wire.Request{Command: wire.Auth, Key: []byte(t.server.Identity), Value: []byte("guess")})
		}
		p.queueRaw(wire.Request{Command: wire.Auth, Key: []byte(t.server.Identity), Value: t.server.Token})
		p.queue(wire.Set, "k", "value", minute)
		p.flush()
		for range 3 {
			p.next().is(wire.Denied)
		}
		p.ends(t.server.Timeout)
		t.connect().ask(wire.Get, "k", "", 0).is(wire.NotFound)
	}},
	{"auth/too-long", "A server may require AUTH, with an identity of up to 255 bytes as the key and a token of up to 4,096 bytes as the value.", func(t *trial) {
		p := t.guest()
		p.auth(long(maxIdentity+1), string(t.server.Token)).isNot(wire.OK)
		p.login().is(wire.OK)
		p.ask(wire.Ping, "", "hello", 0).holds("hello")
		p = t.guest()
		p.auth(t.server.Identity, long(maxToken+1)).isNot(wire.OK)
		p.login().is(wire.OK)
	}},
	{"auth/not-allowed", "Once a client is authenticated, a command that the identity may not use on a key is answered in the same way. If the identity or token has been removed in the meantime, the server also closes the connection after that answer.", func(t *trial) {
		if t.server.Identity == "" {
			t.skip("no identity is said")
			return
		}
		p := t.connect()
		foreign := func(c wire.Command) answer {
			p.queueRaw(wire.Request{Command: c, Key: []byte("conformance/not-allowed")})
			p.flush()
			return p.next()
		}
		if s := foreign(wire.GetV).Status; s == wire.OK || s == wire.NotFound {
			t.skip("the identity may use every key")
		}
		foreign(wire.GetV).is(wire.Denied)
		if a := foreign(wire.Get).is(wire.Error); t.err == nil && !strings.HasPrefix(string(a.Value), "denied: ") {
			t.fail("GET is answered %s, whose message does not begin with %q", a.said(), "denied: ")
		}
		p.ask(wire.Set, "k", "value", minute).is(wire.OK)
	}},
	{"auth/timeout", closes, func(t *trial) {
		if t.server.AuthTimeout == 0 {
			t.skip("how long the server waits for AUTH is not said")
		}
		p := t.guest()
		p.ends(t.server.AuthTimeout + t.server.Grace)
	}},
}

// guest returns a connection to a server that requires AUTH, which it has not seen.
func (t *trial) guest() *peer {
	if t.server.Identity == "" {
		t.skip("no identity is said")
	}
	p := t.connectStranger()
	if t.err == nil && p.ask(wire.Ping, "", "", 0).Status == wire.OK {
		t.skip("the server does not require AUTH")
	}
	return p
}

// refusedToStrangers demands the answer to a client that has not authenticated.
func (a answer) refusedToStrangers() {
	if a.command > wire.Delete {
		a.is(wire.Denied)
		return
	}
	if a.is(wire.Error); string(a.Value) != "authentication required" {
		a.trial.fail("%s is answered %s, not %q", a.command, a.said(), "authentication required")
	}
}

// isNot demands another status.
func (a answer) isNot(s wire.Status) {
	if a.Status == s {
		a.trial.fail("%s is answered %q", a.command, s)
	}
}
