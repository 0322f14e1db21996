package exhaust

import (
	"fmt"
	"strings"
	"time"

	"github.com/Zezezknight/cryptomem/sim/script"
)

// A World is what is gone through: who calls what, and what may happen meanwhile.
type World struct {
	Name string
	// Settings are lines of a script's head, such as "memory 1MiB".
	Settings string
	// Programs are what each client calls, in this order: actions as in a script,
	// without time and client, separated by semicolons.
	Programs []string
	Limits
}

// Limits bound what may happen in one course of events.
type Limits struct {
	// Calls of one client that may be unanswered at a time; 0 means 1.
	Flight int
	// Times that time goes on, each to just before, at or just after an expiry.
	Ticks int
	// Links that are cut.
	Cuts int
	// Chunks that arrive in two pieces.
	Splits int
	// Times that the janitor works.
	Sweeps int
	// Calls that are given up.
	Cancels int
	// Restarts of the server.
	Restarts int
	Lies     []script.Verb

	// Bytes splits chunks behind every byte; else behind the first and before the
	// last one.
	Bytes bool
	// Ordered takes every order of moves, also where they commute. Use it where a
	// window is so narrow that bytes down make room for bytes up.
	Ordered bool
}

// still is how long nothing happens by itself in a world: longer than any script.
const still = 8760 * time.Hour

// parse returns the world's script, whose actions are the calls that may be made, and
// the programs that make them.
func (w *World) parse() (*script.Script, [][]script.Action, error) {
	var text strings.Builder
	fmt.Fprintf(&text, "clients %d\nby-hand on\nshards 1\njanitor %v\n%s\n", len(w.Programs), still, w.Settings)
	for i, program := range w.Programs {
		for _, call := range strings.Split(program, ";") {
			if call = strings.TrimSpace(call); call != "" {
				fmt.Fprintf(&text, "@0s c%d %s\n", i+1, call)
			}
		}
	}
	s, err := script.Parse(text.String())
	if err != nil {
		return nil, nil, fmt.Errorf("world %q: %w", w.Name, err)
	}
	programs := make([][]script.Action, len(w.Programs))
	for _, a := range s.Actions {
		programs[a.Actor.Index-1] = append(programs[a.Actor.Index-1], a)
	}
	return s, programs, nil
}

// Calls is how many calls its clients make together.
func (w *World) Calls() (n int) {
	for _, program := range w.Programs {
		for _, call := range strings.Split(program, ";") {
			if strings.TrimSpace(call) != "" {
				n++
			}
		}
	}
	return n
}
