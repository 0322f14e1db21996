package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const report = `[{"SpecReports": [
	{"LeafNodeType": "BeforeSuite", "State": "passed"},
	{"ContainerHierarchyTexts": ["a store"], "LeafNodeType": "It", "LeafNodeText": "stores", "State": "passed"},
	{"ContainerHierarchyTexts": ["a store"], "LeafNodeType": "It", "LeafNodeText": "STATE", "State": "STATE"}]}]`

func TestSkips(t *testing.T) {
	const passes = "--- PASS: TestOne (0.01s)\n"
	for _, c := range []struct{ name, report, log, want string }{
		{"all ran", strings.ReplaceAll(report, "STATE", "passed"), passes, ""},
		{"a test that may", strings.ReplaceAll(report, "STATE", "passed"), passes + "--- SKIP: TestFaulty (0.00s)\n", ""},
		{"a skipped spec", strings.ReplaceAll(report, "STATE", "skipped"), passes, "a store skipped"},
		{"a pending spec", strings.ReplaceAll(report, "STATE", "pending"), passes, "a store pending"},
		{"a skipped test", strings.ReplaceAll(report, "STATE", "passed"), passes + "    --- SKIP: TestOne/sub (0.00s)\n", "TestOne/sub"},
		{"no specs", `[]`, passes, "nothing was run"},
		{"no tests", strings.ReplaceAll(report, "STATE", "passed"), "", "nothing was run"},
		{"half a report", `[{"Spec`, passes, "unexpected end of JSON input"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			files := map[string]string{"specs.json": c.report, "specs.log": c.log}
			for name, text := range files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := run(filepath.Join(dir, "specs.json"), filepath.Join(dir, "specs.log"), &bytes.Buffer{})
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
