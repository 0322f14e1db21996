package conformance_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/conformance"
	"github.com/Zezezknight/cryptomem/sealing"
)

var _ = Describe("The suite for envelopes", func() {
	It("passes package sealing", func(ctx SpecContext) {
		all := results(ctx, conformance.OfEnvelopes(spoken(ownLine)), conformance.All)
		for name, r := range all {
			want := conformance.Passed
			if strings.HasPrefix(name, "seal/") { // which lets nobody choose a nonce by line
				want = conformance.Skipped
			}
			Expect(r.Verdict).To(Equal(want), "%s: %s", name, r.Why)
		}
		for _, group := range []string{"seal", "open", "malformed", "unknown-key", "not-authentic", "expired", "stale", "name", "forged", "cross", "lines"} {
			Expect(slices.ContainsFunc(conformance.OfEnvelopes(conformance.Implementation{}).Cases(), func(c conformance.Case) bool {
				return strings.HasPrefix(c.Name, group+"/")
			})).To(BeTrue(), group)
		}
	})

	It("fails what opens nothing, says nothing, or leaves", func(ctx SpecContext) {
		for what, answer := range map[string]func(string) string{
			"supports nothing": func(string) string { return "unsupported" },
			"babbles":          func(string) string { return "hello" },
			"echoes":           func(line string) string { return line },
			"is no hex":        func(string) string { return "ok xyz" },
		} {
			all := results(ctx, conformance.OfEnvelopes(spoken(answer)), func(name string) bool { return name != "cross/theirs-opens-for-us" })
			for name, r := range all {
				if strings.HasPrefix(name, "seal/") || strings.HasPrefix(name, "name/") {
					continue // the only things that may be left out
				}
				Expect(r.Verdict).To(Equal(conformance.Failed), what+": "+name)
			}
		}
		left := conformance.Implementation{Requests: io.Discard, Answers: strings.NewReader("ok 00\n"), Clock: clock.New()}
		r := results(ctx, conformance.OfEnvelopes(left), conformance.All)["cross/nonces"]
		Expect(r.Why).To(ContainSubstring("ended, and has not answered"))
	})

	It("has a name of its own for each case, and quotes its documents", func() {
		var text strings.Builder
		for _, file := range []string{"sealing", "conformance"} {
			b, err := os.ReadFile("../../docs/" + file + ".md")
			Expect(err).NotTo(HaveOccurred())
			text.Write(b)
		}
		document := plain(text.String())
		names := make(map[string]bool)
		for _, c := range conformance.OfEnvelopes(conformance.Implementation{}).Cases() {
			Expect(c.Name).To(MatchRegexp(`^[a-z-]+/[a-z0-9-]+$`))
			Expect(names).NotTo(HaveKey(c.Name))
			names[c.Name] = true
			Expect(c.Rule).NotTo(BeEmpty())
			Expect(document).To(ContainSubstring(plain(c.Rule)), c.Name)
		}
	})
})

// spoken is an implementation in this process.
func spoken(answer func(line string) string) conformance.Implementation {
	requests, asked := io.Pipe()
	answers, told := io.Pipe()
	go func() {
		in := bufio.NewScanner(requests)
		for in.Buffer(nil, 1<<20); in.Scan(); {
			if _, err := fmt.Fprintln(told, answer(in.Text())); err != nil {
				return
			}
		}
	}()
	DeferCleanup(asked.Close)
	DeferCleanup(answers.Close)
	return conformance.Implementation{Requests: asked, Answers: answers, Clock: clock.New()}
}

