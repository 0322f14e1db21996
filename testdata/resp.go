package testdata

import (
	"bufio"
	"bytes"
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed resp/commands.txt
var respCommands []byte

//go:embed resp/replies.txt
var respReplies []byte

// A RESPCase is what one side of a Redis connection sends, and what the other
// one is to make of it: commands, or a reply in either version of the protocol.
// In its file, strings are quoted as in Go:
//
//	# what this case shows
//	> "*1\r\n$4\r\nPING\r\n"     what is sent
//	= "PING"                     a command, argument by argument
//	2 "$-1\r\n"                  the same reply in RESP2
//	! "Protocol error: …"        the error that it ends in
type RESPCase struct {
	About    string
	Sent     []byte
	Commands [][]string
	RESP2    []byte
	Error    string
}

// RESPCommands returns the golden commands: what clients send.
func RESPCommands() ([]RESPCase, error) { return parseRESP("commands", respCommands) }

// RESPReplies returns the golden replies: what they are answered.
func RESPReplies() ([]RESPCase, error) { return parseRESP("replies", respReplies) }

func parseRESP(file string, text []byte) ([]RESPCase, error) {
	var cases []RESPCase
	lines := bufio.NewScanner(bytes.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		kind, rest, _ := strings.Cut(lines.Text(), " ")
		if kind == "" {
			continue
		}
		if kind == "#" {
			cases = append(cases, RESPCase{About: rest})
			continue
		}
		words, err := unquoteAll(rest)
		if err != nil || len(cases) == 0 {
			return nil, fmt.Errorf("resp/%s.txt:%d: %q is no case: %w", file, number, lines.Text(), err)
		}
		c := &cases[len(cases)-1]
		switch kind {
		case ">":
			c.Sent = append(c.Sent, strings.Join(words, "")...)
		case "=":
			c.Commands = append(c.Commands, words)
		case "2":
			c.RESP2 = append(c.RESP2, strings.Join(words, "")...)
		case "!":
			c.Error = strings.Join(words, "")
		default:
			return nil, fmt.Errorf("resp/%s.txt:%d: a line begins with # > = 2 or !, not with %q", file, number, kind)
		}
	}
	return cases, lines.Err()
}

func unquoteAll(s string) (words []string, err error) {
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		quoted, err := strconv.QuotedPrefix(s)
		if err != nil {
			return nil, err
		}
		word, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, err
		}
		words, s = append(words, word), s[len(quoted):]
	}
	return words, nil
}
