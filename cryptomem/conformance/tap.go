package conformance

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
)

// TAP writes results as the Test Anything Protocol, version 14, one line each as
// soon as it is there, and for what failed the rule and what was seen instead.
type TAP struct {
	w      io.Writer
	number int
	report Report // of which only the numbers are kept
	err    error
}

// NewTAP writes the beginning, for so many results.
func NewTAP(w io.Writer, results int) *TAP {
	t := &TAP{w: w}
	t.printf("TAP version 14\n1..%d\n", results)
	return t
}

// Write writes one result. Whatever an implementation has said is made printable.
func (t *TAP) Write(r Result) {
	t.number++
	t.report.Add(Result{Verdict: r.Verdict})
	t.report.Results = nil
	switch r.Verdict {
	case Passed:
		t.printf("ok %d - %s\n", t.number, r.Name)
	case Skipped:
		t.printf("ok %d - %s # SKIP %s\n", t.number, r.Name, printable(r.Why))
	default:
		t.printf("not ok %d - %s\n  ---\n  message: %s\n  rule: %s\n  duration_ms: %d\n  ...\n",
			t.number, r.Name, quoted(r.Why), quoted(r.Rule), r.Took/time.Millisecond)
	}
}

// End writes how many results there were of each kind, and returns the first error of
// writing.
func (t *TAP) End() error {
	t.printf("# %d passed, %d failed, %d skipped\n", t.report.Passed, t.report.Failed, t.report.Skipped)
	return t.err
}

func (t *TAP) printf(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format, args...)
	}
}

// quoted is a text as a string of YAML.
func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(printable(text)) + `"`
}

// printable is text on one line that gives no orders to a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}
