package script

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Limits of a script's text, so that no file can make the parser wait.
const (
	maxScriptSize = 16 << 20 // bytes
	maxValueSize  = 64 << 20 // bytes of one value in a script
	maxRepeated   = 16 << 20 // bytes of repeated text in all
	maxActions    = 1 << 20
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
	// Bytes of repeated text so far.
	repeats int
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
