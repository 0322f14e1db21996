package script

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// An Action is one thing that happens at one moment of virtual time.
type Action struct {
	At    time.Duration // since the run began
	Actor Actor
	Verb  Verb

	Key   string        // of an operation
	Value Value         // of a write
	TTL   time.Duration // of a write or a touch; for a fault, how long it lasts
	Stale time.Duration // for a load: how long its value may be served after its TTL
	Lease time.Duration // for a load: how long others wait for a sign of life; 0 is as by default
	Takes time.Duration // for a load: how long it takes
	Aim   Aim           // when the server is to get it
	Side  Side          // of the link that a fault strikes
	Count int           // of a sweep: how many segments; of a delivery: how many bytes, 0 for the next chunk; of what befalls an identity: which
	Bytes []byte        // of a raw connection

	Want string   // the expected outcome; empty if none is expected
	Else []string // other outcomes that are allowed where the order is not fixed
}

// Allows reports whether an outcome is what the action expects. On tier 3, at liberty,
// goroutines run in any order and time is real, so an outcome that the script names
// after "else" is allowed, too.
func (a *Action) Allows(outcome string, liberty bool) bool {
	return a.Want == "" || outcome == a.Want || liberty && slices.Contains(a.Else, outcome)
}

// An Actor is the client, connection or server that acts.
type Actor struct {
	Kind  ActorKind
	Index int // of a client, a raw connection or a server, from 1; 0 is the first server
}

// An ActorKind is a class of actors.
type ActorKind uint8

// The actors of a script.
const (
	Client ActorKind = iota // "c1": the product's client; for a fault, its link
	Raw                     // "raw1": a connection that sends the bytes it is told to
	Server                  // "server", the first one, or "server2"
)

// String returns the actor as a script writes it.
func (a Actor) String() string {
	switch a.Kind {
	case Client:
		return fmt.Sprintf("c%d", a.Index)
	case Raw:
		return fmt.Sprintf("raw%d", a.Index)
	default:
		if a.Index > 1 {
			return fmt.Sprintf("server%d", a.Index)
		}
		return "server"
	}
}

// A Value is the content of a write, known by its label. No two writes of a
// script share a label, so a value that is read tells which write it is of.
type Value struct {
	Label string
	Size  int // bytes; 0 means just the label
}

// AppendTo appends the content to dst: the label, a colon, and filler up to
// Size. The colon ends the label, so that no label is the beginning of
// another's content.
func (v Value) AppendTo(dst []byte) []byte {
	dst = append(dst, v.Label...)
	if v.Size > len(v.Label) {
		dst = append(dst, ':')
	}
	for i := len(v.Label) + 1; i < v.Size; {
		n := min(v.Size-i, len(filler))
		dst = append(dst, filler[:n]...)
		i += n
	}
	return dst
}

// Is reports whether content is the value's.
func (v Value) Is(content []byte) bool {
	n := len(v.Label)
	if len(content) != max(v.Size, n) || string(content[:n]) != v.Label {
		return false
	}
	if len(content) == n {
		return true
	}
	if content[n] != ':' {
		return false
	}
	for content = content[n+1:]; len(content) > 0; {
		n := min(len(content), len(filler))
		if string(content[:n]) != filler[:n] {
			return false
		}
		content = content[n:]
	}
	return true
}

// Filler is what fills values, again and again. Its period is odd, so that bytes
// that move are noticed.
const Filler = "the quick brown fox jumps over a lazy dog. "

var filler = strings.Repeat(Filler, 200)

// Label returns the label at the beginning of a value's content.
func Label(content []byte) string {
	for i, b := range content {
		if b == ':' {
			return string(content[:i])
		}
	}
	return string(content)
}

// An Aim holds a request back so that it reaches the server at, just before or
// just after the instant at which its key expires. It has no effect on a key
// that does not expire.
type Aim struct {
	On     bool
	Offset time.Duration
}

// A Side is a direction of a link.
type Side uint8

// The directions of a link.
const (
	Up   Side = iota // client to server
	Down             // server to client
)

// String returns the side as a script writes it.
func (s Side) String() string {
	if s == Down {
		return "down"
	}
	return "up"
}

// A Verb is what is done.
type Verb uint8

// What a client asks of the server.
const (
	Set Verb = iota + 1
	Add
	Replace
	CAS // with the version that this client saw last
	Get
	GetV
	GetDel
	Delete
	Touch
	Ping
	Flush   // Key is the prefix
	Prolong // the protocol's own TOUCH: the item's TTL changes, the sealed expiry does not
)

// What a client does besides.
const (
	Cancel     Verb = iota + 20 // gives up its latest unanswered call
	Rotate                      // promotes the next key of the keyring
	Clock                       // its wall clock steps by TTL, back if negative
	WrongToken                  // shows the server a token of no identity
	Batch                       // sends its next Count gets, sets and deletes together
	Retire                      // lets go of all keys but the one that it seals with
	LogIn                       // shows it the right one, on a connection where it has done so before
)

