// Package doctor looks for what is wrong with a server's set-up, and says what
// to do about it: configuration, certificates, file modes, limits, whether the
// server can be reached, and whether clocks agree.
//
//	findings := doctor.Examine(ctx, doctor.Patient{Config: cfg, Now: time.Now})
//
// It changes nothing. It reads the files that the configuration names, and asks
// a running server as a client would. Each check is a function of its own in
// the table [checks]; each returns a finding even if all is well, so that the
// list also says what was looked at.
package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem/config"
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
	Subject  string // what was looked at, such as "certificate"
	Text     string // what was found
	Advice   string // what to do; empty if there is nothing to do
}

// A Patient is a set-up to be examined. Config and Now must be set.
type Patient struct {
	Config *config.Config
	Now    func() time.Time

	// Limits of this machine and process; 0 leaves out what depends on it.
	Memory   int64  // bytes that the server may use
	MaxFiles uint64 // files and connections that a process may have open

	// How a client on this machine would come. All may be empty.
	KeyFile         string // the key that values are sealed with
	Identity, Token string
}

// report collects the findings of one examination.
type report struct {
	Patient
	findings []Finding
	answered bool // whether a server did
}

func (r *report) fine(subject, format string, args ...any) {
	r.findings = append(r.findings, Finding{Fine, subject, fmt.Sprintf(format, args...), ""})
}

func (r *report) found(s Severity, subject, text, advice string) {
	r.findings = append(r.findings, Finding{s, subject, text, advice})
}

// checks in the order in which their findings are read.
var checks = []func(context.Context, *report){
	exposure,
	adminExposure,
	identitiesFile,
	certificate,
	clientAuthorities,
	privateKeyMode,
	keyFile,
	snapshotFile,
	memory,
	openFiles,
	storePolicy,
	reachability,
	snapshotHolder,
}

// Examine runs every check. ctx bounds those that ask the network.
func Examine(ctx context.Context, p Patient) []Finding {
	r := &report{Patient: p}
	for _, check := range checks {
		check(ctx, r)
	}
	return r.findings
}
