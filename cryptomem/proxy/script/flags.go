package script

import (
	"errors"
	"fmt"
	"strings"
)

// Flags are what the first line of a script declares: "#!lua flags=no-writes".
type Flags struct {
	// There is such a line: what it does not allow is forbidden.
	Declared bool

	NoWrites, AllowOOM, AllowStale, NoCluster, AllowCrossSlotKeys bool
}

// parseFlags takes the flags off a script. Its line break stays, for the
// numbers of the lines after it.
func parseFlags(source string) (flags Flags, body string, err error) {
	if !strings.HasPrefix(source, "#!") {
		return Flags{}, source, nil
	}
	end := strings.IndexByte(source, '\n')
	if end < 0 {
		return Flags{}, "", errors.New("Invalid script shebang") //nolint:staticcheck // Redis' words
	}
	words := strings.Fields(source[:end])
	if words[0] != "#!lua" {
		return Flags{}, "", fmt.Errorf("Unexpected engine in script shebang: %s", words[0]) //nolint:staticcheck // Redis' words
	}
	flags.Declared = true
	for _, word := range words[1:] {
		list, ok := strings.CutPrefix(word, "flags=")
		if !ok {
			return Flags{}, "", fmt.Errorf("Unknown lua shebang option: %s", word) //nolint:staticcheck // Redis' words
		}
		if list == "" {
			continue
		}
		for _, n := range strings.Split(list, ",") {
			flag := flags.named(n)
			if flag == nil {
				return Flags{}, "", fmt.Errorf("Unexpected flag in script shebang: %s", n) //nolint:staticcheck // Redis' words
			}
			*flag = true
		}
	}
	return flags, source[end:], nil
}

func (f *Flags) named(n string) *bool {
	switch n {
	case "no-writes":
		return &f.NoWrites
	case "allow-oom":
		return &f.AllowOOM
	case "allow-stale":
		return &f.AllowStale
	case "no-cluster":
		return &f.NoCluster
	case "allow-cross-slot-keys":
		return &f.AllowCrossSlotKeys
	}
	return nil
}
