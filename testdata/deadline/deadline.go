// Package deadline gives every spec of a suite that imports it a time limit: a
// spec that hangs ends the run, with its name and what all goroutines do, and
// not only when the whole suite has taken too long. What its specs wait for with
// Eventually may take Patience.
package deadline

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
)

// Limit is how long a spec may take. It is generous: several suites share a
// machine, under the race detector.
const Limit = 4 * time.Minute

// Patience is how long Eventually waits: a busy machine is no failure.
const Patience = 30 * time.Second

// Unlimited is the label of specs without a time limit.
const Unlimited = "unlimited"

var limit = Limit

// The tests of a suite that are not specs read it at the same time as the specs.
func init() { gomega.SetDefaultEventuallyTimeout(Patience) }

// Ginkgo takes what a process prints that runs specs beside others, and loses it
// when the process crashes. Why it crashed is therefore also told to the standard
// error of before, which Ginkgo's command prints.
func init() {
	if slices.ContainsFunc(os.Args, func(arg string) bool { return strings.HasPrefix(arg, "--ginkgo.parallel.host=") }) {
		if err := debug.SetCrashOutput(os.Stderr, debug.CrashOptions{}); err != nil {
			panic(err)
		}
	}
}

var _ = ginkgo.BeforeEach(func() {
	if slices.Contains(ginkgo.CurrentSpecReport().Labels(), Unlimited) {
		return
	}
	name := ginkgo.CurrentSpecReport().FullText()
	timer := time.AfterFunc(limit, func() { //nolint:forbidigo // a spec that hangs does so in real time
		debug.SetTraceback("all")
		panic(fmt.Sprintf("spec %q has taken %v, and is here:\n%s", name, limit, nodes()))
	})
	ginkgo.DeferCleanup(func() { timer.Stop() })
})

// nodes returns the stacks of the spec itself, first of what may be hundreds.
func nodes() string {
	stacks := make([]byte, 1<<24)
	stacks = stacks[:runtime.Stack(stacks, true)]
	var nodes []string
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		if strings.Contains(stack, "created by github.com/onsi/ginkgo/v2/internal.(*Suite).runNode ") {
			nodes = append(nodes, stack)
		}
	}
	return strings.Join(nodes, "\n\n")
}