// ownLine is package sealing as an implementation by line.
func ownLine(line string) string {
	verb, rest, _ := strings.Cut(line, " ")
	field := make(map[string]string)
	for f := range strings.FieldsSeq(rest) {
		key, value, _ := strings.Cut(f, "=")
		field[key] = value
	}
	octets := func(key string) []byte { b, _ := hex.DecodeString(field[key]); return b }
	number := func(key string) int64 { n, _ := strconv.ParseInt(field[key], 10, 64); return n }
	opts := []sealing.Option{
		sealing.WithNamespace(string(octets("namespace"))),
		sealing.WithSkew(time.Duration(number("skew_ms")) * time.Millisecond),
		sealing.WithClockBound(time.Duration(number("clock_bound_ms")) * time.Millisecond),
	}
	if at := number("not_before_ms"); at > 0 {
		opts = append(opts, sealing.WithNotBefore(time.UnixMilli(at)))
	}
	if number("stamped_only") == 1 {
		opts = append(opts, sealing.WithStampedOnly())
	}
	if number("padded") == 1 {
		opts = append(opts, sealing.WithPadding())
	}
	kr, err := sealing.KeyringFromSecret(octets("secret"))
	if id, idErr := sealing.ParseKeyID(field["key_id"]); idErr == nil {
		kr = new(sealing.Keyring)
		err = kr.AddWithID(id, octets("secret"))
	} else if number("blind") == 1 {
		opts = append(opts, sealing.WithBlindNames())
	}
	if err != nil {
		return err.Error()
	}
	s, err := sealing.New(kr, opts...)
	if err != nil {
		return err.Error()
	}
	var out []byte
	switch {
	case verb == "name":
		out = s.AppendWireName(nil, octets("name"))
	case verb == "open":
		out, err = s.Open(nil, octets("name"), octets("envelope"), time.UnixMilli(number("now_ms")))
	case field["nonce"] != "":
		return "unsupported"
	default:
		expiry := time.Time{}
		if at := number("expiry_ms"); at > 0 {
			expiry = time.UnixMilli(at)
		}
		stamp, _ := strconv.ParseUint(field["stamp"], 16, 64)
		out, err = s.Seal(nil, octets("name"), octets("value"), expiry, sealing.Stamp(stamp))
	}
	for class, sentinel := range classes {
		if errors.Is(err, sentinel) {
			return "refused " + class
		}
	}
	return fmt.Sprintf("ok %x", out)
}

var classes = map[string]error{
	"malformed": sealing.ErrMalformed, "unknown key": sealing.ErrUnknownKey, "not authentic": sealing.ErrNotAuthentic,
	"expired": sealing.ErrExpired, "stale": sealing.ErrStale,
}

