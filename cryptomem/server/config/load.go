package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/Zezezknight/cryptomem/transport/wire"
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

// A schema is what makes settings a configuration.
type schema[C any] struct {
	settings []SettingOf[C]
	// file that is read when no other is named.
	file    string
	origins func(*C) map[string]string
	// read points to the name of the file that was read.
	read func(*C) *string
	// Reports values that are allowed alone but not together.
	relations func(*loader[C])
}

func (t *schema[C]) setDefaults(c *C) {
	for _, s := range t.settings {
		if err := s.bind(c).Set(s.Default); err != nil {
			// unreachable: a spec loads the defaults
			panic("default of " + s.Name + ": " + err.Error())
		}
		t.origins(c)[s.Name] = "default"
	}
}

// load sets what the sources say, unless something in them is wrong.
func (t *schema[C]) load(c *C, src Sources) error {
	l := loader[C]{schema: t, config: c, origins: t.origins(c)}
	if err := l.readFile(src.File); err != nil {
		return err
	}
	for _, s := range t.settings {
		if text, ok := src.Env(s.Env()); ok && text != "" {
			l.set(s, text, "environment "+s.Env())
		}
		if text, ok := src.Flags[s.Flag()]; ok {
			l.set(s, text, "flag --"+s.Flag())
		}
	}
	if len(l.problems) == 0 {
		t.relations(&l)
	}
	if len(l.problems) > 0 {
		return l.problems
	}
	return nil
}

// changes returns what is different in next.
func (t *schema[C]) changes(c, next *C) []ChangeOf[C] {
	var changes []ChangeOf[C]
	for _, s := range t.settings {
		if from, to := s.Value(c), s.Value(next); from != to {
			changes = append(changes, ChangeOf[C]{s, from, to})
		}
	}
	return changes
}

// reload takes over what next sets differently and can change at run time. What
// next has to wait for a restart with may be what makes the two fit: nothing is
// taken that a start would refuse beside what stays.
func (t *schema[C]) reload(c, next *C) error {
	before, origins := *c, maps.Clone(t.origins(c))
	for _, change := range t.changes(c, next) {
		if change.Setting.Reload {
			// next has it, so it is allowed
			_ = change.Setting.bind(c).Set(change.To)
			t.origins(c)[change.Setting.Name] = t.origins(next)[change.Setting.Name]
		}
	}
	l := loader[C]{schema: t, config: c, origins: t.origins(c)}
	t.relations(&l)
	if len(l.problems) == 0 {
		return nil
	}
	*c = before
	maps.Copy(t.origins(c), origins)
	return l.problems
}

func (t *schema[C]) find(name string) (s SettingOf[C], ok bool) {
	i := slices.IndexFunc(t.settings, func(s SettingOf[C]) bool { return s.Name == name })
	if i < 0 {
		return s, false
	}
	return t.settings[i], true
}

func (t *schema[C]) names() []string {
	all := make([]string, len(t.settings))
	for i, s := range t.settings {
		all[i] = s.Name
	}
	return all
}

// A loader fills one configuration.
type loader[C any] struct {
	*schema[C]
	config   *C
	origins  map[string]string
	problems Problems
}

// report adds a problem with a setting.
func (l *loader[C]) report(setting, where, format string, args ...any) {
	l.problems.Report(where, "%s", About(setting, where, fmt.Sprintf(format, args...)))
}

func (l *loader[C]) set(s SettingOf[C], text, where string) {
	v := s.bind(l.config)
	err := v.Set(text)
	switch {
	case errors.Is(err, errNotAllowed):
		l.report(s.Name, where, "%s is not allowed; allowed: %s", wire.Quote([]byte(text)), v.Allowed)
		return
	case err != nil:
		l.report(s.Name, where, "%v", err)
		return
	}
	l.origins[s.Name] = where
}

// envPrefix begins every variable of cryptomem.
const envPrefix = "CRYPTOMEM_"

// UnknownEnv returns a warning for each variable of the environment, written as
// [os.Environ] does, that looks like a setting and is none, nor one of the
// others. It is no error: Kubernetes sets such variables for a service that is
// called cryptomem.
//
// Those of the proxy, which may run beside the server, are known.
func UnknownEnv(environ, others []string) (warnings []string) {
	// without their prefix, which would make short names look alike
	var known []string
	for _, name := range others {
		known = append(known, strings.TrimPrefix(name, envPrefix))
	}
	for _, s := range settings {
		known = append(known, strings.TrimPrefix(s.Env(), envPrefix))
	}
	for _, s := range proxySettings {
		known = append(known, strings.TrimPrefix(s.Env(), envPrefix))
	}
	for _, pair := range environ {
		variable, _, _ := strings.Cut(pair, "=")
		name, ours := strings.CutPrefix(variable, envPrefix)
		if !ours || slices.Contains(known, name) {
			continue
		}
		warning := variable + " is not a setting"
		if meant := Meant(name, known); meant != "" {
			warning += "; did you mean " + envPrefix + meant + "?"
		}
		warnings = append(warnings, warning)
	}
	return warnings
}

// needs reports a setting that is set without another one that it needs.
func (l *loader[C]) needs(name string, set bool, needed string, present bool) {
	if set && !present {
		l.report(name, l.origins[name], "it needs %s, which is not set", needed)
	}
}

// chosen returns the place of the first of the named settings that a source
// set, for a problem that defaults alone cannot have.
func (l *loader[C]) chosen(names ...string) string {
	for _, name := range names {
		if where := l.origins[name]; where != "default" {
			return where
		}
	}
	return "default"
}
