package script

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/Zezezknight/cryptomem/testdata"
)

// maxCount is the largest count that may follow a verb.
const maxCount = 1 << 20

// arguments reads what stands behind an action's verb.
func (p *parser) arguments(a *Action) error {
	shape := verbs[a.Verb]
	for _, part := range []struct {
		wanted bool
		read   func(*Action) error
	}{
		{shape.side, p.side},
		{shape.identity, p.identity},
		{shape.size, p.size},
		{shape.key, p.key},
		{shape.value, p.value},
		{shape.n || shape.optionalN, p.count},
		{shape.ttl && !shape.call, p.lasting},
		{shape.hex, p.bytes},
		{shape.dialogue, p.dialogue},
	} {
		if !part.wanted {
			continue
		}
		if err := part.read(a); err != nil {
			return err
		}
	}
	if err := p.options(a, shape); err != nil {
		return err
	}
	return p.named(a, shape)
}

// A kind of name: of a lock, of values that are loaded, or of others.
type kind uint8

const (
	anyKind kind = iota // by a verb that both kinds of values know
	lockKind
	loadKind
	valueKind
)

var kinds = [...]string{anyKind: "value", lockKind: "lock", loadKind: "value that is loaded", valueKind: "value that is not loaded"}

func kindOf(v Verb) kind {
	switch {
	case v.IsLocking():
		return lockKind
	case v.IsLoading():
		return loadKind
	case v == Get || v == Set || v == Delete:
		return anyKind
	}
	return valueKind
}

// named sees to it that a lock has a time, and a name one kind of use.
func (p *parser) named(a *Action, shape shape) error {
	if !shape.call || !shape.key || shape.optionalKey {
		return nil
	}
	if shape.lock && (a.TTL < 0 || shape.needTTL && a.TTL == 0) {
		return fmt.Errorf("%s wants a ttl, longer than 0", a.Verb)
	}
	before, seen := p.kinds[a.Key]
	now := kindOf(a.Verb)
	switch {
	case !seen, before == anyKind && now != lockKind:
		p.kinds[a.Key] = now
	case now == anyKind && before != lockKind:
	case before != now:
		return fmt.Errorf("%q is the name of a %s, not of a %s", a.Key, kinds[before], kinds[now])
	}
	return nil
}

func (p *parser) side(a *Action) error {
	switch w, _ := p.next(); w.text {
	case "up":
		a.Side = Up
	case "down":
		a.Side = Down
	default:
		return fmt.Errorf("%q is neither up nor down", w.text)
	}
	return nil
}

// identity reads who of u1, u2 and so on is meant.
func (p *parser) identity(a *Action) error {
	w, _ := p.next()
	n, err := strconv.Atoi(strings.TrimPrefix(w.text, "u"))
	if err != nil || n < 1 || n > p.script.Config.Identities || w.text != "u"+strconv.Itoa(n) {
		return fmt.Errorf("%q is no identity here, there are %d", w.text, p.script.Config.Identities)
	}
	a.Count = n
	return nil
}

func (p *parser) size(a *Action) (err error) {
	w, _ := p.next()
	a.Value.Size, err = parseSize(w.text)
	return err
}

func (p *parser) key(a *Action) error {
	if verbs[a.Verb].optionalKey && (len(p.words) == 0 || p.atKeyword()) {
		return nil
	}
	w, ok := p.next()
	if !ok {
		return fmt.Errorf("%s wants a key", a.Verb)
	}
	if w.suffix != "" {
		return errors.New("a key with a colon stands in quotes")
	}
	a.Key = w.text
	return nil
}

func (p *parser) atKeyword() bool {
	w := p.words[0]
	return !w.quoted && (w.text == "=>" || w.text == "aim" || w.text == "ttl")
}

func (p *parser) value(a *Action) error {
	w, ok := p.next()
	if !ok || w.text == "" || strings.ContainsRune(w.text, ':') || !utf8.ValidString(w.text) {
		return fmt.Errorf("%s wants a value: a label, and perhaps a colon and a size", a.Verb)
	}
	if isReserved(w.text) {
		return fmt.Errorf("%q is the name of an outcome, not of a value", w.text)
	}
	if p.labels[w.text] {
		return fmt.Errorf("value %q is written twice, every write has its own", w.text)
	}
	p.labels[w.text] = true
	a.Value.Label = w.text
	if w.suffix == "" {
		return nil
	}
	size, err := parseSize(w.suffix)
	if err != nil {
		return err
	}
	// A value that only just does not fit its label would lose the colon.
	if size < len(w.text) || size > maxValueSize {
		return fmt.Errorf("value %q of %d bytes: sizes run from the label's to %d", w.text, size, maxValueSize)
	}
	a.Value.Size = size
	return nil
}

