package cryptomem

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// Errors of a Client's calls, for errors.Is. Errors of the network and of the
// caller's context are wrapped, so errors.Is and errors.As find them too.
var (
	// ErrNotFound: there is no unexpired value under the key.
	ErrNotFound = errors.New("not found")

	// ErrExists: Add found a value under the key.
	ErrExists = errors.New("already exists")

	// ErrChanged: CompareAndSwap found another version than expected. Update and
	// Touch return it only together with the error of their context.
	ErrChanged = errors.New("changed by another client")

	// ErrTooLarge: the key or the sealed value is longer than its limit, the
	// client's or the server's. Nothing was stored.
	ErrTooLarge = errors.New("too large")

	// ErrClosed: the client has been closed.
	ErrClosed = errors.New("client is closed")

	// ErrTimeout: after taking the request, the server was silent for longer
	// than WithTimeout allows, or did not answer in full within a minute.
	ErrTimeout = errors.New("server did not answer in time")

	// ErrUnavailable: the store cannot be reached, or cannot serve now. The
	// request was not applied, unless the error is an ErrMaybeApplied as well.
	// While a server is out of reach, calls fail at once with the cause, and the
	// client dials in the background until the server is back.
	ErrUnavailable = errors.New("store is unavailable")

	// ErrNotSupported: the store does not support the operation.
	ErrNotSupported = errors.New("not supported by this store")

	// ErrMaybeApplied: the connection was lost, or the context ended, between
	// a request that changes something and its answer. The change may have
	// taken effect, and may still do so.
	ErrMaybeApplied = errors.New("outcome is unknown, the change may have been applied")

	// ErrBusy: the server is at a limit of its own; try again later. The error
	// is a *ServerError.
	ErrBusy = errors.New("server is busy")

	// ErrFull: the value does not fit into a store that evicts nothing, or into
	// the identity's share of it. The value under the key is unchanged. The error
	// is a *ServerError.
	ErrFull = errors.New("store is full")

	// ErrFlushDisabled: the server's configuration does not allow FLUSH. The error
	// is a *ServerError.
	ErrFlushDisabled = errors.New("flush is not enabled on the server")

	// ErrDenied: the server does not accept the credentials, or they do not allow
	// the operation. The error is a *ServerError.
	ErrDenied = errors.New("access denied")

	// ErrNotAuthentic: the value in the store was not sealed for this key and
	// namespace with a key of the keyring. It is withheld.
	ErrNotAuthentic = sealing.ErrNotAuthentic

	// ErrExpired: the server returned a value past the expiry sealed with it. Such
	// an error is an ErrNotFound as well.
	ErrExpired = sealing.ErrExpired

	// ErrStale: the store returned a value that had been replaced or removed
	// before, was sealed before a cut, or claims to be from the future. It is
	// withheld. Such an error is an ErrNotFound as well.
	ErrStale = sealing.ErrStale
)

// A Status is the status of a server's answer.
type Status = wire.Status

// A ServerError is a request refused by the server, which stays usable.
type ServerError struct {
	// Status is that of an error, a denial or a busy server.
	Status Status
	// Message is what the server sent, unchecked.
	Message string
}

// longestMessage is how much of a server's message an error shows, in bytes.
const longestMessage = 300

// Error returns the server's message, shortened if it is long. Control characters
// are escaped, since the server is not trusted.
func (e *ServerError) Error() string {
	if e.Message == "" {
		return "server answered " + e.Status.String()
	}
	message := e.Message
	if len(message) > longestMessage {
		message = strings.ToValidUTF8(message[:longestMessage], "") + "…"
	}
	if !utf8.ValidString(message) || strings.ContainsFunc(message, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "server: " + strconv.Quote(message)
	}
	return "server: " + message
}

// Is makes a ServerError match ErrBusy, ErrDenied, ErrFull, ErrTooLarge and
// ErrFlushDisabled.
func (e *ServerError) Is(target error) bool {
	why := wire.Refusal{Status: e.Status, Message: e.Message}
	switch target {
	case ErrBusy:
		return why.Busy()
	case ErrFull:
		return why.Full()
	case ErrDenied:
		return why.Denied()
	case ErrTooLarge:
		return why.TooLarge()
	case ErrFlushDisabled:
		return why.FlushDisabled()
	}
	return false
}

// unavailableError is an ErrUnavailable that says nothing but its cause.
type unavailableError struct{ cause error }

func unavailable(cause error) error { return unavailableError{cause} }

func (e unavailableError) Error() string   { return e.cause.Error() }
func (e unavailableError) Unwrap() []error { return []error{ErrUnavailable, e.cause} }

// answerError returns the error that an answer to the command stands for; nil
// for OK.
func answerError(c Command, r *wire.Response) error {
	switch {
	case r.Status == wire.OK:
		return nil
	case r.Status == wire.NotFound:
		return ErrNotFound
	case r.Status == wire.Exists && c == CommandSwap:
		return ErrChanged
	case r.Status == wire.Exists:
		return ErrExists
	}
	return &ServerError{Status: r.Status, Message: string(r.Value)}
}

// openError turns a Sealer's refusal into the client's error.
func openError(err error) error {
	switch {
	case errors.Is(err, sealing.ErrExpired), errors.Is(err, sealing.ErrStale):
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	case errors.Is(err, sealing.ErrClosed):
		return ErrClosed
	case errors.Is(err, sealing.ErrUnknownKey), errors.Is(err, sealing.ErrMalformed):
		return unopenedError{ErrNotAuthentic, err}
	}
	return err
}

// unopenedError matches kind and puts the reason into the same message.
type unopenedError struct{ kind, why error }

func (e unopenedError) Error() string {
	return e.kind.Error() + ": " + strings.TrimPrefix(e.why.Error(), "sealing: ")
}

func (e unopenedError) Unwrap() []error { return []error{e.kind, e.why} }
