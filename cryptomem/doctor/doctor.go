// Package doctor looks for what is wrong with a set-up, and says what to do
// about it. A server's: configuration, certificates, file modes, limits, whether
// the server can be reached, and whether clocks agree. And a client's: whether it
// gets through to the server, is who it says it is, and can seal.
//
//	findings := doctor.Examine(ctx, doctor.Setup{Config: cfg, Clock: clock.New()})
//	findings := doctor.ExamineClient(ctx, doctor.Client{Addr: "localhost:8080", Clock: clock.New()})
//
// It changes nothing, unless a client is to try that it may. It reads the files
// that it is given the names of, and asks a running server as a client would.
// Each check is a function of its own in the table [checks] or [clientChecks];
// each returns a finding even if all is well, so that the list also says what
// was looked at.
package doctor

import (
	"context"
	"fmt"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
)

// Severity is how bad a finding is.
type Severity int

// From harmless to harmful.
const (
	Fine    Severity = iota // looked at, and in order
	Unknown                 // could not be looked at
	Warning                 // works, but not as it should, or not for long
	Problem                 // does not work, or is dangerous
)

// String returns the word that starts a line of output.
func (s Severity) String() string {
	return [...]string{"ok", "unknown", "warning", "PROBLEM"}[s]
}

// A Finding is the outcome of one check.
type Finding struct {
	Severity Severity
	// What was looked at, such as "certificate".
	Subject string
	// Text says what was found.
	Text string
	// What to do; empty if there is nothing to do.
	Advice string
}

// A Setup is what Examine examines. Config and Clock must be set.
type Setup struct {
	Config *config.Config
	Clock  clock.Clock

	// Limits of this machine and process; 0 leaves out what depends on it.
	Memory int64 // bytes that the server may use
	// Files and connections that a process may have open.
	MaxFiles uint64

	// How a client on this machine would come. All may be empty.
	KeyFile         string // the key that values are sealed with
	Identity, Token string
}

// findings collects the findings of one examination.
type findings struct {
	clk  clock.Clock
	list []Finding
}

func (r *findings) fine(subject, format string, args ...any) {
	r.list = append(r.list, Finding{Fine, subject, fmt.Sprintf(format, args...), ""})
}

func (r *findings) found(s Severity, subject, text, advice string) {
	r.list = append(r.list, Finding{s, subject, text, advice})
}

// A serverReport is what is found out about a server's set-up.
type serverReport struct {
	Setup
	findings
	// Whether a server did.
	answered bool
}

// checks in the order in which their findings are read.
var checks = []func(context.Context, *serverReport){
	exposure,
	adminExposure,
	identitiesFile,
	certificate,
	clientAuthorities,
	privateKeyMode,
	sealingKey,
	snapshotFile,
	memory,
	openFiles,
	storePolicy,
	reachability,
	adminTaken,
	snapshotHolder,
}

// Examine runs every check. ctx bounds those that ask the network.
func Examine(ctx context.Context, p Setup) []Finding {
	r := &serverReport{Setup: p, findings: findings{clk: p.Clock}}
	for _, check := range checks {
		check(ctx, r)
	}
	return r.list
}
