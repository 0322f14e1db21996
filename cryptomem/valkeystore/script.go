package valkeystore

import (
	_ "embed"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/valkey-io/valkey-go"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

// A script runs in the server, with one key or several of one slot. From server 7.0 on it begins with
// "#!lua": without that a demoted node or a full one runs it up to its first
// write, and "changed" is all that the caller hears of it.
type script struct {
	name string
	body string
	// SHA-1 of shebang and body, as a constant: computing one panics where only FIPS is allowed.
	digest string
	// plainDigest of the body alone, for servers before 7.0.
	plainDigest string
}

const shebang = "#!lua\n"

//go:embed swap.lua
var swapBody string

//go:embed swapall.lua
var swapAllBody string

//go:embed fence.lua
var fenceBody string

var (
	swap    = script{name: "swap", body: swapBody, digest: "2dbf1c6511449519c66d2fe6e8b7ae18449ad897", plainDigest: "67af0d86323e88a4ee4bfd014e2efcd6f2587487"}
	swapAll = script{name: "swapall", body: swapAllBody, digest: "69170cd3d1602fb88791a084356987617840e1d5", plainDigest: "1dd492e2d68198e07c22c0ca9fde36a0d743fd60"}
	fence   = script{name: "fence", body: fenceBody, digest: "ef80e98c6cde1032fd56942dc1f43983f4220501", plainDigest: "a51551757e7a1a4b4021bd0713a2ec10a0973c5c"}
)

// script returns the command that runs the script on the frame's key.
func (b *backend) script(s *script, f *frame, whole bool, args ...string) valkey.Completed {
	return b.scriptOf(s, []string{f.key}, whole, args...)
}

// scriptOf returns the command that runs the script on the keys, which are of one
// slot.
func (b *backend) scriptOf(s *script, keys []string, whole bool, args ...string) valkey.Completed {
	head, text := "EVALSHA", s.digest
	plain := b.plain.Load()
	switch {
	case whole && plain:
		head, text = "EVAL", s.body
	case whole:
		head, text = "EVAL", shebang+s.body
	case plain:
		text = s.plainDigest
	}
	return b.client.B().Arbitrary(head, text, strconv.Itoa(len(keys))).Keys(keys...).Args(args...).Build()
}

// maxWhole is how often a script is sent whole before it is given up: with its first
// line, and without.
const maxWhole = 2

// again reports whether a script is to be sent whole, after that many times: the
// server does not know it, or is too old for its first line.
func (b *backend) again(result valkey.ValkeyResult, times int) bool {
	err, ok := valkey.IsValkeyErr(result.Error())
	return ok && times < maxWhole && (err.IsNoScript() || b.isPlain(err))
}

// isPlain reports whether the server is too old for the first line of scripts, as the
// error tells. From now on it gets them without.
func (b *backend) isPlain(err *valkey.ValkeyError) bool {
	old := strings.Contains(err.Error(), "Error compiling script")
	if old {
		b.plain.Store(true)
	}
	return old
}

// The numbers that scripts answer with besides new fences.
const (
	absent  = -1
	changed = 0
)

// swapped reads the answer of the swap script.
func swapped(r *cryptomem.Request, n int64) error {
	switch n {
	case absent:
		return cryptomem.ErrNotFound
	case changed:
		return cryptomem.ErrChanged
	}
	r.Version = versionOf(r.Value)
	return nil
}

// lockMargin is for how many milliseconds a key outlives its lock, to keep the
// fence.
const lockMargin = "3600000"

// A lock's key holds its fence and its deadline in microseconds of the server's
// clock, eight bytes each, before the envelope. A fence begins with a zero byte,
// as no envelope does.
const lockHeader = 16

// fenced reads the answer of the fence script.
func fenced(r *cryptomem.Request, n int64, refused error) error {
	switch n {
	case absent:
		return cryptomem.ErrNotFound
	case changed:
		return refused
	}
	r.Version = uint64(n)
	return nil
}

// unlock takes what a lock's key holds apart. What is no lock comes back whole,
// for the seal to refuse, with a version that nothing has.
func unlock(b []byte) (fence uint64, envelope []byte) {
	if len(b) < lockHeader || b[0] != 0 {
		return 0, b
	}
	return binary.BigEndian.Uint64(b), b[lockHeader:]
}
