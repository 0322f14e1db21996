package cli

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
	"github.com/Zezezknight/cryptomem/sealing"
)

// documents are all that people read: README.md, SECURITY.md and docs/*.md, by name.
func documents() map[string]string {
	GinkgoHelper()
	names, err := filepath.Glob("../../docs/*.md")
	Expect(err).NotTo(HaveOccurred())
	texts := make(map[string]string)
	for _, name := range append(names, "../../README.md", "../../.github/SECURITY.md") {
		text, err := os.ReadFile(name)
		Expect(err).NotTo(HaveOccurred())
		texts[name] = string(text)
	}
	return texts
}

var fence = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")

// blocks returns what stands between ```language and ```.
func blocks(text, language string) (found []string) {
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		if m[1] == language {
			found = append(found, m[2])
		}
	}
	return found
}

// anchors returns what a link may put behind # for each heading.
func anchors(text string) (found []string) {
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		words := regexp.MustCompile(`[^\p{L}\p{N}_ -]`).ReplaceAllString(strings.ToLower(m[1]), "")
		found = append(found, strings.ReplaceAll(words, " ", "-"))
	}
	for _, m := range regexp.MustCompile(`<a id="([^"]+)"></a>`).FindAllStringSubmatch(text, -1) {
		found = append(found, m[1]) // of a heading that had another name
	}
	return found
}

// files returns the blocks that the text before them says to save under a name,
// as "`config.yaml`:" does.
func files(text string) map[string]string {
	found := make(map[string]string)
	for _, m := range regexp.MustCompile("(?ms)`([\\w./]+)`:\n\n```[a-z]+\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		found[m[1]] = m[2]
	}
	return found
}

// judges say who makes sure that the blocks of a language are true.
var judges = map[string]string{
	"console":  "docs_session_test.go runs them",
	"python":   "docs_session_test.go runs them",
	"sh":       "below: each line is run, or names what there is",
	"go":       "below: compiled as examples, or run by docs_session_test.go",
	"yaml":     "below: read as identities, or used by docs_session_test.go",
	"json":     "below: read as a key file",
	"scenario": "sim/cmd runs them",
	"text":     "below: nothing to run",
}

var _ = Describe("The documents", func() {
	It("link to files that exist, and all pages are in README's list", func() {
		all := documents()
		for name, text := range all {
			for _, m := range regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`).FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
				Expect(filepath.Join(filepath.Dir(name), m[1])).To(BeAnExistingFile(), name)
			}
			if doc, ok := strings.CutPrefix(name, "../../docs/"); ok {
				_, list, _ := strings.Cut(all["../../README.md"], "## Documentation")
				Expect(list).To(ContainSubstring("(docs/" + doc + ")"))
			}
		}
	})

	It("link to headings that exist", func() {
		all := documents()
		headings := make(map[string][]string)
		for name, text := range all {
			headings[name] = anchors(text)
		}
		for name, text := range all {
			for _, m := range regexp.MustCompile(`\]\(([^)#:]*)#([^)]+)\)`).FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
				to := name
				if m[1] != "" {
					to = filepath.Join(filepath.Dir(name), m[1])
				}
				Expect(headings).To(HaveKey(to), name)
				Expect(headings[to]).To(ContainElement(m[2]), name+": "+m[0])
			}
		}
	})

	It("have no block that no spec checks", func() {
		for name, text := range documents() {
			Expect(strings.Count(text, "\n```")).To(Equal(2*len(fence.FindAllString(text, -1))), "fences in "+name)
			for _, m := range fence.FindAllStringSubmatch(text, -1) {
				Expect(judges).To(HaveKey(m[1]), name+":\n"+m[2])
			}
			for _, block := range blocks(text, "text") {
				Expect(block).NotTo(MatchRegexp(`(?m)^(\$ |cryptomem |go )`), name)
			}
		}
	})

	It("show Go that is compiled, line by line, as an example", func() {
		var compiled strings.Builder
		for _, pattern := range []string{"../*example*_test.go", "../*/*example*_test.go", "../../.ci/adapters/*example*_test.go"} {
			examples, err := filepath.Glob(pattern)
			Expect(err).NotTo(HaveOccurred())
			for _, file := range examples {
				text, err := os.ReadFile(file)
				Expect(err).NotTo(HaveOccurred())
				compiled.Write(text)
			}
		}
		for name, text := range documents() {
			for _, block := range blocks(text, "go") {
				if !isProgram(block) {
					Expect(compiled.String()).To(ContainSubstring(block), name)
				}
			}
		}
	})

	It("begin the client's page with a dozen recipes that fit a screen", func() {
		recipes, _, found := strings.Cut(documents()["../../docs/client.md"], "## Reference")
		Expect(found).To(BeTrue())
		all := blocks(recipes, "go")
		Expect(len(all)).To(BeNumerically(">=", 12))
		for _, block := range all {
			Expect(strings.Count(block, "\n")).To(BeNumerically("<=", 25), block)
		}
		examples, err := os.ReadFile("../recipes_example_test.go")
		Expect(err).NotTo(HaveOccurred())
		for _, f := range regexp.MustCompile(`(?ms)^func Example_.*?^}$`).FindAllString(string(examples), -1) {
			Expect(strings.Count(f, "\n")+1).To(BeNumerically("<=", 25), f)
		}
	})

	It("show identities and key files that are read", func() {
		dir := GinkgoT().TempDir()
		for name, text := range documents() {
			saved := files(text)
			for _, block := range blocks(text, "yaml") {
				if contains(saved, block) {
					continue
				}
				n := 0
				block = regexp.MustCompile("sha256:…").ReplaceAllStringFunc(block, func(string) string {
					n++
					return access.HashToken(fmt.Sprint(n))
				})
				file := filepath.Join(dir, "identities.yaml")
				Expect(os.WriteFile(file, []byte(block), 0o600)).To(Succeed())
				_, err := access.Load(file)
				Expect(err).NotTo(HaveOccurred(), name)
			}
			for _, block := range blocks(text, "json") {
				n := byte(0)
				block = regexp.MustCompile("<32 bytes in base64>").ReplaceAllStringFunc(block, func(string) string {
					n++
					return base64.StdEncoding.EncodeToString(append(make([]byte, 31), n))
				})
				file := filepath.Join(dir, "key.json")
				Expect(os.WriteFile(file, []byte(block), 0o600)).To(Succeed())
				_, err := sealing.ReadKeyFile(file)
				Expect(err).NotTo(HaveOccurred(), name)
			}
		}
	})

	It("give developers commands that exist", func() {
		for name, text := range documents() {
			for _, block := range blocks(text, "sh") {
				for line := range strings.Lines(block) {
					Expect(judgeLine(line)).To(Succeed(), name+": "+line)
				}
			}
		}
	})

	It("add to the identities, and never empty the file", func() {
		for name, text := range documents() {
			Expect(text).NotTo(MatchRegexp(`(?m)^\$ cryptomem token .*[^>]> `), name)
		}
	})

	It("name commands and flags that exist", func() {
		var help strings.Builder
		known := make(map[string]bool)
		for _, c := range commands() {
			known[c.name] = true
			help.WriteString(c.help)
		}
		for name, text := range documents() {
			for _, m := range regexp.MustCompile("`(?:cryptomem ([a-z]+))?[^`\n]*`").FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
				if m[1] != "" {
					Expect(known).To(HaveKey(m[1]), name+": "+m[0])
					for _, flag := range regexp.MustCompile(`--[a-z-]+`).FindAllString(m[0], -1) {
						Expect(help.String()).To(ContainSubstring(flag), name+": "+m[0])
					}
				}
			}
		}
	})
})

