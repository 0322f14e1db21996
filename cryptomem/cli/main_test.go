package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/onsi/ginkgo/v2"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"cryptomem": func() { os.Exit(Main()) }})
}

// TestScripts runs the binary as people do. Each script in testdata/script is
// one behaviour; its server, if it starts one, listens on a Unix socket of its
// own.
func TestScripts(t *testing.T) {
	runScripts(t, "testdata/script", testscript.Params{
		Setup: func(env *testscript.Env) error {
			env.Setenv("CRYPTOMEM_ADDR", "unix:"+env.WorkDir+"/s")
			env.Setenv("CRYPTOMEM_KEY_FILE", env.WorkDir+"/key.json")
			env.Setenv("GORACE", "atexit_sleep_ms=0") // else each run ends with a second of waiting
			return nil
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "required":
				return os.Getenv("CRYPTOMEM_SPEC_REDIS_CLIENTS") == "required", nil
			case "userns": // a script can have mounts that nobody else sees
				return exec.Command("unshare", "-rm", "true").Run() == nil, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},

		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// runScripts runs the scripts of a directory. Processes that share the specs of a
// suite share the scripts, too.
func runScripts(t *testing.T, dir string, p testscript.Params) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(all) == 0 {
		t.Fatalf("no scripts in %s: %v", dir, err)
	}
	shared, _ := ginkgo.GinkgoConfiguration()
	for i, file := range all {
		if i%shared.ParallelTotal == shared.ParallelProcess-1 {
			p.Files = append(p.Files, file)
		}
	}
	if len(p.Files) > 0 {
		testscript.Run(t, p)
	}
}

// exits runs a program, as exec does, and demands an exit code: exits 1 cmd...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARGUMENT]...")
	}
	code := 0
	var failed *exec.ExitError
	switch err := ts.Exec(args[1], args[2:]...); {
	case errors.As(err, &failed):
		code = failed.ExitCode()
	case err != nil:
		ts.Fatalf("%s: %v", args[1], err)
	}
	if got := strconv.Itoa(code); got != args[0] {
		ts.Fatalf("exit code is %s, want %s", got, args[0])
	}
}
