package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// FileName is the file that is read when no other is named.
const FileName = "config.yaml"

// Sources says where settings are looked for, apart from the defaults.
type Sources struct {
	// File is read if it is not empty, and must exist then. Otherwise
	// FileName in the working directory is read if it exists.
	File string
	// Env looks an environment variable up, as [os.LookupEnv] does. An empty
	// one counts as not set.
	Env func(name string) (string, bool)
	// Flags holds the flags that were given, by name without dashes.
	Flags map[string]string
}

// A Problem is one thing that is wrong with a configuration.
type Problem struct {
	Where string // "config.yaml:3:1", "environment CRYPTOMEM_ADDR", "flag --addr"
	Text  string // what is wrong, and what is allowed
}

// Problems is the error that Load returns: all that is wrong, not the first.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.Where + ": " + one.Text
	}
	return strings.Join(lines, "\n")
}

// Load joins the defaults and all sources into one configuration. Its error is
// Problems if values are wrong, or says why the file could not be read.
func Load(src Sources) (*Config, error) {
	l := loader{config: Default()}
	if err := l.file(src.File); err != nil {
		return nil, err
	}
	for _, s := range settings {
		if text, ok := src.Env(s.Env()); ok && text != "" {
			l.set(s, text, "environment "+s.Env())
		}
		if text, ok := src.Flags[s.Flag()]; ok {
			l.set(s, text, "flag --"+s.Flag())
		}
	}
	if len(l.problems) == 0 {
		l.relations()
	}
	if len(l.problems) > 0 {
		return nil, l.problems
	}
	return l.config, nil
}

type loader struct {
	config   *Config
	problems Problems
}

func (l *loader) report(where, format string, args ...any) {
	l.problems = append(l.problems, Problem{where, fmt.Sprintf(format, args...)})
}

func (l *loader) set(s Setting, text, where string) {
	v := s.bind(l.config)
	err := v.Set(text)
	switch {
	case errors.Is(err, errNotAllowed):
		l.report(where, "%s: %q is not allowed; allowed: %s", s.Name, text, v.Allowed)
		return
	case err != nil:
		l.report(where, "%s: %v", s.Name, err)
		return
	}
	l.config.origins[s.Name] = where
}

// UnknownEnv returns a warning for each variable of the environment, written as
// [os.Environ] does, that looks like a setting and is none, nor one of the
// others. It is no error: Kubernetes sets such variables for a service that is
// called cryptomem.
func UnknownEnv(environ, others []string) (warnings []string) {
	known := slices.Clone(others)
	for _, s := range settings {
		known = append(known, s.Env())
	}
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "CRYPTOMEM_") || slices.Contains(known, name) {
			continue
		}
		warning := name + " is no setting"
		if meant := closest(name, known); meant != "" {
			warning += "; did you mean " + meant + "?"
		}
		warnings = append(warnings, warning)
	}
	return warnings
}
