package access

import (
	"os"
	"strings"
	"testing"
)

func FuzzParse(f *testing.F) {
	bad, err := os.ReadFile("testdata/bad.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bad)
	f.Add([]byte("web: {tokens: ['" + HashToken("t") + "'], prefixes: [''], max_connections: 5}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		identities, problems := parse("f", text)
		for _, p := range problems {
			if !strings.HasPrefix(p.Where, "f:") || p.Text == "" {
				t.Fatalf("a problem without place or text: %+v", p)
			}
		}
		for _, id := range identities {
			if len(problems) == 0 && (len(id.prefixes) == 0 || len(id.tokens)+len(id.certificates) == 0) {
				t.Fatalf("an identity that nobody can be, or that may do nothing: %+v", id)
			}
		}
	})
}
