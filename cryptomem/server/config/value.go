package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Zezezknight/cryptomem/transport/address"

	"github.com/Zezezknight/cryptomem/cryptomem/quantity"
)

// Value is one field of a Config seen as text.
type Value struct {
	// One word for the form, such as "size".
	Kind string
	// Allowed says which values Set accepts, for people.
	Allowed string
	// Set parses the text into the field. On an error, which says what to write
	// unless Allowed says it all, the field is as it was.
	Set func(string) error
	// The text that Set would parse to the field's present value.
	String func() string
}

var errNotAllowed = errors.New("not allowed")

func size(p *int64, least, most int64) Value {
	return Value{
		Kind:    "size",
		Allowed: fmt.Sprintf("a size from %s to %s, such as 64MiB or 2GB", quantity.FormatSize(least), quantity.FormatSize(most)),
		Set:     func(s string) error { return within(p, s, quantity.ParseSize, least, most) },
		String:  func() string { return quantity.FormatSize(*p) },
	}
}

func duration(p *time.Duration, least, most time.Duration) Value {
	allowed := "a duration of at least " + quantity.FormatDuration(least)
	if most < 1<<62 {
		allowed = "a duration from " + quantity.FormatDuration(least) + " to " + quantity.FormatDuration(most)
	}
	return Value{
		Kind:    "duration",
		Allowed: allowed + ", such as 90s, 5m or 7d",
		Set:     func(s string) error { return within(p, s, quantity.ParseDuration, least, most) },
		String:  func() string { return quantity.FormatDuration(*p) },
	}
}

// timeout is the time that another side has for something that is under way.
func timeout(p *time.Duration) Value { return duration(p, time.Millisecond, quantity.Day) }

// idleTimeout is the time that nothing need be under way.
func idleTimeout(p *time.Duration) Value {
	return unlimited(p, duration(p, time.Millisecond, 365*quantity.Day))
}

func count(p *int, least, most int) Value {
	return Value{
		Kind:    "number",
		Allowed: fmt.Sprintf("a whole number from %d to %d", least, most),
		Set:     func(s string) error { return within(p, s, strconv.Atoi, least, most) },
		String:  func() string { return strconv.Itoa(*p) },
	}
}

func within[T int | int64 | time.Duration](p *T, s string, parse func(string) (T, error), least, most T) error {
	v, err := parse(s)
	if ambiguous := (*quantity.AmbiguousError)(nil); errors.As(err, &ambiguous) {
		return err
	}
	if err != nil || v < least || v > most {
		return errNotAllowed
	}
	*p = v
	return nil
}

// moment is a point in time, or none. A word such as now would be another time at
// every reload.
func moment(p *time.Time) Value {
	return optional(p, Value{
		Kind:    "time",
		Allowed: "a time such as 2030-01-01T12:00:00Z",
		Set: func(s string) error {
			t, err := quantity.ParseTime(s)
			if err != nil {
				return errNotAllowed
			}
			*p = t
			return nil
		},
		String: func() string {
			if p.IsZero() {
				return ""
			}
			return quantity.FormatTime(*p)
		},
	})
}

func choice(p *string, options ...string) Value {
	return Value{
		Kind:    "choice",
		Allowed: strings.Join(options, " or "),
		Set: func(s string) error {
			if !slices.Contains(options, s) {
				return errNotAllowed
			}
			*p = s
			return nil
		},
		String: func() string { return *p },
	}
}

func toggle(p *bool) Value {
	return Value{
		Kind:    "switch",
		Allowed: "true or false",
		Set: func(s string) error {
			on, err := quantity.ParseSwitch(s)
			if err != nil {
				return errNotAllowed
			}
			*p = on
			return nil
		},
		String: func() string { return strconv.FormatBool(*p) },
	}
}

func level(p *slog.Level) Value {
	levels := []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}
	return Value{
		Kind:    "choice",
		Allowed: "debug, info, warn or error",
		Set: func(s string) error {
			for _, l := range levels {
				if s == strings.ToLower(l.String()) {
					*p = l
					return nil
				}
			}
			return errNotAllowed
		},
		String: func() string { return strings.ToLower(p.String()) },
	}
}

func addresses(p *[]string) Value {
	return Value{
		Kind:    "addresses",
		Allowed: "host:port or unix:PATH, one or several, such as localhost:8080",
		Set: func(s string) error {
			parsed, err := address.ParseList(s)
			if err != nil {
				return err
			}
			list := make([]string, len(parsed))
			for i, a := range parsed {
				list[i] = a.String()
			}
			*p = list
			return nil
		},
		String: func() string { return strings.Join(*p, ",") },
	}
}

