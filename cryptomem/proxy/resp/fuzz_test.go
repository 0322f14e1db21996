package resp_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
	"github.com/Zezezknight/cryptomem/testdata"
)

func FuzzParser(f *testing.F) {
	cases, err := testdata.RESPCommands()
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range cases {
		f.Add(c.Sent, byte(3))
	}
	limits := resp.Limits{MaxArgs: 16, MaxArg: 64, MaxCommand: 128, MaxInline: 64}
	f.Fuzz(func(t *testing.T, sent []byte, piece byte) {
		whole, _, wholeErr := parseAll(resp.NewParser(limits), sent, len(sent)+1)
		pieces, _, piecesErr := parseAll(resp.NewParser(limits), sent, int(piece)+1)
		if !reflect.DeepEqual(whole, pieces) || !errors.Is(piecesErr, wholeErr) {
			t.Fatalf("%q is %v, %v at once and %v, %v in pieces of %d", sent, whole, wholeErr, pieces, piecesErr, piece+1)
		}
		var again []byte
		for _, e := range whole {
			if e.refused == "" {
				again = append(again, commands(e.command...)...)
			}
		}
		if _, _, err := parseAll(resp.NewParser(limits), again, 5); err != nil {
			t.Fatalf("%q was parsed and encoded to %q, %v", sent, again, err)
		}
	})
}

func FuzzParseReply(f *testing.F) {
	cases, err := testdata.RESPReplies()
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range cases {
		f.Add(c.Sent)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:len(b):len(b)]
		r, n, err := resp.ParseReply(b)
		if err != nil || n == 0 {
			return
		}
		sent := r.Append(nil, resp.RESP3)
		again, m, err := resp.ParseReply(sent)
		if err != nil || m != len(sent) || !bytes.Equal(again.Append(nil, resp.RESP3), sent) {
			t.Fatalf("%q was parsed and encoded to %q, %v", b[:n], sent, err)
		}
	})
}
