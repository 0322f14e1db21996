package transport

import "errors"

// A Refusal answers a request without executing it. Statuses from Exists on
// are sent as Error to Set, Get and Delete, whose clients may be older than
// the extensions.
type Refusal struct {
	Status  Status
	Message string
}

// Append appends the response that tells a client whose request was c.
func (r Refusal) Append(dst []byte, c Command) []byte {
	return AppendResponse(dst, r.StatusFor(c), []byte(r.Message))
}

// StatusFor returns the status that a client whose request was c is sent.
func (r Refusal) StatusFor(c Command) Status {
	if c <= Delete && r.Status > Error {
		return Error
	}
	return r.Status
}

// Error implements error, so that a LargeHandler can refuse with a status.
func (r Refusal) Error() string { return r.Message }

// RefusalOf returns the Refusal that err is, or makes one of it.
func RefusalOf(err error) Refusal {
	if why, ok := errors.AsType[Refusal](err); ok {
		return why
	}
	return Refusal{Error, err.Error()}
}
