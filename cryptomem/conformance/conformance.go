// Package conformance holds implementations of cryptomem's two formats to what their
// documents say: servers to docs/protocol.md, over a socket, and what seals and
// opens to docs/sealing.md, over standard input and output.
//
//	suite := conformance.OfServer(conformance.Server{Dial: dial, Clock: clock.New()})
//	failed, err := suite.Run(ctx, conformance.All, func(r conformance.Result) { fmt.Println(r) })
//
// A suite is a list of cases. Each one has a name, for people and --run, and quotes
// the rule that it is about. A case judges by what an implementation answers and
// never by how it is made; the specs of this package show that a second, simple
// server passes them all, and that each case can fail.
//
// docs/conformance.md tells newcomers how to use it, from the command line.
package conformance

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/benbjohnson/clock"
)

// A Case is one thing that an implementation has to do.
type Case struct {
	// group/what, unique in its suite.
	Name string `json:"name"`
	// What the document says, in its words.
	Rule string `json:"rule"`
}

// A Verdict is how a case ended.
type Verdict string

// The verdicts.
const (
	Passed  Verdict = "passed"
	Failed  Verdict = "failed"
	Skipped Verdict = "skipped" // the implementation, as it is set up, cannot be asked
)

// A Result is what became of a case.
type Result struct {
	Case
	Verdict Verdict `json:"verdict"`
	// Unless it passed; it may quote the implementation.
	Why  string        `json:"why,omitempty"`
	Took time.Duration `json:"took_ns"`
}

// A Suite is cases together with the implementation that they are tried on.
type Suite struct {
	cases []boundCase
	clock clock.Clock
	// begin before the first case.
	begin func(context.Context) error
	// end after the last one.
	end func()
}

type boundCase struct {
	Case
	// try returns nil if the case passed, and a skip if it was skipped.
	try func(context.Context) error
}

// A skip is why a case cannot be tried.
type skip string

func (s skip) Error() string { return string(s) }

// Cases lists the suite's cases in the order in which they are tried.
func (s *Suite) Cases() []Case {
	all := make([]Case, len(s.cases))
	for i, c := range s.cases {
		all[i] = c.Case
	}
	return all
}

// A Filter says which cases are wanted, by their names.
type Filter func(name string) bool

// All wants every case.
func All(string) bool { return true }

// Matching wants the cases whose name, or the group before its slash, the pattern
// matches, as [path.Match] does: "ttl", "ttl/touch-*", "*/empty-*".
func Matching(pattern string) (Filter, error) {
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, fmt.Errorf("pattern %q: %w", pattern, err)
	}
	return func(name string) bool {
		whole, _ := path.Match(pattern, name)
		group, _ := path.Match(pattern, path.Dir(name))
		return whole || group
	}, nil
}

// Run tries the cases that are wanted, one after the other, and calls each with what
// became of it. It returns how many failed, and an error if the implementation could
// not be tried at all, or ctx has ended.
func (s *Suite) Run(ctx context.Context, want Filter, each func(Result)) (failed int, err error) {
	if err := s.begin(ctx); err != nil {
		return 0, err
	}
	defer s.end()
	for _, c := range s.cases {
		if !want(c.Name) {
			continue
		}
		started := s.clock.Now()
		err := c.try(ctx)
		if ctx.Err() != nil {
			return failed, ctx.Err()
		}
		r := Result{Case: c.Case, Verdict: Passed, Took: s.clock.Since(started)}
		if err != nil {
			r.Verdict, r.Why = Failed, err.Error()
			if skipped := skip(""); errors.As(err, &skipped) {
				r.Verdict = Skipped
			} else {
				failed++
			}
		}
		each(r)
	}
	return failed, nil
}

// A Report is all results, to be written as JSON.
type Report struct {
	Passed  int      `json:"passed"`
	Failed  int      `json:"failed"`
	Skipped int      `json:"skipped"`
	Results []Result `json:"results"`
}

// Add adds a result. What an implementation has said in it is made printable.
func (r *Report) Add(one Result) {
	switch one.Verdict {
	case Passed:
		r.Passed++
	case Skipped:
		r.Skipped++
	default:
		r.Failed++
	}
	one.Why = printable(one.Why)
	r.Results = append(r.Results, one)
}
