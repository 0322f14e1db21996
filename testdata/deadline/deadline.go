// Package deadline gives every spec of a suite that imports it a time limit: a
// spec that hangs ends the run, with its name and what all goroutines do, and
// not only when the whole suite has taken too long.
package deadline

import (
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/onsi/ginkgo/v2"
)

// Limit is how long a spec may take. It is generous: several suites share a
// machine, under the race detector.
const Limit = 4 * time.Minute

// Unlimited is the label of specs that go on for as long as they are told to.
const Unlimited = "unlimited"

var _ = ginkgo.BeforeEach(func() {
	if slices.Contains(ginkgo.CurrentSpecReport().Labels(), Unlimited) {
		return
	}
	name := ginkgo.CurrentSpecReport().FullText()
	timer := time.AfterFunc(Limit, func() { //nolint:forbidigo // a spec that hangs does so in real time
		debug.SetTraceback("all")
		panic(fmt.Sprintf("spec %q has taken %v", name, Limit))
	})
	ginkgo.DeferCleanup(func() { timer.Stop() })
})
