package sim

import (
	"encoding/binary"

	"github.com/Zezezknight/cryptomem/sim/script"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A liar is what makes a server hostile: it keeps every sealed value that it
// has ever been given and, when a script says so, answers with the wrong one.
type liar struct {
	seed uint64
	said func(lie script.Verb, key []byte)
	past map[string][][]byte // by key, oldest first
	keys []string            // in the order of their first appearance
	lies []script.Verb       // to be told, each in the next answer that it fits
	told uint64              // so far

	held map[string][]byte // what reads of a key are answered with, since a change of it was ignored
}

// newLiar returns a liar, which calls said with every lie that it tells.
func newLiar(seed uint64, said func(lie script.Verb, key []byte)) *liar {
	return &liar{seed: seed, said: said, past: map[string][][]byte{}, held: map[string][]byte{}}
}

// tell makes the server tell a lie as soon as it can.
func (l *liar) tell(v script.Verb) { l.lies = append(l.lies, v) }

// keep remembers the value of a write.
func (l *liar) keep(r *wire.Request) {
	value := r.Value
	switch r.Command {
	case wire.CAS:
		value = value[8:]
	case wire.Set, wire.Add, wire.Replace:
	default:
		return
	}
	key := string(r.Key)
	if l.past[key] == nil {
		l.keys = append(l.keys, key)
	}
	l.past[key] = append(l.past[key], append([]byte(nil), value...))
}

// answer puts a lie in the place of the answer a, the frame at dst[start:].
func (l *liar) answer(dst []byte, start int, r *wire.Request, a wire.Response) []byte {
	if changes(r.Command) && a.Status == wire.OK {
		l.change(string(r.Key))
	}
	l.keep(r)
	if r.Command != wire.Get && r.Command != wire.GetV && r.Command != wire.GetDel {
		return dst
	}
	if len(l.lies) == 0 || l.lies[0] == script.LieIgnore {
		if held := l.held[string(r.Key)]; held != nil {
			return l.give(dst[:start], r.Command, held)
		}
		return dst
	}
	lie := l.lies[0]
	l.lies = l.lies[1:]
	l.told++
	l.said(lie, r.Key)
	if lie == script.LieRepeat {
		return append(dst, dst[start:]...)
	}
	if lie == script.LieMiss {
		return wire.AppendResponse(dst[:start], wire.NotFound, nil)
	}
	value, ok := l.invent(lie, string(r.Key), sealedPart(r.Command, a))
	if !ok {
		return dst
	}
	return l.give(dst[:start], r.Command, value)
}

// give appends an answer with the value, under a version of its own making.
func (l *liar) give(dst []byte, c wire.Command, value []byte) []byte {
	if c == wire.GetV {
		value = append(make([]byte, 16), value...)
		binary.BigEndian.PutUint64(value, script.Draw(l.seed, l.told))
	}
	return wire.AppendResponse(dst, wire.OK, value)
}

// changes reports whether a command changes what is under a key.
func changes(c wire.Command) bool {
	switch c {
	case wire.Set, wire.Add, wire.Replace, wire.CAS, wire.Delete, wire.GetDel:
		return true
	}
	return false
}

// change meets a change of a key that was acknowledged. It is known from then on,
// unless it is to be ignored.
func (l *liar) change(key string) {
	delete(l.held, key)
	past := l.past[key]
	if len(l.lies) > 0 && l.lies[0] == script.LieIgnore && len(past) > 0 {
		l.lies = l.lies[1:]
		l.told++
		l.said(script.LieIgnore, []byte(key))
		l.held[key] = past[len(past)-1]
	}
}

// neverExpiring returns the envelope with its expiry, bytes 6 to 13, set to
// none.
func neverExpiring(envelope []byte) []byte {
	altered := append([]byte(nil), envelope...)
	if len(altered) >= 14 {
		clear(altered[6:14])
	}
	return altered
}

// sealedPart is the envelope in an answer to a read, empty if it is a miss.
func sealedPart(c wire.Command, a wire.Response) []byte {
	if c == wire.GetV && len(a.Value) >= 16 {
		return a.Value[16:]
	}
	return a.Value
}

// invent makes the value to answer with.
func (l *liar) invent(lie script.Verb, key string, truth []byte) ([]byte, bool) {
	draw := script.Draw(l.seed, l.told)
	switch lie {
	case script.LieSwap:
		if len(l.keys) == 0 {
			return nil, false
		}
		other := l.past[l.keys[draw%uint64(len(l.keys))]]
		return other[len(other)-1], true
	case script.LieReplay, script.LieExtend, script.LieHit:
		past := l.past[key]
		if len(past) == 0 {
			return nil, false
		}
		switch lie {
		case script.LieReplay:
			return past[draw%uint64(len(past))], true
		case script.LieExtend:
			return neverExpiring(past[len(past)-1]), true
		}
		return past[len(past)-1], true
	case script.LieTruncate:
		return append([]byte(nil), truth[:draw%uint64(len(truth)+1)]...), len(truth) > 0
	case script.LieBend:
		if len(truth) == 0 {
			return nil, false
		}
		bent := append([]byte(nil), truth...)
		bent[draw%uint64(len(bent))] ^= byte(1 + draw>>32%255)
		return bent, true
	}
	forged := make([]byte, 62+draw%40)
	for i := range forged {
		forged[i] = byte(script.Draw(draw, uint64(i)))
	}
	forged[0] = 0xC2 // the envelope's version, to be looked at at all
	return forged, true
}
