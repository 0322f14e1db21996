package script_test

import (
	"testing"

	"github.com/Zezezknight/cryptomem/sim/script"
)

// Whatever parses prints as text that parses to the same.
func FuzzParse(f *testing.F) {
	f.Add(example)
	f.Add(script.Generate(1).String())
	f.Add("@0s c1 set \"\\x00\" \"a\":1B ttl -1ns")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := script.Parse(text)
		if err != nil {
			return
		}
		printed := s.String()
		again, err := script.Parse(printed)
		if err != nil {
			t.Fatalf("%v in what was printed:\n%s", err, printed)
		}
		if second := again.String(); second != printed {
			t.Fatalf("printed\n%s\nthen\n%s", printed, second)
		}
	})
}
