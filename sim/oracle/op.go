package oracle

import (
	"fmt"
	"math"
	"time"

	"github.com/Zezezknight/cryptomem/sim/script"
)

// An Op is one operation as its client saw it. Times are nanoseconds of the
// server's clock.
type Op struct {
	// Client from 1; 0 is the world itself.
	Client int
	Verb   script.Verb
	Key    string
	// Label of the value written.
	Label string
	// TTL of a write or touch.
	TTL time.Duration
	// Version that a CAS demands.
	Version uint64
	// Not executed before.
	Call int64
	// Not executed after; Never for an unknown outcome.
	Return int64

	// Where time stands still, turns tell what ended before another began: they count
	// from 1 and never run against time. Zero means that times alone are known.
	Began, Ended int

	Outcome Outcome
	// Label of the value read.
	Seen string
	// Version that a GETV or CAS returned.
	Got uint64
}

// Never is the Return of an operation that may still be executed at any time.
const Never = math.MaxInt64

// An Outcome is how an operation ended.
type Outcome uint8

// The outcomes.
const (
	Unknown Outcome = iota // it may have been executed, or not
	Done                   // ok, with the value for a read
	Miss                   // no such item
	Exists                 // refused because of the item that is there
	Void                   // it certainly was not executed, or changed nothing
)

var outcomeNames = [...]string{Unknown: "?", Done: "ok", Miss: "miss", Exists: "exists", Void: "void"}

// String returns the operation on one line.
func (o *Op) String() string {
	end := "…"
	if o.Return != Never {
		end = time.Duration(o.Return).String()
	}
	s := fmt.Sprintf("c%d [%v, %s] %v %s", o.Client, time.Duration(o.Call), end, o.Verb, o.Key)
	if o.Label != "" {
		s += " " + o.Label
	}
	if o.TTL != 0 {
		s += " ttl " + o.TTL.String()
	}
	s += " => " + outcomeNames[o.Outcome]
	if o.Seen != "" {
		s += " " + o.Seen
	}
	return s
}

// Attempted returns what a client's call may have been at the server: itself,
// and with retry, what an attempt did whose answer was lost. Only reads and
// deletes are ever tried again.
func (o Op) Attempted(retry bool) []Op {
	switch {
	case o.Outcome == Unknown:
		o.Return = Never
	case o.Verb == script.Delete && o.Outcome == Done && retry:
		// The first attempt may have taken the item away at any moment, and
		// the second found none, which counts as done.
		o.Outcome = Unknown
		first := o
		first.Return = Never
		return []Op{o, first}
	}
	return []Op{o}
}

// wipe is an operation that takes an item away whatever it is: a restart, or a
// flush.
const wipe = script.Flush

// ByKey sorts a history into one for each key, in the order in which keys
// first appear, and within each in the order of calls. Restarts and flushes
// become part of every key's history that they may have touched. Operations
// that certainly had no effect are left out.
func ByKey(history []Op) [][]Op {
	index := map[string]int{}
	var keys []string
	for i := range history {
		if o := &history[i]; o.Verb != wipe && o.Key != "" && o.Outcome != Void {
			if _, ok := index[o.Key]; !ok {
				index[o.Key] = len(keys)
				keys = append(keys, o.Key)
			}
		}
	}
	parts := make([][]Op, len(keys))
	for i := range history {
		o := &history[i]
		switch {
		case o.Outcome == Void:
		case o.Verb == wipe:
			for k, key := range keys {
				if len(key) >= len(o.Key) && key[:len(o.Key)] == o.Key {
					parts[k] = append(parts[k], *o)
				}
			}
		case o.Key != "":
			parts[index[o.Key]] = append(parts[index[o.Key]], *o)
		}
	}
	return parts
}
