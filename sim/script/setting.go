package script

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem/quantity"
)

// A setting is one line of a script's head: its name, how a value of it is
// read, and how it is printed.
type setting struct {
	name  string
	parse func(*Config, string) error
	print func(*Config) string
}

// settings are all of them, in the order in which they are printed.
var settings = []setting{
	number("clients", 1, 1024, func(c *Config) *int { return &c.Clients }),
	number("servers", 1, 64, func(c *Config) *int { return &c.Servers }),
	number("identities", 0, 8, func(c *Config) *int { return &c.Identities }),
	number("connections", 1, 8, func(c *Config) *int { return &c.Connections }),
	number("each", 0, 1024, func(c *Config) *int { return &c.Each }),
	number("max-connections", 0, 1024, func(c *Config) *int { return &c.MaxConnections }),
	span("auth-timeout", func(c *Config) *time.Duration { return &c.AuthTimeout }),
	size("in-flight", 0, func(c *Config) *int { return &c.InFlight }),
	span("pause", func(c *Config) *time.Duration { return &c.Pause }),
	span("stand-in", func(c *Config) *time.Duration { return &c.StandIn }),
	{
		name:  "delay",
		parse: func(c *Config, s string) error { return parseRange(&c.Delay, s) },
		print: func(c *Config) string { return printSpan(c.Delay.Min, c.Delay.Max) },
	},
	{
		name:  "fragment",
		parse: func(c *Config, s string) error { return parseCount(&c.Fragment, s) },
		print: func(c *Config) string { return printSpan(c.Fragment.Min, c.Fragment.Max) },
	},
	size("window", 1, func(c *Config) *int { return &c.Window }),
	size("memory", 1, func(c *Config) *int { return &c.MaxMemory }),
	flag("evict", func(c *Config) *bool { return &c.Evict }),
	number("shards", 1, 256, func(c *Config) *int { return &c.Shards }),
	size("max-value", 1, func(c *Config) *int { return &c.MaxValueSize }),
	span("janitor", func(c *Config) *time.Duration { return &c.Janitor }),
	number("sweep-budget", 1, 1<<20, func(c *Config) *int { return &c.SweepBudget }),
	number("drift", -100_000, 100_000, func(c *Config) *int { return &c.Drift }),
	span("deadline", func(c *Config) *time.Duration { return &c.Deadline }),
	number("inflight", 1, 1<<20, func(c *Config) *int { return &c.Inflight }),
	number("attempts", 1, 16, func(c *Config) *int { return &c.Attempts }),
	flag("padding", func(c *Config) *bool { return &c.Padding }),
	flag("blind", func(c *Config) *bool { return &c.Blind }),
	flag("hostile", func(c *Config) *bool { return &c.Hostile }),
	flag("unix", func(c *Config) *bool { return &c.Unix }),
	number("kernel", 0, math.MaxInt, func(c *Config) *int { return &c.Kernel }),
	flag("by-hand", func(c *Config) *bool { return &c.ByHand }),
	span("clock-bound", func(c *Config) *time.Duration { return &c.ClockBound }),
	span("write-delay", func(c *Config) *time.Duration { return &c.WriteDelay }),
}

func number(name string, lo, hi int, at func(*Config) *int) setting {
	return setting{
		name: name,
		parse: func(c *Config, s string) error {
			n, err := strconv.Atoi(s)
			if err != nil || n < lo || n > hi {
				return fmt.Errorf("%q is not a number from %d to %d", s, lo, hi)
			}
			*at(c) = n
			return nil
		},
		print: func(c *Config) string { return strconv.Itoa(*at(c)) },
	}
}

func size(name string, lo int, at func(*Config) *int) setting {
	return setting{
		name: name,
		parse: func(c *Config, s string) error {
			n, err := parseSize(s)
			if err == nil && n < lo {
				err = fmt.Errorf("%q is too small, at least %d bytes", s, lo)
			}
			*at(c) = n
			return err
		},
		print: func(c *Config) string { return printSize(*at(c)) },
	}
}

func span(name string, at func(*Config) *time.Duration) setting {
	return setting{
		name: name,
		parse: func(c *Config, s string) error {
			d, err := parseSpan(s)
			*at(c) = d
			return err
		},
		print: func(c *Config) string { return at(c).String() },
	}
}

func flag(name string, at func(*Config) *bool) setting {
	return setting{
		name: name,
		parse: func(c *Config, s string) error {
			if s != "on" && s != "off" {
				return fmt.Errorf("%q is neither on nor off", s)
			}
			*at(c) = s == "on"
			return nil
		},
		print: func(c *Config) string {
			if *at(c) {
				return "on"
			}
			return "off"
		},
	}
}

const longest = 365 * 24 * time.Hour // of any span in a script, so that sums of them cannot overflow

var errSpan = errors.New("a span of time reads like 1.5ms, from 0s to 8760h")

func parseSpan(s string) (time.Duration, error) {
	d, err := quantity.ParseDuration(s)
	if err != nil || d < 0 || d > longest {
		return 0, fmt.Errorf("%q: %w", s, errSpan)
	}
	return d, nil
}

func parseRange(r *Range, s string) error {
	lo, hi, two := strings.Cut(s, "..")
	if !two {
		hi = lo
	}
	var err error
	if r.Min, err = parseSpan(lo); err != nil {
		return err
	}
	if r.Max, err = parseSpan(hi); err != nil {
		return err
	}
	if r.Min > r.Max {
		return fmt.Errorf("%q runs backwards", s)
	}
	return nil
}

func parseCount(c *Count, s string) error {
	lo, hi, two := strings.Cut(s, "..")
	if !two {
		hi = lo
	}
	var err1, err2 error
	c.Min, err1 = strconv.Atoi(lo)
	c.Max, err2 = strconv.Atoi(hi)
	if err1 != nil || err2 != nil || c.Min < 0 || c.Min > c.Max || c.Max > 1<<30 {
		return fmt.Errorf("%q is not a count like 3 or 1..64", s)
	}
	return nil
}

func printSpan[T comparable](lo, hi T) string {
	if lo == hi {
		return fmt.Sprint(lo)
	}
	return fmt.Sprint(lo, "..", hi)
}

func parseSize(s string) (int, error) {
	n, err := quantity.ParseSize(s)
	if err != nil || n > min(1<<40, math.MaxInt) {
		return 0, fmt.Errorf("%q is not a size like 64B, 4KiB or 1MiB", s)
	}
	return int(n), nil
}

func printSize(n int) string {
	if n == 0 {
		return "0B"
	}
	return quantity.FormatSize(int64(n))
}
