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

// Limits of a script's text, so that no file can make the parser wait.
const (
	maxScriptSize = 16 << 20 // bytes
	maxValueSize  = 64 << 20 // bytes of one value in a script
	maxActions    = 1 << 20
)

// Outcomes that a call can be demanded to have, beside the label of the value
// it reads.
const (
	WantOK         = "ok"         // done, no value to show
	WantMiss       = "miss"       // not found
	WantExists     = "exists"     // refused: the item is there, or of another version
	WantError      = "error"      // the server said why not
	WantLost       = "lost"       // the connection went first; it may have happened
	WantUnsent     = "unsent"     // the connection went first; it did not happen
	WantForged     = "forged"     // what came does not authenticate
	WantExpired    = "expired"    // what came is past its sealed expiry
	WantStale      = "stale"      // what came is taken back, such as a value sealed ahead of the reader's clock
	WantUnanswered = "unanswered" // cancelled
	WantDenied     = "denied"     // the identity may not
	WantBusy       = "busy"       // a limit is reached for now
	WantLocked     = "locked"     // another holder has the lock
	WantFailed     = "failed"     // loading the value failed
	WantNotHeld    = "not-held"   // the lock is not the client's, or no longer
)

// An Error is a line of a script that cannot be read.
type Error struct {
	// Line from 1.
	Line int
	Err  error
}

// Error returns the line and what is wrong with it.
func (e *Error) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns what is wrong.
func (e *Error) Unwrap() error { return e.Err }

// Parse reads a script. An error is an *Error, about the first bad line.
func Parse(text string) (*Script, error) {
	if len(text) > maxScriptSize {
		return nil, &Error{1, fmt.Errorf("script is %d bytes, limit %d", len(text), maxScriptSize)}
	}
	s := &Script{Config: DefaultConfig()}
	p := parser{script: s, labels: map[string]bool{}, kinds: map[string]kind{}}
	for i, line := range strings.Split(text, "\n") {
		if err := p.line(strings.TrimSpace(line)); err != nil {
			return nil, &Error{i + 1, err}
		}
	}
	return s, nil
}

type parser struct {
	script *Script
	// labels of the values written so far.
	labels map[string]bool
	// What a key is the name of.
	kinds map[string]kind
	// Past the title.
	begun bool
	// words of the line, still to be read.
	words []word
}

type word struct {
	text string
	// What follows a colon.
	suffix string
	quoted bool
}

func (p *parser) line(line string) error {
	if comment, ok := strings.CutPrefix(line, "#"); ok {
		if !p.begun {
			p.script.Title = append(p.script.Title, strings.TrimSpace(comment))
		}
		return nil
	}
	if line == "" {
		p.begun = p.begun || len(p.script.Title) > 0
		return nil
	}
	p.begun = true
	if err := p.split(line); err != nil {
		return err
	}
	if at, ok := strings.CutPrefix(p.words[0].text, "@"); ok && !p.words[0].quoted {
		p.words = p.words[1:]
		return p.everybody(at)
	}
	return p.setting()
}

// everybody reads an action, or one for each of many clients: in "c1..c64 set
// key-% v%", a % is the client's index.
func (p *parser) everybody(at string) error {
	if len(p.words) == 0 {
		return p.action(at)
	}
	first, last, many := strings.Cut(p.words[0].text, "..")
	if !many {
		return p.action(at)
	}
	var ends [2]Actor
	for i, end := range []string{first, last} {
		p.words[0].text = end
		var err error
		if ends[i], err = (&parser{script: p.script, words: p.words}).actor(); err != nil {
			return err
		}
	}
	if ends[0].Kind != Client || ends[1].Kind != Client || ends[0].Index > ends[1].Index {
		return fmt.Errorf("%s..%s: many are clients, the lower index first", first, last)
	}
	words := slices.Clone(p.words)
	for i := ends[0].Index; i <= ends[1].Index; i++ {
		index := strconv.Itoa(i)
		p.words = slices.Clone(words)
		for k := range p.words {
			p.words[k].text = strings.ReplaceAll(p.words[k].text, "%", index)
		}
		p.words[0].text = "c" + index
		if err := p.action(at); err != nil {
			return err
		}
	}
	return nil
}

// split cuts the line into words: plain ones and quoted ones, each perhaps
// with a colon and a size behind it. A # that begins a word ends the line.
func (p *parser) split(line string) error {
	p.words = p.words[:0]
	for line = strings.TrimLeft(line, " \t"); line != "" && line[0] != '#'; line = strings.TrimLeft(line, " \t") {
		var w word
		if line[0] == '"' {
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				return errors.New("a quote is not closed")
			}
			w.text, _ = strconv.Unquote(quoted)
			w.quoted = true
			line = line[len(quoted):]
		}
		end := strings.IndexAny(line, " \t")
		if end < 0 {
			end = len(line)
		}
		rest := line[:end]
		line = line[end:]
		switch {
		case w.quoted && rest != "" && rest[0] != ':':
			return fmt.Errorf("%q follows a quote", rest)
		case w.quoted && rest != "":
			w.suffix = rest[1:]
		case !w.quoted:
			w.text, w.suffix, _ = strings.Cut(rest, ":")
		}
		p.words = append(p.words, w)
	}
	return nil
}

