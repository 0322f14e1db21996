package config

import (
	"strconv"
	"strings"
)

// A SettingOf is one thing that an operator can decide in a configuration C.
type SettingOf[C any] struct {
	// Group is the heading that the setting and those behind it stand under; empty
	// for that of the setting before.
	Group string
	// As in a file, such as "max_memory".
	Name string
	// Default is written as in a file.
	Default string
	// One or two sentences: what, unit, why.
	Doc string
	// SIGHUP applies a changed value; otherwise a restart does.
	Reload bool

	// prefix of the environment variable, behind CRYPTOMEM_.
	prefix string
	bind   func(*C) Value
}

// A Setting is one of a server.
type Setting = SettingOf[Config]

// Env is the environment variable that overrules the file.
func (s SettingOf[C]) Env() string { return envPrefix + s.prefix + strings.ToUpper(s.Name) }

// Flag is the flag, without its dashes, that overrules the environment.
func (s SettingOf[C]) Flag() string { return strings.ReplaceAll(s.Name, "_", "-") }

// Allowed says which values the setting takes.
func (s SettingOf[C]) Allowed() string { return s.bind(new(C)).Allowed }

// Kind is one word for the form of the value, such as "size".
func (s SettingOf[C]) Kind() string { return s.bind(new(C)).Kind }

// Value returns the setting's value in c as it is written in the environment or
// as a flag.
func (s SettingOf[C]) Value(c *C) string { return s.bind(c).String() }

// FileValue returns the setting's value in c as it is written in a file.
func (s SettingOf[C]) FileValue(c *C) string {
	text := s.Value(c)
	if text == "" || strings.ContainsAny(text[:1], "[]{}*&!|>'\"%@`#-?:,") || strings.Contains(text, ": ") || strings.Contains(text, " #") {
		// plain YAML would read it as something else
		return strconv.Quote(text)
	}
	return text
}

// A ChangeOf is a setting that two configurations give different values.
type ChangeOf[C any] struct {
	Setting  SettingOf[C]
	From, To string
}

// A Change is one of a server's configuration.
type Change = ChangeOf[Config]
