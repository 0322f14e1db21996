package exhaust

import (
	"fmt"
	"slices"
	"strings"

	"github.com/Zezezknight/cryptomem/sim/script"
)

// A Family is worlds of one kind.
type Family struct {
	Name string
	// What they leave out, in words.
	Bounds string
	Worlds []World
	// Chosen by a person; else every choice of calls.
	Chosen bool
}

// calls are what clients ask for, of one name; % stands for a label.
var calls = []string{
	"set k % ttl 10ms", "set k %", "add k % ttl 10ms", "replace k % ttl 10ms", "cas k % ttl 10ms",
	"get k", "getv k", "getdel k", "delete k", "touch k ttl 20ms", "prolong k ttl 20ms", "prolong k", "flush",
}

// Families are all worlds that the command goes through, small ones first.
func Families() []Family {
	return []Family{
		{
			Name:   "one call, cut anywhere",
			Bounds: "time goes on once, one link is cut, one chunk arrives in two pieces divided anywhere, one call is given up",
			Worlds: every([]int{1}, calls, "", Limits{Ticks: 1, Cuts: 1, Splits: 1, Bytes: true, Cancels: 1}),
		},
		{
			Name:   "two calls of one client",
			Bounds: "time goes on once, one link is cut, the janitor works once",
			Worlds: every([]int{2}, calls, "", Limits{Ticks: 1, Cuts: 1, Sweeps: 1}),
		},
		{
			Name:   "a call of each of two clients",
			Bounds: "time goes on once, one link is cut, the janitor works once",
			Worlds: every([]int{1, 1}, calls, "", Limits{Ticks: 1, Cuts: 1, Sweeps: 1}),
		},
		{
			Name:   "three calls of one client",
			Bounds: "time goes on once",
			Worlds: every([]int{3}, calls, "", Limits{Ticks: 1}),
		},
		{
			Name:   "three calls of two clients",
			Bounds: "time stands still",
			Worlds: every([]int{2, 1}, calls, "", Limits{}),
		},
		{
			Name:   "three calls, two at a time",
			Bounds: "time stands still, one link is cut, one call is given up; of three kinds",
			Worlds: every([]int{2, 1}, []string{"set k % ttl 10ms", "get k", "getdel k"}, "", Limits{Flight: 2, Cancels: 1, Cuts: 1}),
		},
		{
			Name:   "four calls of two clients",
			Bounds: "time stands still; of five kinds",
			Worlds: every([]int{2, 2}, []string{"set k % ttl 10ms", "get k", "touch k ttl 20ms", "cas k % ttl 10ms", "getdel k"}, "", Limits{}),
		},
		{Name: "chosen scripts of four calls and more", Bounds: "each has its own", Worlds: fours, Chosen: true},
		{Name: "other settings", Bounds: "each has its own", Worlds: others, Chosen: true},
		{Name: "a server that lies", Bounds: "one lie of any kind; time goes on once, to an expiry", Worlds: lying(), Chosen: true},
	}
}

// every returns a world for each choice of calls, so many of each client. Clients
// that make as many change places with each other, so one order of them is enough.
func every(of []int, from []string, settings string, l Limits) (all []World) {
	var choose func(chosen [][]int)
	choose = func(chosen [][]int) {
		i := len(chosen) - 1
		if i == len(of)-1 && (i < 0 || len(chosen[i]) == of[i]) {
			all = append(all, chosenWorld(chosen, from, settings, l))
			return
		}
		if i < 0 || len(chosen[i]) == of[i] {
			choose(append(slices.Clone(chosen), nil))
			return
		}
		for c := range from {
			next := slices.Clone(chosen)
			next[i] = append(slices.Clone(chosen[i]), c)
			full := len(next[i]) == of[i]
			if full && i > 0 && of[i] == of[i-1] && slices.Compare(next[i], next[i-1]) < 0 {
				continue
			}
			choose(next)
		}
	}
	choose(nil)
	return all
}

func chosenWorld(chosen [][]int, from []string, settings string, l Limits) World {
	w := World{Settings: settings, Limits: l}
	for i, client := range chosen {
		var program []string
		for j, c := range client {
			label := fmt.Sprintf("%c%d", 'a'+i, j+1)
			program = append(program, strings.ReplaceAll(from[c], "%", label))
		}
		w.Programs = append(w.Programs, strings.Join(program, "; "))
	}
	w.Name = strings.Join(w.Programs, " | ")
	return w
}

