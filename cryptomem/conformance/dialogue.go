package conformance

import (
	"bytes"

	"github.com/Zezezknight/cryptomem/testdata"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// replay plays the client's side of a golden dialogue on an empty store, and holds
// the server's to it: byte for byte, but for messages, which are for people.
func (t *trial) replay(d *testdata.Dialogue) {
	switch {
	case !t.server.Alone:
		t.skip("it would empty the server, which --alone allows")
	case t.server.MaxValueSize != DefaultMaxValueSize:
		t.skip("it is for a server that takes values of up to %d bytes", DefaultMaxValueSize)
	}
	p := t.connect()
	p.queueRaw(wire.Request{Command: wire.Flush})
	p.flush()
	p.enabled(p.next())
	variables := make(map[string][]byte)
	var asked []wire.Command
	for _, step := range d.Steps {
		var said []byte
		for _, part := range step.Parts {
			said = append(said, bytesOf(part, variables)...)
		}
		if step.Client {
			p.write(said)
			asked = commandsOf(said)
		} else {
			p.hear(step, said, asked, variables)
		}
	}
	if d.Closes {
		p.ends(t.server.Timeout)
	}
}

// bytesOf returns a part's bytes: those of a variable are anything until it is heard.
func bytesOf(part testdata.Part, variables map[string][]byte) []byte {
	if part.Variable == "" {
		return part.Bytes
	}
	if known := variables[part.Variable]; known != nil {
		return known
	}
	return make([]byte, testdata.VariableSize)
}

// commandsOf returns those of the whole requests that b begins with.
func commandsOf(b []byte) (all []wire.Command) {
	for {
		r, n, err := wire.ParseRequest(b)
		if n == 0 || err != nil {
			// what is no request may be answered, too
			return append(all, 0)
		}
		all, b = append(all, r.Command), b[n:]
	}
}

// stopClock puts the TTL that a golden answer to GETV tells in the place of the one
// that was told, which has gone on.
func stopClock(got, want []byte) {
	_, left, _, err := wire.CutItem(got)
	_, golden, _, _ := wire.CutItem(want)
	if err == nil && left > 0 && left <= golden {
		copy(got[wire.VersionSize:wire.ItemSize], want[wire.VersionSize:])
	}
}

// hear reads what the server says in a step, in answer to what was asked.
func (p *peer) hear(step testdata.Step, said []byte, asked []wire.Command, variables map[string][]byte) {
	t := p.trial
	var heard []byte
	for rest := said; len(rest) > 0 && t.err == nil; {
		want, n, err := wire.ParseResponse(rest)
		if err != nil || n == 0 {
			t.fail("the golden answer is no frame")
			return
		}
		rest = rest[n:]
		got := p.receive("a golden request", t.server.Timeout)
		switch {
		case t.err != nil:
			return
		case got.Status != want.Status:
			t.fail("a golden request is answered %q, not %q", got.Status, want.Status)
		case got.Status == wire.Error:
			// in any words
			got.Value = want.Value
		case len(asked) > 0 && asked[0] == wire.GetV:
			stopClock(got.Value, want.Value)
		}
		asked = asked[min(1, len(asked)):]
		heard = wire.AppendResponse(heard, got.Status, got.Value)
	}
	if t.err != nil {
		return
	}
	if len(heard) != len(said) {
		t.fail("the server says %d bytes, not %d", len(heard), len(said))
		return
	}
	at := 0
	for _, part := range step.Parts {
		want := part.Bytes
		if part.Variable != "" {
			if want = variables[part.Variable]; want == nil {
				want = bytes.Clone(heard[at : at+testdata.VariableSize])
				variables[part.Variable] = want
			}
		}
		if got := heard[at : at+len(want)]; !bytes.Equal(got, want) {
			t.fail("the server says %s, not %s", shown(got), shown(want))
			return
		}
		at += len(want)
	}
}
