package storetest_test

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/storetest"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// faultVariable names the fault of the store that TestFaulty runs the contract on,
// in a process of its own: a failed test cannot be taken back.
const faultVariable = "CRYPTOMEM_STORETEST_FAULT"

func TestFaulty(t *testing.T) {
	fault := os.Getenv(faultVariable)
	if fault == "" {
		t.Skip("it is run by TestEachFaultIsCaught")
	}
	storetest.Run(t, func(*testing.T) cryptomem.Store { return newMemory(fault) })
}

// faults are what a store can do wrong, and the test that has to notice.
var faults = []struct{ fault, test string }{
	{"adds over what is there", "Add/live"},
	{"does not add over what has expired", "Add/expired"},
	{"replaces what is not there", "Replace/absent"},
	{"replaces what has expired", "Replace/expired"},
	{"reads versions of what has expired", "GetItem/expired"},
	{"tells the whole TTL as what remains", "GetItem/remaining"},
	{"swaps whatever the version", "Swap/changed"},
	{"tells the old version after a swap", "Versions/swapped"},
	{"gives the same version to the same size", "Versions/differ"},
	{"forgets fences with the item", "Fences/outlive"},
	{"deletes what is not there", "Delete/absent"},
	{"keeps the TTL that was there", "TTL/replaced_by_SET/shorter"},
	{"has whole seconds only", "TTL/lasts"},
	{"takes an empty value for nothing", "Values/empty"},
	{"cuts large values", "Values/too_large"},
	{"ends names at a zero byte", "Names/binary"},
	{"cuts long names", "Names/longest"},
	{"does not tell upper from lower case", "Names/alike"},
	{"hands out its own bytes", "Slices/answer"},
	{"keeps the caller's bytes", "Slices/request"},
	{"appends to what is in the room", "Slices/room"},
	{"stores what the sealer refused", "Sealer/refusing"},
	{"carries batches out backwards", "Batch/order"},
	{"ends a batch with its first error", "Batch/errors"},
	{"flushes what has the prefix anywhere", "Flush/prefix"},
	{"supports a command now and then", "Flush/prefix"},
	{"takes in two steps", "Goroutines/one_takes"},
	{"does not heed the context", "Cancelled/before"},
	{"answers after Close", "Closed/later"},
}

func TestEachFaultIsCaught(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range faults {
		t.Run(f.fault, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestFaulty$", "-test.v")
			cmd.Env = append(os.Environ(), faultVariable+"="+f.fault)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Fatal("nothing failed")
			}
			if !strings.Contains(string(out), "--- FAIL: TestFaulty/"+f.test+" ") {
				t.Errorf("%s passed, and something else failed:\n%s", f.test, failures(string(out)))
			}
		})
	}
}

// failures are the lines of a test's output that tell what failed.
func failures(out string) string {
	var lines []string
	for line := range strings.Lines(out) {
		if strings.Contains(line, "FAIL") || strings.Contains(line, ".go:") || strings.Contains(line, "panic") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[:min(len(lines), 40)], "")
}

// neverAsked are the commands of the protocol that no client has a store carry out.
var neverAsked = []cryptomem.Command{wire.Touch, wire.Auth}

// An asked is a store that notes which commands it was asked for.
type asked struct {
	*memory
	commands *sync.Map
}

func (a *asked) Do(ctx context.Context, r *cryptomem.Request) error {
	a.commands.Store(r.Command, true)
	return a.memory.Do(ctx, r)
}

func TestEveryCommandIsTried(t *testing.T) {
	var commands sync.Map
	storetest.Run(t, func(*testing.T) cryptomem.Store { return &asked{memory: newMemory(""), commands: &commands} })
	for _, c := range wire.Commands() {
		if _, tried := commands.Load(c); !tried && !slices.Contains(neverAsked, c) {
			t.Errorf("no test asks a store for %s: cryptomem/storetest/commands.go, or neverAsked above", c)
		}
	}
}