// breakages are copies of reference.py with one thing changed, and the cases that
// have to notice it.
var breakages = []struct{ what, old, with, by string }{
	{"takes every version", `version not in (0xC1, 0xC2) or flags & ~1`, `flags & ~1`, "malformed/an-unknown-version"},
	{"takes every flag", `version not in (0xC1, 0xC2) or flags & ~1`, `version not in (0xC1, 0xC2)`, "malformed/an-unknown-flag-authentic malformed/an-unknown-flag"},
	{"takes what is too short", `if len(envelope) < 62`, `if len(envelope) < 54`, "malformed/one-byte-less-than-the-shortest-stamped"},
	{"takes a sealing time of 0", `if stamp == 0:`, `if False:`, "malformed/no-stamp-stamped"},
	{"takes any key for the one that is named", `if kid not in keys:`, `kid = kid if kid in keys else next(iter(keys))
    if False:`, "unknown-key/another-key-id unknown-key/a-stranger-s-key"},
	{"does not authenticate the name", `envelope[:size] + name)`, `envelope[:size])`, "open/a-value cross/ours-opens-for-them"},
	{"authenticates no name at all", `envelope[:size] + name)|header + name)`, `envelope[:size])|header)`, "seal/a-value open/a-value cross/theirs-opens-for-us"},
	{"authenticates no header", `envelope[:size] + name)|header + name)`, `name)|name)`, "seal/a-value open/a-value cross/theirs-opens-for-us"},
	{"knows one namespace", `b"cryptomem/1 seal" + prefixed(namespace)`, `b"cryptomem/1 seal" + prefixed(b"")`, "seal/a-namespace open/a-namespace cross/theirs-opens-for-us"},
	{"tells namespaces apart without their length", `b"cryptomem/1 seal" + prefixed(namespace)`, `b"cryptomem/1 seal" + namespace`, "open/a-value seal/a-value"},
	{"never expires", `if expiry and now_ms >= expiry + skew_ms:`, `if False:`, "expired/at-its-expiry expired/long-past-its-expiry"},
	{"expires a millisecond late", `now_ms >= expiry + skew_ms`, `now_ms > expiry + skew_ms`, "expired/at-its-expiry expired/at-its-expiry-and-the-skew"},
	{"expires a millisecond early", `now_ms >= expiry + skew_ms`, `now_ms + 1 >= expiry + skew_ms`, "open/a-millisecond-before-its-expiry"},
	{"knows no skew", `now_ms >= expiry + skew_ms`, `now_ms >= expiry`, "open/a-millisecond-before-its-expiry-and-the-skew"},
	{"says expired before it knows who says so", `    aead = xaes(data_key(keys[kid], namespace), envelope[size:size + 12])
    try:`, `    if expiry and now_ms >= expiry + skew_ms:
        raise Refused("expired")
    aead = xaes(data_key(keys[kid], namespace), envelope[size:size + 12])
    try:`, "not-authentic/past-its-expiry-and-altered"},
	{"believes the future", `stamp >> 16 > now_ms + bound_ms or`, ``, "stale/sealed-ahead-of-the-clock"},
	{"knows no bound of clocks", `stamp >> 16 > now_ms + bound_ms or`, `stamp >> 16 > now_ms or`, "open/sealed-ahead-of-the-clock-by-the-clock-bound"},
	{"makes no cut", `stamp >> 16 < cut:`, `False:`, "stale/sealed-a-millisecond-before-a-cut stale/sealed-long-before-a-cut"},
	{"cuts too early", `now_ms >= not_before_ms + bound_ms else 0`, `now_ms >= not_before_ms else 0`, "open/sealed-before-a-cut-that-is-not-in-force-for-a-millisecond-more"},
	{"cuts without the bound of clocks", `cut = not_before_ms + bound_ms if`, `cut = not_before_ms if`, "stale/sealed-within-the-clock-bound-of-a-cut"},
	{"opens what has no sealing time under a cut", `if cut or stamped_only:`, `if stamped_only:`, "stale/without-a-stamp-under-a-cut"},
	{"opens what has no sealing time where one is asked for", `if cut or stamped_only:`, `if cut:`, "stale/without-a-stamp-where-one-is-asked-for"},
	{"takes any padding", ` or padded_size(len(value) - 1) != size:`, `:`, "malformed/padded-too-short malformed/padded-too-long"},
	{"takes any mark of padding", `not value.endswith(b"\x80") or`, `not value or`, "malformed/padded-with-another-mark"},
	{"takes padding off what has none", `if flags & 1:
        size,`, `if value.endswith(b"\0"):
        size,`, "cross/ours-opens-for-them"},
	{"pads to 16 bytes at least", `max(n + 1, 32)`, `max(n + 1, 16)`, "seal/an-empty-value-padded cross/padded-lengths"},
	{"pads one bit too finely", `(1 << (e - e.bit_length())) - 1`, `(1 << (e - e.bit_length() - 1)) - 1`, "cross/padded-lengths"},
	{"pads with ones", `.ljust(padded_size(len(value)), b"\0")`, `.ljust(padded_size(len(value)), b"\1")`, "seal/padded-by-padme cross/theirs-opens-for-us"},
	{"has one nonce", `octets("nonce") or os.urandom(24)`, `octets("nonce") or bytes(24)`, "cross/nonces"},
	{"has the second half of a nonce twice", `octets("nonce") or os.urandom(24)`, `octets("nonce") or os.urandom(12) + bytes(12)`, "cross/nonces"},
	{"swaps the halves of a nonce", `aead.encrypt(nonce[12:], value, header + name)`, `aead.encrypt(nonce[:12], value, header + name)`, "seal/a-value cross/theirs-opens-for-us"},
	{"derives half of a subkey", `for i in (1, 2):`, `for i in (1, 1):`, "seal/a-value open/a-value"},
	{"writes the expiry backwards", `struct.pack(">BBIQQ", 0xC2, flags, kid, expiry_ms, stamp)`, `struct.pack(">BBI", 0xC2, flags, kid) + struct.pack("<Q", expiry_ms) + struct.pack(">Q", stamp)`, "seal/an-expiry-stamped cross/theirs-opens-for-us"},
	{"writes version 0xC1 alone", `    if stamp:
        return struct`, `    if False:
        return struct`, "seal/a-value-stamped"},
	{"sends names without their namespace", `(prefixed(namespace) if namespace else b"") + shown`, `shown`, "name/a-namespace"},
	{"makes blind names of all 32 bytes", `hmac.digest(name_key(secret, namespace), name, "sha256")[:16]`, `hmac.digest(name_key(secret, namespace), name, "sha256")`, "name/a-value"},
	{"answers in another order", `    for line in sys.stdin:
        try:`, `    for line in (l for pair in zip(*[iter(sys.stdin)] * 2) for l in reversed(pair)):
        try:`, "lines/in-order"},
}

