package script

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// Settings returns the settings that differ from the defaults, as lines of a script.
func (s *Script) Settings() (lines []string) {
	standard := DefaultConfig()
	for _, set := range settings {
		if v := set.print(&s.Config); v != set.print(&standard) {
			lines = append(lines, set.name+" "+v)
		}
	}
	return lines
}

// String returns the script as text that Parse reads back.
func (s *Script) String() string {
	var b strings.Builder
	for _, line := range s.Title {
		b.WriteString(strings.TrimRight("# "+line, " ") + "\n")
	}
	if s.Seed != 0 {
		b.WriteString("seed " + strconv.FormatUint(s.Seed, 10) + "\n")
	}
	for _, line := range s.Settings() {
		b.WriteString(line + "\n")
	}
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	for i := range s.Actions {
		b.WriteString(s.Actions[i].String() + "\n")
	}
	return b.String()
}

// String returns the action as a line of a script.
func (a *Action) String() string {
	v := verbs[a.Verb]
	words := []string{"@" + a.At.String(), a.Actor.String(), v.name}
	if v.dialogue {
		words[2] = "@" + a.Key
	}
	if v.side {
		words = append(words, a.Side.String())
	}
	if v.identity {
		words = append(words, "u"+strconv.Itoa(a.Count))
	}
	if v.size {
		words = append(words, printSize(a.Value.Size))
	}
	if v.key && (a.Key != "" || !v.optionalKey) {
		words = append(words, printWord(a.Key))
	}
	if v.value {
		label := printWord(a.Value.Label)
		if a.Value.Size != 0 {
			label += ":" + printSize(a.Value.Size)
		}
		words = append(words, label)
	}
	if v.n || v.optionalN && a.Count != 0 {
		words = append(words, strconv.Itoa(a.Count))
	}
	switch {
	case v.ttl && v.call && a.TTL != 0:
		words = append(words, "ttl", a.TTL.String())
	case v.ttl && !v.call && (a.TTL != 0 || v.needTTL):
		words = append(words, a.TTL.String())
	}
	for _, span := range []struct {
		word string
		of   time.Duration
	}{{"stale", a.Stale}, {"lease", a.Lease}, {"takes", a.Takes}} {
		if v.load && span.of != 0 {
			words = append(words, span.word, span.of.String())
		}
	}
	if v.hex {
		words = append(words, hex.EncodeToString(a.Bytes))
	}
	if a.Aim.On {
		words = append(words, "aim", a.Aim.Offset.String())
	}
	if a.Want != "" {
		words = append(words, "=>", printWord(a.Want))
	}
	for _, other := range a.Else {
		words = append(words, "else", printWord(other))
	}
	return strings.Join(words, " ")
}

// printWord quotes what a plain word cannot say.
func printWord(s string) string {
	if isPlain(s) {
		return s
	}
	return strconv.Quote(s)
}

func isPlain(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
		if !letter && c != '-' && c != '_' && c != '.' && c != '/' {
			return false
		}
	}
	return s != "" && s != "ttl" && s != "aim"
}