// Words that stand for the lack of a value.
const (
	none = "none" // switches something off
	auto = "auto" // leaves it to the server
)

func optionalAddress(p *string) Value {
	return optional(p, Value{
		Kind:    "address",
		Allowed: "host:port or unix:PATH, such as localhost:8081",
		Set: func(s string) error {
			a, err := address.Parse(s)
			if err != nil {
				return err
			}
			*p = a.String()
			return nil
		},
		String: func() string { return *p },
	})
}

func optionalAddresses(p *[]string) Value { return optional(p, addresses(p)) }

func optionalFile(p *string) Value {
	return optional(p, Value{
		Kind:    "file",
		Allowed: "the path of a file",
		Set: func(s string) error {
			if s == "" {
				return errNotAllowed
			}
			*p = s
			return nil
		},
		String: func() string { return *p },
	})
}

// automatic lets a field also be left to the server, which is written "auto".
func automatic[T comparable](p *T, v Value) Value {
	var undecided T
	set, text := v.Set, v.String
	v.Allowed = "auto, or " + v.Allowed
	v.Set = func(s string) error {
		if s != auto {
			return set(s)
		}
		*p = undecided
		return nil
	}
	v.String = func() string {
		if *p != undecided {
			return text()
		}
		return auto
	}
	return v
}

// Unlimited is the value of a limit or a timeout that is written "none": there is
// no bound. It is the same number as in a server's Config, where 0 is the default;
// as in there, 0 never means the lack of a bound.
const Unlimited = -1

// unlimited lets a limit also be left out, which is written "none", or "0" as it
// used to be.
func unlimited[T int | time.Duration](p *T, v Value) Value {
	set, text := v.Set, v.String
	v.Allowed += ", or none"
	v.Set = func(s string) error {
		if s != none && s != "0" && s != "0s" {
			return set(s)
		}
		*p = Unlimited
		return nil
	}
	v.String = func() string {
		if *p != Unlimited {
			return text()
		}
		return none
	}
	return v
}

// optional lets a field also have no value, which is written "none".
func optional[T any](p *T, v Value) Value {
	set, text := v.Set, v.String
	v.Allowed += ", or none"
	v.Set = func(s string) error {
		switch strings.ToLower(s) {
		case none:
			var zero T
			*p = zero
			return nil
		case "no", "off", "false", "disabled", "null", "0":
			return fmt.Errorf("%q says neither none nor %s; write none%s", s, strings.TrimSuffix(v.Allowed, ", or none"), orFile(v.Kind, s))
		case "yes", "on", "true", "enabled", "1":
			return fmt.Errorf("%q does not say which; write %s%s", s, strings.TrimSuffix(v.Allowed, ", or none"), orFile(v.Kind, s))
		}
		return set(s)
	}
	v.String = func() string { return cmp.Or(text(), none) }
	return v
}

// orFile says how a file is named that is called like a switch.
func orFile(kind, name string) string {
	if kind != "file" {
		return ""
	}
	return ", or ./" + name + " for a file of that name"
}

func mode(p *fs.FileMode) Value {
	return Value{
		Kind:    "mode",
		Allowed: "a file mode in octal, such as 0660",
		Set: func(s string) error {
			m, err := strconv.ParseUint(s, 8, 32)
			if err != nil || m > uint64(fs.ModePerm) {
				return errNotAllowed
			}
			*p = fs.FileMode(m)
			return nil
		},
		String: func() string { return fmt.Sprintf("%04o", *p) },
	}
}

func text(p *string, allowed string) Value {
	return Value{
		Kind:    "text",
		Allowed: allowed,
		Set: func(s string) error {
			if s == "" {
				return errNotAllowed
			}
			*p = s
			return nil
		},
		String: func() string { return *p },
	}
}

// storeAddress is where sealed values are kept. Its text hides a password: it is
// printed and logged.
func storeAddress(p *string) Value {
	return Value{
		Kind:    "address",
		Allowed: "host:port, unix:PATH or valkey://host:port",
		Set: func(s string) error {
			if strings.Contains(s, "://") {
				if _, err := url.Parse(s); err != nil {
					// without the text, which may tell a password
					return errors.New("it is no URL; write valkey://host:port")
				}
				*p = s
				return nil
			}
			all, err := address.ParseList(s)
			if err != nil {
				return err
			}
			texts := make([]string, len(all))
			for i, a := range all {
				texts[i] = a.String()
			}
			*p = strings.Join(texts, ",")
			return nil
		},
		String: func() string {
			if u, err := url.Parse(*p); err == nil && u.User != nil {
				return u.Redacted()
			}
			return *p
		},
	}
}
