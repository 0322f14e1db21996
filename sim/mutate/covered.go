package mutate

import (
	_ "embed"
	"strings"
)

//go:embed covered.txt
var covered string

// Covered reports whether a mutant in that file must be found.
func Covered(file string) bool { return listedIn(covered, file) }

func listedIn(list, file string) bool {
	for line := range strings.Lines(list) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if file == line || strings.HasSuffix(line, "/") && strings.HasPrefix(file, line) {
			return true
		}
	}
	return false
}