// What a network does to a client's link.
const (
	Cut       Verb = iota + 30 // resets it; what is on its way is lost
	CutTorn                    // resets it in the middle of the next chunk that goes up
	CutAnswer                  // resets it once the server has executed, before the answer is out
	Finish                     // the client closes its sending half
	Stall                      // nothing arrives on Side for TTL
	Trickle                    // bytes arrive on Side one at a time for TTL
	Flip                       // one bit of the next chunk on Side arrives wrong
	Deliver                    // where nothing arrives by itself, the next bytes on Side do
)

// What befalls the server.
const (
	Restart Verb = iota + 50 // loses every item and every connection, back after TTL
	Freeze                   // executes nothing for TTL
	Starve                   // its janitor does not run for TTL
	Sweep                    // its janitor runs now, over at most Count segments
	Unplug                   // no client reaches it for TTL; it keeps what it has
)

// What the server is told of an identity, its Count: from then on it counts.
const (
	Grant     Verb = iota + 90 // it may do everything with names that begin with Key
	GrantRead                  // it may read these
	Revoke                     // it is not listed any more
	Quota                      // what it keeps in the store may take Value.Size bytes
)

// What befalls the server's disk, and the server by it.
const (
	Save       Verb = iota + 100 // the server saves a snapshot
	SaveCrash                    // it crashes at the Count-th change of its disk while it saves
	Crash                        // it loses its store, and what its disk has not made last, back after TTL
	DiskFull                     // the disk takes Value.Size bytes more
	FailWrite                    // its next write writes a part
	FailSync                     // its next sync fails
	FailRename                   // its next rename fails
	Rot                          // a bit of the snapshot flips
	Shorten                      // the snapshot loses its end
	BringBack                    // the file of an earlier snapshot takes its place
)

// What a client does with a lock, whose name is Key.
const (
	Lock   Verb = iota + 110 // takes it for TTL, if no client holds it
	Extend                   // holds it for TTL from now, or for as long as before
	Unlock                   // gives it back
)

// What a client does with a name whose values are loaded.
const (
	Load     Verb = iota + 120 // gets its value, or loads this one
	LoadFail                   // gets its value, or tries to load it and fails
)

// How a hostile server lies in its next answer to a read, or to a change.
const (
	LieSwap     Verb = iota + 60 // gives another key's value
	LieReplay                    // gives an older value of the key
	LieTruncate                  // cuts the value short
	LieExtend                    // gives the last value of the key with another expiry
	LieMiss                      // says that a value it has is not there
	LieHit                       // gives the last value of a key that has none
	LieForge                     // gives bytes of its own making
	LieRepeat                    // sends the answer twice
	LieBend                      // changes one byte of the value
	LieIgnore                    // acknowledges the next change of a key, and goes on with what was there
)

// What a raw connection does.
const (
	Send   Verb = iota + 80 // sends Bytes
	Expect                  // demands that what it has been sent since begins with Bytes
	EOF                     // demands that the server has closed the connection
	Play                    // holds the dialogue called Key, one of the golden frames
)

// shape says which words follow a verb in a script.
type shape struct {
	name                                         string
	actor                                        ActorKind
	key, value, ttl, side, n, hex                bool
	optionalKey, needTTL, call, fault, dialogue  bool
	optionalN, identity, size, oneTier, corrupts bool
	lock, load                                   bool
	oneServer                                    bool // with several, only tier 1 has it
}

