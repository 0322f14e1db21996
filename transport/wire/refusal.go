package wire

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Refusal answers a request without executing it. Statuses from Exists on
// are sent as Error to Set, Get and Delete, whose clients may be older than
// the extensions.
type Refusal struct {
	Status  Status
	Message string
}

// Prefixes of a refusal's message, which tell its kind also to clients that are older
// than the statuses.
const (
	busyPrefix   = "busy: "
	deniedPrefix = "denied: "
	fullPrefix   = "full: "

	tooLargePrefix = "value is "
)

// Limits of what a refusal says, in bytes, so that no request of a peer makes it
// expensive.
const (
	MaxMessage = 512 // of the whole message; the rest is cut off
	MaxQuote   = 48  // of what was received
)

// Quote returns the first bytes of what a peer sent, quoted and escaped, for a
// message or a log line.
func Quote(received []byte) string {
	if len(received) <= MaxQuote {
		return strconv.Quote(string(received))
	}
	return fmt.Sprintf("%q... (%d bytes)", received[:MaxQuote], len(received))
}

// AuthenticationRequired answers a client that has not authenticated.
var AuthenticationRequired = Refusal{Status: Denied, Message: "authentication required"}

// Refuse refuses a request that is wrong in itself.
func Refuse(format string, args ...any) Refusal {
	return Refusal{Status: Error, Message: fmt.Sprintf(format, args...)}
}

// RefuseBusy refuses a request because a limit is reached at the moment.
func RefuseBusy(format string, args ...any) Refusal {
	return Refusal{Status: Busy, Message: busyPrefix + fmt.Sprintf(format, args...)}
}

// RefuseDenied refuses a request that the client is not allowed to make.
func RefuseDenied(format string, args ...any) Refusal {
	return Refusal{Status: Denied, Message: deniedPrefix + fmt.Sprintf(format, args...)}
}

// RefuseTooLarge refuses a value that is longer than the server takes.
func RefuseTooLarge(size, limit uint64) Refusal {
	return Refuse("%s%d bytes, limit %d", tooLargePrefix, size, limit)
}

// RefuseFull refuses a value because there is no room for it.
func RefuseFull(format string, args ...any) Refusal {
	return Refusal{Status: Error, Message: fullPrefix + fmt.Sprintf(format, args...)}
}

// Busy reports whether a limit was reached, so that it is worth trying later.
func (r Refusal) Busy() bool { return r.Status == Busy || strings.HasPrefix(r.Message, busyPrefix) }

// Denied reports whether the client needs other credentials.
func (r Refusal) Denied() bool {
	return r.Status == Denied || strings.HasPrefix(r.Message, deniedPrefix) || r.Message == AuthenticationRequired.Message
}

// Full reports whether there was no room for the value.
func (r Refusal) Full() bool { return strings.HasPrefix(r.Message, fullPrefix) }

// TooLarge reports whether the value was longer than the server takes.
func (r Refusal) TooLarge() bool {
	_, ok := r.ValueLimit()
	return ok
}

// ValueLimit returns how long a value may be, if that is what r says.
func (r Refusal) ValueLimit() (limit uint64, ok bool) {
	if r.Status != Error {
		return 0, false
	}
	var size uint64
	n, _ := fmt.Sscanf(r.Message, tooLargePrefix+"%d bytes, limit %d", &size, &limit)
	return limit, n == 2 && limit > 0
}

// FlushNotEnabled answers FLUSH where the configuration does not allow it.
var FlushNotEnabled = Refusal{Status: Error, Message: "FLUSH is not enabled on this server"}

// ScanNotEnabled answers SCAN where the configuration does not allow it.
var ScanNotEnabled = Refusal{Status: Error, Message: "SCAN is not enabled on this server"}

// FlushDisabled reports whether r is FlushNotEnabled.
func (r Refusal) FlushDisabled() bool { return r == FlushNotEnabled }

// Append appends the response with r to a client whose request was c.
func (r Refusal) Append(dst []byte, c Command) []byte {
	message := r.Message
	if len(message) > MaxMessage {
		message = strings.ToValidUTF8(message[:MaxMessage], "")
	}
	return AppendResponse(dst, r.StatusFor(c), []byte(message))
}

// StatusFor returns the status of the response to a client whose request was c.
func (r Refusal) StatusFor(c Command) Status {
	if c <= Delete && r.Status > Error {
		return Error
	}
	return r.Status
}

// Error implements error, so that a LargeHandler can refuse with a status.
func (r Refusal) Error() string { return r.Message }

// RefusalOf returns the Refusal in err, or one with err's message.
func RefusalOf(err error) Refusal {
	if why := (Refusal{}); errors.As(err, &why) {
		return why
	}
	return Refusal{Status: Error, Message: err.Error()}
}
