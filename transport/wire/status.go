package wire

import "strconv"

// A Status says how a request ended.
type Status uint8

// The statuses of the protocol; Exists, Denied and Busy only ever answer
// extension commands.
const (
	NotFound Status = 0
	OK       Status = 1
	Error    Status = 2 // the value is a message in UTF-8
	Exists   Status = 3
	Denied   Status = 4
	Busy     Status = 5
)

var statusNames = [...]string{
	NotFound: "not found", OK: "ok", Error: "error", Exists: "exists", Denied: "denied", Busy: "busy",
}

// String returns the status in words.
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return "status " + strconv.Itoa(int(s))
}

// StatusKinds is how many statuses the protocol has.
const StatusKinds = len(statusNames)
