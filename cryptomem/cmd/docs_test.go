package main

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/rogpeppe/go-internal/testscript"
)

// documents are all that people read: README.md and docs/*.md.
func documents() map[string]string {
	GinkgoHelper()
	names, err := filepath.Glob("../../docs/*.md")
	Expect(err).NotTo(HaveOccurred())
	texts := make(map[string]string)
	for _, name := range append(names, "../../README.md") {
		text, err := os.ReadFile(name)
		Expect(err).NotTo(HaveOccurred())
		texts[name] = string(text)
	}
	return texts
}

// blocks returns what stands between ```language and ```.
func blocks(text, language string) []string {
	var found []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

// session turns console blocks into a shell script: each line after "$ " is
// run, and must print the lines that follow it, if there are any. A last line
// need not end.
func session(consoles []string) string {
	var script strings.Builder
	script.WriteString("trap 'kill $(jobs -p); wait' EXIT\n")
	for _, block := range consoles {
		for _, step := range regexp.MustCompile(`(?m)^\$ `).Split(block, -1)[1:] {
			command, output, _ := strings.Cut(step, "\n")
			if output == "" {
				script.WriteString(command + "\n")
				continue
			}
			script.WriteString("diff - <(" + command + ` | sed '$a\') <<'END'` + "\n" + output + "END\n")
		}
	}
	return script.String()
}

// TestDocuments runs every console block of every document, in order.
func TestDocuments(t *testing.T) {
	RegisterTestingT(t)
	dir := t.TempDir()
	for name, text := range documents() {
		consoles := blocks(text, "console")
		if len(consoles) == 0 {
			continue
		}
		script := session(consoles)
		for _, port := range []string{"8443", "8081"} {
			script = strings.ReplaceAll(script, ":"+port, ":"+freePort())
		}
		archive := "[!unix] skip 'commands of a Unix shell'\nexec bash -eu session.sh\n-- session.sh --\n" + script
		file := filepath.Join(dir, strings.TrimSuffix(filepath.Base(name), ".md")+".txtar")
		Expect(os.WriteFile(file, []byte(archive), 0o600)).To(Succeed())
	}
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Setup: func(env *testscript.Env) error {
			env.Setenv("CRYPTOMEM_ADDR", "localhost:"+freePort()) // what the documents call the default
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			env.Setenv("HOME", env.WorkDir)
			return nil
		},
	})
}

func freePort() string {
	l, err := net.Listen("tcp", "localhost:0")
	Expect(err).NotTo(HaveOccurred())
	_, port, err := net.SplitHostPort(l.Addr().String())
	Expect(err).NotTo(HaveOccurred())
	Expect(l.Close()).To(Succeed())
	return port
}

var _ = Describe("The documents", func() {
	It("link to files that there are", func() {
		for name, text := range documents() {
			for _, m := range regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`).FindAllStringSubmatch(text, -1) {
				Expect(filepath.Join(filepath.Dir(name), m[1])).To(BeAnExistingFile(), name)
			}
		}
	})

	It("show Go that is compiled, line by line, as an example", func() {
		var compiled strings.Builder
		files, err := filepath.Glob("../*example*_test.go")
		Expect(err).NotTo(HaveOccurred())
		for _, file := range files {
			text, err := os.ReadFile(file)
			Expect(err).NotTo(HaveOccurred())
			compiled.Write(text)
		}
		for name, text := range documents() {
			for _, block := range blocks(text, "go") {
				Expect(compiled.String()).To(ContainSubstring(block), name)
			}
		}
	})
})
