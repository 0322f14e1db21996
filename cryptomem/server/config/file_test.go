package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func FuzzParseFile(f *testing.F) {
	seeds, _ := filepath.Glob("testdata/*/*.yaml")
	for _, name := range seeds {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c := Default()
		l := loader[Config]{schema: &table, config: c, origins: c.origins}
		l.parse("f", text)
		for _, p := range l.problems {
			if !strings.HasPrefix(p.Where, "f:") || p.Text == "" {
				t.Fatalf("a problem without place or text: %+v", p)
			}
		}
		for _, s := range Settings() {
			where, value := l.config.Origin(s.Name), l.config.Value(s)
			if err := s.bind(Default()).Set(value); err != nil {
				t.Fatalf("%s set %s to %q, which is not allowed", where, s.Name, value)
			}
		}
	})
}