func (p *parser) count(a *Action) error {
	if verbs[a.Verb].optionalN && len(p.words) == 0 {
		return nil
	}
	w, _ := p.next()
	n, err := strconv.Atoi(w.text)
	if err != nil || n < 1 || n > maxCount {
		return fmt.Errorf("%q is not a count from 1 to %d", w.text, maxCount)
	}
	a.Count = n
	return nil
}

func (p *parser) lasting(a *Action) error {
	if len(p.words) == 0 || p.atKeyword() {
		if verbs[a.Verb].needTTL {
			return fmt.Errorf("%s wants a span of time", a.Verb)
		}
		return nil
	}
	w, _ := p.next()
	return parseSigned(&a.TTL, w.text, a.Verb == Clock)
}

func parseSigned(d *time.Duration, s string, negative bool) error {
	unsigned, minus := strings.CutPrefix(s, "-")
	v, err := parseSpan(unsigned)
	if err != nil || minus && !negative {
		return fmt.Errorf("%q: %w", s, errSpan)
	}
	if minus {
		v = -v
	}
	*d = v
	return nil
}

// bytes reads hex digits, in as many words as there are, and quoted text, which is
// repeated if it has a size.
func (p *parser) bytes(a *Action) error {
	for len(p.words) > 0 && !p.atKeyword() {
		w, _ := p.next()
		if w.quoted {
			text, err := p.repeated(&w)
			if err != nil {
				return err
			}
			a.Bytes = append(a.Bytes, text...)
			continue
		}
		b, err := hex.DecodeString(w.text)
		if err != nil {
			return fmt.Errorf("%q is not hex, text stands in quotes", w.text)
		}
		a.Bytes = append(a.Bytes, b...)
	}
	return nil
}

// repeated returns a word's text again and again, up to the size behind it, if there is
// one.
func (p *parser) repeated(w *word) (string, error) {
	if w.suffix == "" {
		return w.text, nil
	}
	size, err := parseSize(w.suffix)
	switch {
	case err != nil:
		return "", err
	case w.text == "":
		return "", errors.New("no text cannot be repeated")
	case size > maxRepeated-p.repeats:
		return "", fmt.Errorf("%q of %d bytes: a script repeats text up to %d bytes in all", w.text, size, maxRepeated)
	}
	p.repeats += size
	return strings.Repeat(w.text, size/len(w.text)+1)[:size], nil
}

// dialogue reads the name of a golden frame.
func (p *parser) dialogue(a *Action) error {
	w, _ := p.next()
	if a.Key = strings.TrimPrefix(w.text, "@"); a.Key == w.text || !isDialogue(a.Key) {
		return fmt.Errorf("%q is none of the golden frames, which are written @set and so on", w.text)
	}
	return nil
}

func (p *parser) options(a *Action, shape shape) error {
	for {
		w, ok := p.next()
		if !ok {
			return nil
		}
		arg, more := p.next()
		if !more {
			return fmt.Errorf("%q wants something behind it", w.text)
		}
		var err error
		switch {
		case w.text == "ttl" && shape.call && shape.ttl:
			// the wire carries any
			a.TTL, err = time.ParseDuration(arg.text)
		case w.text == "stale" && shape.load:
			a.Stale, err = parseSpan(arg.text)
		case w.text == "lease" && shape.load:
			a.Lease, err = parseSpan(arg.text)
		case w.text == "takes" && shape.load:
			a.Takes, err = parseSpan(arg.text)
		case w.text == "aim" && shape.call && shape.key:
			a.Aim.On = true
			err = parseSigned(&a.Aim.Offset, arg.text, true)
		case w.text == "=>" && shape.call:
			a.Want = arg.text
		case w.text == "else" && a.Want != "":
			a.Else = append(a.Else, arg.text)
		default:
			err = fmt.Errorf("%q means nothing behind %s", w.text, a.Verb)
		}
		if err != nil {
			return err
		}
	}
}

// isDialogue reports whether the golden frames have a dialogue of that name in
// which a client says something.
func isDialogue(name string) bool {
	all, err := testdata.Dialogues()
	return err == nil && slices.ContainsFunc(all, func(d testdata.Dialogue) bool {
		return d.Name == name && slices.ContainsFunc(d.Steps, func(s testdata.Step) bool { return s.Client })
	})
}