// fours are longer scripts, in which calls meet that have to do with each other.
var fours = []World{
	{
		Name:     "a race for a name",
		Programs: []string{"getv k; cas k a ttl 10ms", "add k b ttl 10ms"},
		Limits:   Limits{Ticks: 1},
	},
	{
		Name: "one that is renewed, and the janitor",
		// The store gives back what was to end at about the same time together, every
		// quarter of a second; the longer life goes past that.
		Programs: []string{"set k a ttl 10ms; prolong k ttl 600ms; get k"},
		Limits:   Limits{Ticks: 1, Sweeps: 1},
	},
	{
		Name:     "two swaps of one version",
		Programs: []string{"set k a; getv k; cas k b; get k", "getv k; cas k c"},
	},
	{
		Name:     "a version seen twice",
		Programs: []string{"set k a; getv k; set k b; getv k"},
		Limits:   Limits{Cuts: 1, Sweeps: 1},
	},
	{
		Name:     "a touch and an overwrite",
		Programs: []string{"set k a ttl 10ms; touch k ttl 20ms", "set k b ttl 10ms; get k"},
		Limits:   Limits{Cuts: 1},
	},
	{
		Name:     "one takes it, one prolongs it",
		Programs: []string{"set k a ttl 10ms; getdel k", "prolong k ttl 20ms"},
		Limits:   Limits{Ticks: 1},
	},
	{
		Name:     "an expiry seen four times",
		Programs: []string{"set k a ttl 10ms; get k; touch k ttl 10ms; get k"},
		Limits:   Limits{Ticks: 1, Sweeps: 1},
	},
	{
		Name:     "a TTL that is no whole number of milliseconds",
		Programs: []string{"set k a ttl 10400us; get k"},
		Limits:   Limits{Ticks: 2},
	},
	{
		Name:     "two names and a flush of one",
		Programs: []string{"set ka a; set kb b; get ka; get kb", "flush ka"},
		Limits:   Limits{Cuts: 1},
	},
	{
		Name:     "a restart between",
		Programs: []string{"set k a; get k", "add k b; get k"},
		Limits:   Limits{Restarts: 1},
	},
	{
		Name:     "four at a time",
		Programs: []string{"set k a; get k; delete k; get k"},
		Limits:   Limits{Flight: 4, Cuts: 1},
	},
	{
		Name:     "four calls of each",
		Programs: []string{"set k a; get k; delete k; get k", "set k b; get k; getdel k; get k"},
	},
}

// others are worlds in which the store, the sealing or the network are special.
var others = []World{
	{
		Name:     "a new key",
		Programs: []string{"set k a; rotate; get k", "rotate; get k"},
		Limits:   Limits{Cuts: 1},
	},
	{
		Name:     "padded",
		Settings: "padding on",
		Programs: []string{"set k a ttl 10ms; get k", "touch k ttl 20ms"},
	},
	{
		Name:     "blind names",
		Settings: "blind on",
		Programs: []string{"set ka a; set kb b", "get ka; flush kb"},
	},
	{
		// Of this seed, both clients' nonces begin alike.
		Name:     "nonces that begin alike",
		Settings: "seed 130",
		Programs: []string{"set ka a; get kb", "set kb b; get ka"},
	},
	{
		Name:     "a server that is silent",
		Settings: "deadline 50ms",
		Programs: []string{"set k a ttl 100ms; get k"},
		Limits:   Limits{Ticks: 1, Ordered: true},
	},
	{
		Name:     "a request that is refused",
		Settings: "max-value 100B",
		Programs: []string{"set k a:200B; get k", "get k"},
		Limits:   Limits{Splits: 1, Flight: 2},
	},
	{
		Name:     "values that are kept apart",
		Programs: []string{"set k a:33KiB ttl 10ms; prolong k ttl 1h; set j b:33KiB; get k"},
	},
	{
		Name:     "two requests that hardly fit the buffer",
		Programs: []string{"set k a:12KiB; set k b:12KiB; get k"},
		Limits:   Limits{Flight: 2, Splits: 1},
	},
	{
		Name:     "a large value in pieces",
		Programs: []string{"set k a:40KiB; get k"},
		Limits:   Limits{Cuts: 1, Splits: 2, Cancels: 1, Ordered: true},
	},
	{
		Name:     "a store that is full",
		Settings: "memory 1MiB\nwindow 1MiB",
		Programs: []string{"set ka a:400KiB; set kb b:400KiB; set kc c:400KiB; get ka"},
	},
	{
		Name:     "a store that is full, and evicts",
		Settings: "memory 1MiB\nwindow 1MiB\nevict on",
		Programs: []string{"set ka a:400KiB; set kb b:400KiB; set kc c:400KiB; get ka"},
	},
	{
		Name:     "links as narrow as a frame",
		Settings: "window 64B",
		Programs: []string{"set k a; get k", "get k"},
		Limits:   Limits{Ordered: true},
	},
}

// lying are worlds in which the server may tell one lie, whichever it is and
// whenever it likes.
func lying() (all []World) {
	lies := []script.Verb{
		script.LieSwap, script.LieReplay, script.LieTruncate, script.LieExtend, script.LieMiss,
		script.LieHit, script.LieForge, script.LieRepeat, script.LieBend, script.LieIgnore,
	}
	for _, w := range []World{
		{Programs: []string{"set ka a ttl 10ms; get kb", "set kb b ttl 10ms"}},
		{Programs: []string{"set ka a ttl 10ms; getv ka", "set ka b ttl 20ms"}},
		{Programs: []string{"set k a ttl 10ms; get k"}, Limits: Limits{Ticks: 1}},
		{Programs: []string{"set k a; getdel k; get k"}},
	} {
		w.Name, w.Settings = strings.Join(w.Programs, " | "), "hostile on"
		w.Lies, w.Ordered = lies, true
		all = append(all, w)
	}
	return all
}