func isProgram(block string) bool { return strings.HasPrefix(block, "package main\n") }

func contains(saved map[string]string, block string) bool {
	for _, text := range saved {
		if text == block {
			return true
		}
	}
	return false
}

// judgeLine says whether a line of a developer's commands can be true: it is run
// elsewhere, or what it names is there.
func judgeLine(line string) error {
	line, _, _ = strings.Cut(line, "#")
	words := strings.Fields(line)
	if strings.HasPrefix(words[0], "CRYPTOMEM_") {
		words = words[1:]
	}
	line = strings.Join(words, " ")
	switch {
	case strings.HasPrefix(line, "cryptomem bench"): // docs_session_test.go runs it
	case strings.HasPrefix(line, "go run ./sim/cmd"), strings.HasPrefix(line, "go run -race ./sim/cmd"): // sim/cmd does
	case line == "go run ./cryptomem/cmd": // every script does
	case line == "git clone https://github.com/Zezezknight/cryptomem", line == "cd cryptomem", line == "export PATH=$PWD/bin:$PATH", line == "mkdir try && cd try":
	case line == "go build -o bin/cryptomem ./cryptomem/cmd/cryptomem":
	case strings.HasPrefix(line, "go run github.com/go-task/task/"):
		return named("../../Taskfile.yml", `(?m)^  `+words[3]+`:$`)
	case strings.HasPrefix(line, "go test ./"):
		return judgeTest(words[2:])
	default:
		return fmt.Errorf("nothing runs %q", line)
	}
	return nil
}

// judgeTest looks for what a go test command selects.
func judgeTest(args []string) error {
	sources := "../../" + args[0] + "/*_test.go"
	rest := strings.Join(args[1:], " ")
	for _, m := range regexp.MustCompile(`-(bench|fuzz|ginkgo\.focus) ('[^']*'|"[^"]*"|\S+)`).FindAllStringSubmatch(rest, -1) {
		pattern := strings.Trim(m[2], `'"`)
		switch m[1] {
		case "bench":
			pattern = `func Benchmark\w*(` + pattern + `)`
		case "fuzz":
			pattern = `func ` + pattern + `\(`
		}
		if err := named(sources, pattern); err != nil {
			return err
		}
	}
	return nil
}

// named says whether one of the files has what the pattern matches.
func named(files, pattern string) error {
	names, err := filepath.Glob(files)
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if regexp.MustCompile(pattern).Match(text) {
			return nil
		}
	}
	return fmt.Errorf("%s: no match for %s (%w)", files, pattern, err)
}
