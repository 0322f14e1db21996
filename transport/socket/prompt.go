package socket

import (
	"net"
	"time"
)

// A PromptConn is a connection on which a read can wait for a very short time, so that
// a single caller can read its own answer instead of waking a goroutine for it. On
// Linux, a *Conn is one.
type PromptConn interface {
	net.Conn

	// ReadWithin reads, as Read does, what is there already or arrives within the
	// time. If that is nothing it returns os.ErrDeadlineExceeded.
	ReadWithin(b []byte, atMost time.Duration) (int, error)

	// Pause says that only ReadWithin is called until Resume: what arrives need not
	// wake a goroutine.
	Pause()
	Resume()

	// AwaitNews waits for the end of the stream if the connection is paused, or else
	// for the next bytes. It reads nothing.
	AwaitNews()
}

// When a client's callers read for themselves.
const (
	// AloneFor is how many calls in a row have to find no other call in flight before
	// the next one reads its own answer.
	AloneFor = 8

	// AloneForFar is AloneFor where answers keep taking longer than LoneWait: little
	// is saved there.
	AloneForFar = 64 * AloneFor

	// LoneWait is how long a caller waits for its own answer before it looks at its
	// context or leaves the answer to a goroutine.
	LoneWait = 100 * time.Microsecond
)
