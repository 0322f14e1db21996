package script_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/script"
)

// FuzzScript runs what comes: nothing may panic or go on for ever, and what a
// script can bring about is a reply.
func FuzzScript(f *testing.F) {
	lines, err := os.ReadFile("testdata/oneliners.lua")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(lines)) {
		f.Add(line)
	}
	engine := script.New(script.Limits{Steps: 20_000, Memory: 1 << 20})
	f.Fuzz(func(t *testing.T, source string) {
		s, err := engine.Load([]byte(source))
		if err != nil {
			return
		}
		reply, err := s.Run(context.Background(), &script.Run{
			Keys: [][]byte{[]byte("k1")}, Args: [][]byte{[]byte("17")},
			Call: func(args [][]byte, _ resp.Version) resp.Reply {
				return resp.Reply{Kind: resp.Bulk, Bytes: args[len(args)-1]}
			},
		})
		if reply.Kind == 0 {
			t.Fatalf("no reply, error %v", err)
		}
		if errors.Is(err, script.ErrDefect) {
			t.Fatal(err)
		}
	})
}
