// Package plain runs as a spec what is written for package testing. A test beside
// the specs would be run by each of the processes that share them, and what it says
// when it fails would be lost.
package plain

import (
	"testing"

	"github.com/onsi/ginkgo/v2"
)

// Test runs f as a test of the name, within a spec, which fails where the test does,
// with what it has printed, and is skipped where the test is.
func Test(name string, f func(t *testing.T)) {
	ginkgo.GinkgoHelper()
	always := func(_, _ string) (bool, error) { return true, nil } // which specs are run is Ginkgo's to say
	skipped := false
	watched := func(t *testing.T) {
		t.Cleanup(func() { skipped = t.Skipped() })
		f(t)
	}
	switch passed := testing.RunTests(always, []testing.InternalTest{{Name: name, F: watched}}); {
	case !passed:
		ginkgo.Fail("the test " + name + " has failed, as printed")
	case skipped:
		ginkgo.Skip("the test " + name + " was skipped, as printed")
	}
}
