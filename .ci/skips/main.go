// Command skips counts the specs and tests that a run left out, and fails on one
// that is not listed in expected.txt:
//
//	go run ./.ci/skips dist/specs.json specs.log
//
// The first file is Ginkgo's report of its suites, the second what the run printed,
// which is all that there is of tests without Ginkgo. Each line of expected.txt says
// what may be left out, and why.
package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/onsi/ginkgo/v2/types"
)

//go:embed expected.txt
var expected string

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: skips REPORT.json LOG")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "skips:", err)
		os.Exit(1)
	}
}

func run(report, log string, out io.Writer) error {
	text, err := os.ReadFile(report)
	if err != nil {
		return err
	}
	ran, skipped, err := specs(text)
	if err != nil {
		return fmt.Errorf("%s: %w", report, err)
	}
	if text, err = os.ReadFile(log); err != nil {
		return err
	}
	passed, left := tests(string(text))
	if ran == 0 || passed == 0 {
		return fmt.Errorf("%d specs in %s and %d tests in %s: nothing was run", ran, report, passed, log)
	}
	skipped = append(skipped, left...)
	_, _ = fmt.Fprintf(out, "%d specs and %d tests ran, %d were left out\n", ran, passed, len(skipped))
	return judge(skipped, parse(expected), out)
}

// specs returns how many specs of a report ran, and the names of those left out.
func specs(report []byte) (ran int, skipped []string, err error) {
	var suites []types.Report
	if err := json.Unmarshal(report, &suites); err != nil {
		return 0, nil, err
	}
	for _, suite := range suites {
		for _, spec := range suite.SpecReports {
			switch {
			case spec.LeafNodeType != types.NodeTypeIt:
			case spec.State.Is(types.SpecStateSkipped | types.SpecStatePending):
				skipped = append(skipped, spec.FullText())
			default:
				ran++
			}
		}
	}
	return ran, skipped, nil
}

var verdict = regexp.MustCompile(`(?m)^ *--- (PASS|FAIL|SKIP): (\S+) \(`)

// tests does the same for what "go test -v" printed.
func tests(log string) (ran int, skipped []string) {
	for _, m := range verdict.FindAllStringSubmatch(log, -1) {
		if m[1] == "SKIP" {
			skipped = append(skipped, m[2])
		} else {
			ran++
		}
	}
	return ran, skipped
}

// parse returns the names that may be left out: each line is one; its reason is a
// comment above.
func parse(expected string) map[string]bool {
	names := map[string]bool{}
	for line := range strings.Lines(expected) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			names[line] = true
		}
	}
	return names
}

func judge(skipped []string, expected map[string]bool, out io.Writer) error {
	var unexpected []string
	for _, name := range skipped {
		if expected[name] {
			_, _ = fmt.Fprintln(out, "  as expected:", name)
		} else {
			unexpected = append(unexpected, name)
		}
	}
	if len(unexpected) > 0 {
		return errors.New("left out, and not expected to be:\n  " + strings.Join(unexpected, "\n  "))
	}
	return nil
}