var _ = Describe("The Python reference", func() {
	var text string
	BeforeEach(func() {
		b, err := os.ReadFile("../../testdata/sealing/reference.py")
		Expect(err).NotTo(HaveOccurred())
		text = string(b)
	})

	It("passes the suite for envelopes", func(ctx SpecContext) {
		for name, r := range results(ctx, conformance.OfEnvelopes(python(ctx, text)), conformance.All) {
			Expect(r.Verdict).To(Equal(conformance.Passed), "%s: %s", name, r.Why)
		}
	})

	for _, b := range breakages {
		It("fails it where it "+b.what, func(ctx SpecContext) {
			broken := text
			with := strings.Split(b.with, "|")
			for i, old := range strings.Split(b.old, "|") {
				Expect(strings.Count(broken, old)).To(BeNumerically(">", 0), old)
				broken = strings.ReplaceAll(broken, old, with[i])
			}
			by := strings.Fields(b.by)
			implementation := python(ctx, broken)
			implementation.Timeout = 3 * time.Second
			found := results(ctx, conformance.OfEnvelopes(implementation), func(name string) bool { return slices.Contains(by, name) })
			for _, name := range by {
				Expect(found[name].Verdict).To(Equal(conformance.Failed), name+found[name].Why)
			}
		})
	}
})

// python runs a program that serves by line, until the spec ends.
func python(ctx context.Context, program string) conformance.Implementation {
	GinkgoHelper()
	const debian, variable = "/usr/bin/python3", "CRYPTOMEM_SPEC_REDIS_CLIENTS"
	if out, err := exec.CommandContext(ctx, debian, "-c", "import cryptography").CombinedOutput(); err != nil {
		if os.Getenv(variable) == "required" {
			Fail(fmt.Sprint(string(out), err))
		}
		Skip("Python's cryptography is not installed")
	}
	file := filepath.Join(GinkgoT().TempDir(), "implementation.py")
	Expect(os.WriteFile(file, []byte(program), 0o600)).To(Succeed())
	cmd := exec.Command(debian, file, "serve")
	in, err := cmd.StdinPipe()
	Expect(err).NotTo(HaveOccurred())
	out, err := cmd.StdoutPipe()
	Expect(err).NotTo(HaveOccurred())
	cmd.Stderr = GinkgoWriter
	Expect(cmd.Start()).To(Succeed())
	DeferCleanup(func() {
		_ = in.Close() // which it may have done
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	return conformance.Implementation{Requests: in, Answers: out, Clock: clock.New(), Timeout: 30 * time.Second}
}