// verbs is the grammar: the parser, the printer and the generator read it.
var verbs = [...]shape{
	Set:     {name: "set", key: true, value: true, ttl: true, call: true},
	Add:     {name: "add", key: true, value: true, ttl: true, call: true},
	Replace: {name: "replace", key: true, value: true, ttl: true, call: true},
	CAS:     {name: "cas", key: true, value: true, ttl: true, call: true},
	Get:     {name: "get", key: true, call: true},
	GetV:    {name: "getv", key: true, call: true},
	GetDel:  {name: "getdel", key: true, call: true},
	Delete:  {name: "delete", key: true, call: true},
	Touch:   {name: "touch", key: true, ttl: true, call: true},
	Ping:    {name: "ping", call: true, oneServer: true},
	Flush:   {name: "flush", key: true, optionalKey: true, call: true},

	Prolong: {name: "prolong", key: true, ttl: true, call: true, oneServer: true},

	Lock:   {name: "lock", key: true, ttl: true, needTTL: true, call: true, lock: true},
	Extend: {name: "extend", key: true, ttl: true, call: true, lock: true},
	Unlock: {name: "unlock", key: true, call: true, lock: true},

	Load:     {name: "load", key: true, value: true, ttl: true, call: true, load: true, oneServer: true},
	LoadFail: {name: "load-failing", key: true, value: true, ttl: true, call: true, load: true, oneServer: true},

	Cancel: {name: "cancel"},
	Rotate: {name: "rotate"},
	Clock:  {name: "clock", ttl: true, needTTL: true, fault: true},

	Batch:      {name: "batch", n: true},
	Retire:     {name: "retire"},
	WrongToken: {name: "wrong-token", fault: true, oneTier: true},
	LogIn:      {name: "log-in", oneTier: true},

	Cut:       {name: "cut", fault: true},
	CutTorn:   {name: "cut-torn", fault: true},
	CutAnswer: {name: "cut-answer", fault: true},
	Finish:    {name: "finish", fault: true},
	Stall:     {name: "stall", side: true, ttl: true, needTTL: true, fault: true},
	Trickle:   {name: "trickle", side: true, ttl: true, needTTL: true, fault: true},
	Flip:      {name: "flip", side: true, fault: true, corrupts: true},
	Deliver:   {name: "deliver", side: true, optionalN: true, oneTier: true},

	Restart: {name: "restart", actor: Server, ttl: true, fault: true},
	Freeze:  {name: "freeze", actor: Server, ttl: true, needTTL: true, fault: true},
	Starve:  {name: "starve", actor: Server, ttl: true, needTTL: true, fault: true},
	Sweep:   {name: "sweep", actor: Server, n: true, fault: true},
	Unplug:  {name: "unplug", actor: Server, ttl: true, needTTL: true, fault: true},

	Grant:     {name: "grant", actor: Server, identity: true, key: true, optionalKey: true, fault: true},
	GrantRead: {name: "grant-read", actor: Server, identity: true, key: true, optionalKey: true, fault: true},
	Revoke:    {name: "revoke", actor: Server, identity: true, fault: true},
	Quota:     {name: "quota", actor: Server, identity: true, size: true, fault: true},

	Save:       {name: "save", actor: Server, oneTier: true},
	SaveCrash:  {name: "save-crash", actor: Server, n: true, ttl: true, fault: true, oneTier: true},
	Crash:      {name: "crash", actor: Server, ttl: true, fault: true, oneTier: true},
	DiskFull:   {name: "disk-full", actor: Server, size: true, fault: true, oneTier: true},
	FailWrite:  {name: "fail-write", actor: Server, fault: true, oneTier: true},
	FailSync:   {name: "fail-sync", actor: Server, fault: true, oneTier: true},
	FailRename: {name: "fail-rename", actor: Server, fault: true, oneTier: true},
	Rot:        {name: "rot", actor: Server, fault: true, oneTier: true},
	Shorten:    {name: "shorten", actor: Server, fault: true, oneTier: true},
	BringBack:  {name: "bring-back", actor: Server, fault: true, oneTier: true},

	LieSwap:     {name: "lie-swap", actor: Server, fault: true},
	LieReplay:   {name: "lie-replay", actor: Server, fault: true},
	LieTruncate: {name: "lie-truncate", actor: Server, fault: true},
	LieExtend:   {name: "lie-extend", actor: Server, fault: true},
	LieMiss:     {name: "lie-miss", actor: Server, fault: true},
	LieHit:      {name: "lie-hit", actor: Server, fault: true},
	LieForge:    {name: "lie-forge", actor: Server, fault: true},
	LieRepeat:   {name: "lie-repeat", actor: Server, fault: true},
	LieBend:     {name: "lie-bend", actor: Server, fault: true},
	LieIgnore:   {name: "lie-ignore", actor: Server, fault: true},

	Send:   {name: "send", actor: Raw, hex: true},
	Expect: {name: "expect", actor: Raw, hex: true},
	EOF:    {name: "eof", actor: Raw},
	Play:   {name: "play", actor: Raw, dialogue: true},
}

// String returns the verb as a script writes it.
func (v Verb) String() string {
	if int(v) < len(verbs) {
		return verbs[v].name
	}
	return fmt.Sprintf("verb %d", uint8(v))
}

// IsCall reports whether v is a request that a client sends.
func (v Verb) IsCall() bool { return verbs[v].call }

// IsWrite reports whether v carries a value.
func (v Verb) IsWrite() bool { return verbs[v].value }

// IsLocking reports whether v is about a lock, whose name is no value's.
func (v Verb) IsLocking() bool { return verbs[v].lock }

// IsLoading reports whether v gets a value, and loads it if it is not there.
func (v Verb) IsLoading() bool { return verbs[v].load }

// IsFault reports whether v is something that goes wrong.
func (v Verb) IsFault() bool { return verbs[v].fault }

// Corrupts reports whether v lets other bytes arrive than were sent, so that what a
// client sees proves little.
func (v Verb) Corrupts() bool { return verbs[v].corrupts }

// ChangesIdentity reports whether v changes what an identity may do.
func (v Verb) ChangesIdentity() bool { return v >= Grant && v <= Quota }

// UsesDisk reports whether v saves a server's items, or changes what is on its disk.
func (v Verb) UsesDisk() bool { return v >= Save && v <= BringBack }

// IsLie reports whether v makes the server hostile.
func (v Verb) IsLie() bool { return v >= LieSwap && v <= LieIgnore }
