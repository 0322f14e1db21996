package valkeystore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"github.com/valkey-io/valkey-go"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// ErrWrongType: the key holds a list, a hash or another type than a string, so
// another program uses the name. A plain Set would have replaced it silently.
var ErrWrongType = errors.New("key holds something that is no value")

// A refusal is an error that a server answers with, so that the request was
// surely not applied: what it is for errors.Is, and what to do about it.
type refusal struct {
	// First word of the error.
	code string
	// is matches errors.Is; nil for a final error of no particular kind.
	is     error
	advice string
}

// refusals is what each error of a server means. Those that are ErrUnavailable
// pass by themselves and may be tried again, writes, too.
var refusals = [...]refusal{
	{"OOM", errFull, "the server is at maxmemory and its policy evicts nothing"},
	{"MISCONF", cryptomem.ErrUnavailable, "the server cannot save to its disk and therefore takes no writes"},
	{"NOREPLICAS", cryptomem.ErrUnavailable, "fewer replicas are in step than min-replicas-to-write asks for"},
	{"READONLY", cryptomem.ErrUnavailable, "the node has become a replica"},
	{"MASTERDOWN", cryptomem.ErrUnavailable, "the node is a replica that lost its primary"},
	{"CLUSTERDOWN", cryptomem.ErrUnavailable, "no node serves the slot, or the cluster is in a minority"},
	{"TRYAGAIN", cryptomem.ErrUnavailable, "the slot is being moved"},
	{"LOADING", cryptomem.ErrUnavailable, "the server is reading its data from disk"},
	{"BUSY", cryptomem.ErrUnavailable, "the server is running a slow script"},
	{"NOSCRIPT", cryptomem.ErrUnavailable, "the server forgot the script between loading and running it"},
	{"MOVED", cryptomem.ErrUnavailable, "too many redirections, or a cluster whose user lacks +cluster|slots, from version 8 on +cluster|shards"},
	{"ASK", cryptomem.ErrUnavailable, "too many redirections, or a cluster whose user lacks +asking"},
	{"NOPERM", cryptomem.ErrDenied, "the user lacks a right, docs/valkey.md has all that are needed"},
	{"NOAUTH", cryptomem.ErrDenied, "the server wants a password"},
	{"WRONGPASS", cryptomem.ErrDenied, "user or password is wrong"},
	{"WRONGTYPE", ErrWrongType, "another program uses the name"},
}

// errFull matches ErrFull, and ErrUnavailable since nothing was applied.
var errFull = fmt.Errorf("%w: %w", cryptomem.ErrFull, cryptomem.ErrUnavailable)

// A ServerError is an error that the server answered with. Nothing was applied.
type ServerError struct {
	// Code is the first word of the message, such as "OOM".
	Code string
	// Message is all that the server sent.
	Message string
	is      error
	advice  string
}

// Error returns the server's message and what it means.
func (e *ServerError) Error() string {
	if e.advice == "" {
		return "server: " + e.Message
	}
	return "server: " + e.Message + " (" + e.advice + ")"
}

// Unwrap returns what the error is for errors.Is; nil if nothing in particular.
func (e *ServerError) Unwrap() error { return e.is }

// counts are how often each refusal was met; the last one counts all others.
type counts [len(refusals) + 1]atomic.Uint64

func (c *counts) byCode() map[string]uint64 {
	m := make(map[string]uint64)
	for i := range c {
		if n := c[i].Load(); n > 0 {
			code := "other"
			if i < len(refusals) {
				code = refusals[i].code
			}
			m[code] = n
		}
	}
	return m
}

// classify says what the message means, and returns its place in refusals.
func (e *ServerError) classify() int {
	message := e.Message
	if strings.HasPrefix(message, "Error running script") { // how servers before 7.0 say what a command of it met
		_, inner, _ := strings.Cut(message, ": -")
		message = cmp.Or(inner, message)
	}
	e.Code, _, _ = strings.Cut(message, " ")
	for i := range refusals {
		if refusals[i].code == e.Code {
			e.is, e.advice = refusals[i].is, refusals[i].advice
			return i
		}
	}
	return len(refusals)
}

// refused returns the error of a server's answer.
func (s *Store) refused(err *valkey.ValkeyError) *ServerError { return s.refusal(err.Error()) }

// refusal returns the error that a server's words stand for.
func (s *Store) refusal(message string) *ServerError {
	e := &ServerError{Message: message}
	s.counts[e.classify()].Add(1)
	return e
}

// refusedRequest is refused for the answer to r. A server without scripts cannot
// compare and swap, for any user or at any later time.
func (s *Store) refusedRequest(r *cryptomem.Request, err *valkey.ValkeyError) error {
	e := s.refused(err)
	if b := s.backend.Load(); scripted(r) && b != nil && b.isPlain(err) {
		// and is not the next time
		return fmt.Errorf("%w: %w", cryptomem.ErrUnavailable, e)
	}
	if scripted(r) && (e.Code == "NOPERM" && strings.Contains(e.Message, "eval") || strings.Contains(e.Message, "unknown command")) {
		return fmt.Errorf("%w: %v needs scripts: %w", cryptomem.ErrNotSupported, r.Command, e)
	}
	return e
}

// unsent returns the error of a request that was never sent because there is no
// connection.
func (s *Store) unsent(err error) error {
	if refusal, ok := valkey.IsValkeyErr(err); ok {
		// of the greeting
		return s.refused(refusal)
	}
	if s.closed.Load() {
		return cryptomem.ErrClosed
	}
	if refusal := untracked(err); refusal != nil {
		return refusal
	}
	return fmt.Errorf("%w: %w", cryptomem.ErrUnavailable, err)
}

// isUnsent reports whether an error of valkey-go tells that there was no
// connection to send anything over.
func isUnsent(err error) bool {
	var connect *connectError
	// in the place of an answer: of the greeting
	_, isRefusal := valkey.IsValkeyErr(err)
	return errors.As(err, &connect) || isRefusal || errors.Is(err, valkey.ErrNoSlot) || errors.Is(err, valkey.ErrNoCache)
}

// isContext reports whether the error is the end of a caller's time.
func isContext(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// lost returns the error of a request that was handed to valkey-go and got no
// answer. Only what surely was not sent may be called so.
func (s *Store) lost(ctx context.Context, c cryptomem.Command, err error) error {
	givenUp := isContext(err)
	switch {
	case isUnsent(err):
		return s.unsent(err)
	case givenUp && ctx.Err() == nil:
		// of the caller that was making the connection
		return s.unsent(errors.New("another caller gave up while it was connecting"))
	case givenUp:
	case s.closed.Load():
		err = cryptomem.ErrClosed
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = fmt.Errorf("%w: %w", cryptomem.ErrTimeout, err)
	}
	switch {
	case c.Has(wire.Writes):
		return fmt.Errorf("%w: %w", cryptomem.ErrMaybeApplied, err)
	case givenUp, errors.Is(err, cryptomem.ErrClosed):
		return err
	}
	return fmt.Errorf("%w: %w", cryptomem.ErrUnavailable, err)
}
