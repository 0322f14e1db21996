package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	"github.com/rogpeppe/go-internal/testscript"

	plaintest "github.com/Zezezknight/cryptomem/testdata/plain"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"cryptomem": func() { os.Exit(Main()) }})
}

// Each script in testdata/script is one behaviour; its server, if it starts one, listens
// on a Unix socket of its own.
var _ = Describe("The command, used as people do, says the script", func() {
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		panic(fmt.Sprint("no scripts: ", err))
	}
	for _, file := range scripts {
		It(strings.TrimSuffix(filepath.Base(file), ".txtar"), func() {
			plaintest.Test("script", func(t *testing.T) {
				testscript.Run(t, testscript.Params{
					Files:     []string{file},
					Setup:     onSocket,
					Condition: condition,
					Cmds:      map[string]func(*testscript.TestScript, bool, []string){"exits": exits},

					RequireExplicitExec: true,
					RequireUniqueNames:  true,
				})
			})
		})
	}
})

func onSocket(env *testscript.Env) error {
	env.Setenv("CRYPTOMEM_ADDR", "unix:"+env.WorkDir+"/s")
	env.Setenv("CRYPTOMEM_KEY_FILE", env.WorkDir+"/key.json")
	env.Setenv("GORACE", "atexit_sleep_ms=0") // else each run ends with a second of waiting
	return nil
}

func condition(name string) (bool, error) {
	switch name {
	case "required":
		return os.Getenv("CRYPTOMEM_SPEC_REDIS_CLIENTS") == "required", nil
	case "userns": // a script can have mounts that nobody else sees
		return exec.Command("unshare", "-rm", "true").Run() == nil, nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
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