func (p *parser) setting() error {
	name := p.words[0].text
	if len(p.words) != 2 {
		return fmt.Errorf("%q: a setting is a name and a value, an action begins with @ and a time", name)
	}
	value := p.words[1].text
	if len(p.script.Actions) > 0 {
		return fmt.Errorf("setting %q stands behind an action", name)
	}
	if name == "seed" {
		n, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is not a seed, a number from 0 to 2^64-1", value)
		}
		p.script.Seed = n
		return nil
	}
	for _, set := range settings {
		if set.name == name {
			return set.parse(&p.script.Config, value)
		}
	}
	return fmt.Errorf("no setting is called %q", name)
}

func (p *parser) action(at string) error {
	var a Action
	var err error
	if a.At, err = parseSpan(at); err != nil {
		return err
	}
	if a.At < p.script.Ends() {
		return fmt.Errorf("%s comes after %s: actions stand in order of time", a.At, p.script.Ends())
	}
	if a.Actor, err = p.actor(); err != nil {
		return err
	}
	if a.Verb, err = p.verb(a.Actor); err != nil {
		return err
	}
	if p.script.Config.Servers > 1 && (a.Verb == Flush || a.Verb.IsLie() || a.Verb.UsesDisk() || a.Verb.IsLocking() || a.Actor.Kind == Raw) {
		return fmt.Errorf("%s %s is for a world of one server", a.Actor, a.Verb)
	}
	if err = p.arguments(&a); err != nil {
		return err
	}
	if len(p.script.Actions) == maxActions {
		return fmt.Errorf("a script has at most %d actions", maxActions)
	}
	p.script.Actions = append(p.script.Actions, a)
	return nil
}

func (p *parser) next() (word, bool) {
	if len(p.words) == 0 {
		return word{}, false
	}
	w := p.words[0]
	p.words = p.words[1:]
	return w, true
}

func (p *parser) actor() (Actor, error) {
	w, _ := p.next()
	c := &p.script.Config
	if w.text == "server" {
		return Actor{Kind: Server}, nil
	}
	kind, digits, least, limit := Client, strings.TrimPrefix(w.text, "c"), 1, c.Clients
	switch {
	case strings.HasPrefix(w.text, "raw"):
		kind, digits, limit = Raw, w.text[3:], 64
	case strings.HasPrefix(w.text, "server"):
		kind, digits, least, limit = Server, w.text[6:], 2, c.Servers
	}
	n, err := strconv.Atoi(digits)
	if err != nil || digits == w.text || n < least || n > limit || digits != strconv.Itoa(n) {
		return Actor{}, fmt.Errorf("there is no %q: c1 to c%d, raw1 to raw64, or server%s", w.text, c.Clients, moreServers(c.Servers))
	}
	return Actor{Kind: kind, Index: n}, nil
}

func moreServers(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(" to server%d", n)
}

func (p *parser) verb(actor Actor) (Verb, error) {
	if actor.Kind == Raw && len(p.words) > 0 && strings.HasPrefix(p.words[0].text, "@") && !p.words[0].quoted {
		return Play, nil
	}
	w, _ := p.next()
	for v, shape := range verbs {
		if shape.name != "" && shape.name == w.text && shape.actor == actor.Kind {
			return Verb(v), nil
		}
	}
	return 0, fmt.Errorf("%s cannot %q", actor, w.text)
}

func (p *parser) arguments(a *Action) error {
	shape := verbs[a.Verb]
	if shape.side {
		switch w, _ := p.next(); w.text {
		case "up":
			a.Side = Up
		case "down":
			a.Side = Down
		default:
			return fmt.Errorf("%q is neither up nor down", w.text)
		}
	}
	if shape.identity {
		if err := p.identity(a); err != nil {
			return err
		}
	}
	if shape.size {
		w, _ := p.next()
		size, err := parseSize(w.text)
		if err != nil {
			return err
		}
		a.Value.Size = size
	}
	if shape.key && (!shape.optionalKey || len(p.words) > 0 && !p.atKeyword()) {
		w, ok := p.next()
		if !ok {
			return fmt.Errorf("%s wants a key", a.Verb)
		}
		if w.suffix != "" {
			return fmt.Errorf("a key with a colon stands in quotes")
		}
		a.Key = w.text
	}
	if shape.value {
		if err := p.value(a); err != nil {
			return err
		}
	}
	if shape.n || shape.optionalN && len(p.words) > 0 {
		w, _ := p.next()
		n, err := strconv.Atoi(w.text)
		if err != nil || n < 1 || n > 1<<20 {
			return fmt.Errorf("%q is not a count from 1 to %d", w.text, 1<<20)
		}
		a.Count = n
	}
	if shape.ttl && !shape.call {
		if err := p.lasting(a, shape.needTTL); err != nil {
			return err
		}
	}
	if shape.hex {
		if err := p.bytes(a); err != nil {
			return err
		}
	}
	if shape.dialogue {
		w, _ := p.next()
		if a.Key = strings.TrimPrefix(w.text, "@"); a.Key == w.text || !isDialogue(a.Key) {
			return fmt.Errorf("%q is none of the golden frames, which are written @set and so on", w.text)
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

func (p *parser) lasting(a *Action, needed bool) error {
	if len(p.words) == 0 || p.atKeyword() {
		if needed {
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

// bytes reads hex digits, in as many words as there are, and quoted text.
func (p *parser) bytes(a *Action) error {
	for len(p.words) > 0 && !p.atKeyword() {
		w, _ := p.next()
		if w.quoted {
			a.Bytes = append(a.Bytes, w.text...)
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

func isReserved(label string) bool {
	switch label {
	case WantOK, WantMiss, WantExists, WantError, WantLost, WantUnsent, WantForged, WantExpired, WantStale, WantUnanswered,
		WantDenied, WantBusy, WantLocked, WantNotHeld, WantFailed:
		return true
	}
	return false
}
