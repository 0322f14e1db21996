package cli

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore/valkeytest"
	plaintest "github.com/Zezezknight/cryptomem/testdata/plain"
)

// What the documents show is run, each document as one session in a directory with the
// files that it says to save.
var _ = Describe("A reader gets what the document shows, in", func() {
	all := documents()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		script := session(all[name])
		if script == "" {
			continue
		}
		It(filepath.Base(name), func() {
			file := filepath.Join(GinkgoT().TempDir(), strings.TrimSuffix(filepath.Base(name), ".md")+".txtar")
			Expect(os.WriteFile(file, []byte(archive(all[name], script)), 0o600)).To(Succeed())
			plaintest.Test("session", func(t *testing.T) {
				testscript.Run(t, testscript.Params{Files: []string{file}, Setup: prepare})
			})
		})
	}
})

// archive is a document's script with the files that it needs, on ports of its own.
func archive(text, script string) string {
	all := "[!unix] skip 'commands of a Unix shell'\n"
	if strings.Contains(script, "redis-server") && os.Getenv(valkeytest.Variable) != "required" {
		all += "[!exec:redis-server] skip 'redis-server is not installed'\n"
	}
	if strings.Contains(script, "redis-cli") && os.Getenv("CRYPTOMEM_SPEC_REDIS_CLIENTS") != "required" {
		all += "[!exec:redis-cli] skip 'redis-cli is not installed'\n"
	}
	if strings.Contains(script, "python3") && os.Getenv("CRYPTOMEM_SPEC_REDIS_CLIENTS") != "required" {
		all += "[!exec:python3] skip 'python3 is not installed'\n"
	}
	all += "exec bash -eu session.sh\n-- session.sh --\n" + script
	for file, content := range files(text) {
		all += "-- " + file + " --\n" + content
	}
	for _, port := range []string{"8443", "8081", "7379"} {
		free := freePort()
		all = strings.NewReplacer(":"+port, ":"+free, "--port "+port, "--port "+free).Replace(all)
	}
	return all
}

// prepare makes the environment that the documents assume: a shell in which
// nothing is set, and for programs a module that knows this one.
func prepare(env *testscript.Env) error {
	env.Setenv("CRYPTOMEM_ADDR", "localhost:"+freePort()) // what the documents call the default
	if _, err := os.Stat(filepath.Join(env.WorkDir, "config.yaml")); err == nil {
		env.Setenv("CRYPTOMEM_ADDR", "") // the file says it
	}
	env.Setenv("GORACE", "atexit_sleep_ms=0")
	for _, name := range []string{"GOCACHE", "GOMODCACHE"} { // which would follow HOME
		value, err := exec.Command("go", "env", name).Output()
		if err != nil {
			return err
		}
		env.Setenv(name, strings.TrimSpace(string(value)))
	}
	env.Setenv("HOME", env.WorkDir)
	root, err := filepath.Abs("../..")
	if err != nil {
		return err
	}
	module := "module hello\n\ngo 1.25.0\n"
	if err := os.WriteFile(filepath.Join(env.WorkDir, "go.mod"), []byte(module), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(env.WorkDir, "go.work"), []byte("go 1.25.0\n\nuse (\n\t.\n\t"+root+"\n)\n"), 0o600)
}

// session turns a document into a shell script; empty if there is nothing to run.
func session(text string) string {
	var script strings.Builder
	for _, block := range blocks(text, "console") {
		shell(&script, block)
	}
	benches := regexp.MustCompile(`(?m)^cryptomem bench[^#\n]*`).FindAllString(strings.Join(blocks(text, "sh"), ""), -1)
	programs := blocks(text, "python")
	if len(benches)+len(programs) > 0 {
		script.WriteString("cryptomem serve --snapshot none &\ncryptomem ping --wait 20s\n")
	}
	for _, command := range benches { // a moment of each: later flags overrule
		const short = " --duration 50ms --warmup 0s"
		switch {
		case strings.Contains(command, "--compare"):
			command += short + " --rounds 1 --keys 100"
		case strings.Contains(command, "--table"):
			command += short + " --rounds 1 --rows one"
		case strings.Contains(command, "--trace"):
			script.WriteString("printf 'a 100\\nb 200\\na 100\\n' | gzip > requests.txt.gz\n")
		default:
			command += short + " --keys 100"
		}
		script.WriteString(command + " > bench.txt\n")
	}
	for _, program := range programs {
		python(&script, program)
	}
	if script.Len() == 0 {
		return ""
	}
	return "trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\n" + script.String()
}

// shell runs each line after "$ ", which must print the lines that follow it,
// if there are any. A last line need not end.
func shell(script *strings.Builder, block string) {
	for _, step := range regexp.MustCompile(`(?m)^\$ `).Split(block, -1)[1:] {
		command, output, _ := strings.Cut(step, "\n")
		if output == "" {
			script.WriteString(command + "\n")
			continue
		}
		demand(script, command, output)
	}
}

// python runs a program. It must print what stands in
// the comments behind its print calls.
func python(script *strings.Builder, program string) {
	var output strings.Builder
	for _, m := range regexp.MustCompile(`(?m)^print\(.*\)  # (.*)$`).FindAllStringSubmatch(program, -1) {
		output.WriteString(m[1] + "\n")
	}
	program = strings.ReplaceAll(program, "8080", `int(os.environ["CRYPTOMEM_ADDR"].split(":")[1])`)
	fmt.Fprintf(script, "cat > program.py <<'END'\nimport os\n%sEND\n", program)
	demand(script, "python3 program.py", output.String())
}

func demand(script *strings.Builder, command, output string) {
	script.WriteString("diff - <(" + command + ` | sed '$a\') <<'END'` + "\n" + output + "END\n")
}

// portsTried counts from a random start, so that no two documents get the same port.
var portsTried = func() *atomic.Uint32 {
	var n atomic.Uint32
	n.Store(rand.Uint32N(freePorts))
	return &n
}()

// The ports that documents get lie below those that systems give to clients. One
// of these could be some client's again before the server that is to have it starts.
const (
	firstFreePort = 20_000
	freePorts     = 12_000
)

func freePort() string {
	for range freePorts {
		port := strconv.Itoa(int(firstFreePort + portsTried.Add(1)%freePorts))
		if l, err := net.Listen("tcp", "localhost:"+port); err == nil {
			Expect(l.Close()).To(Succeed())
			return port
		}
	}
	panic("no port is free")
}
