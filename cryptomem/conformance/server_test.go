package conformance_test

import (
	"context"
	"net"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/conformance"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// targetAt is a server that listens on a TCP address.
func targetAt(addr string) conformance.Server {
	return conformance.Server{
		Clock: clock.New(),
		Dial: func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		},
	}
}

// serveReal serves cryptomem's own server until the spec ends.
func serveReal(c server.Config) conformance.Server {
	GinkgoHelper()
	c.MaxMemory = 128 << 20
	s, err := server.New(c)
	Expect(err).NotTo(HaveOccurred())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	DeferCleanup(func() {
		Expect(s.Close()).To(Succeed())
		Expect(<-served).To(MatchError(server.ErrServerClosed))
	})
	return targetAt(l.Addr().String())
}

// results tries the cases that are wanted and returns them by name. A server that is hardly
// waited for may not answer in time before the first of them, on a busy machine.
func results(ctx context.Context, s *conformance.Suite, want conformance.Filter) map[string]conformance.Result {
	GinkgoHelper()
	var (
		all    map[string]conformance.Result
		failed int
	)
	Eventually(func() (err error) {
		all = make(map[string]conformance.Result)
		failed, err = s.Run(ctx, want, func(r conformance.Result) { all[r.Name] = r })
		return err
	}).Should(Succeed())
	count := 0
	for _, r := range all {
		if r.Verdict == conformance.Failed {
			count++
		}
	}
	Expect(failed).To(Equal(count))
	return all
}

// expectAll demands that every case passed, but for those that cannot be tried.
func expectAll(ctx context.Context, s *conformance.Suite, skipped ...string) {
	GinkgoHelper()
	for name, r := range results(ctx, s, conformance.All) {
		want := conformance.Passed
		for _, pattern := range strings.Fields(strings.Join(skipped, " ")) {
			if ok, _ := path.Match(pattern, name); ok {
				want = conformance.Skipped
			}
		}
		Expect(r.Verdict).To(Equal(want), "%s: %s", name, r.Why)
	}
}

// Cases that need something that a server does not have, or that is not said of it.
const (
	noAUTH   = "auth/required auth/unbuffered auth/pipelined auth/wrong auth/third-failure auth/too-long auth/not-allowed auth/timeout"
	noLimits = "connections/too-many connections/frame-timeout connections/write-timeout connections/idle-timeout"
)

// limit is short for a spec, and long for a machine that has much to do.
const limit = time.Second

// alice may use the keys that begin with her name.
func alice() (list *access.List, token []byte) {
	GinkgoHelper()
	text, hash := access.NewToken()
	file := path.Join(GinkgoT().TempDir(), "identities.yaml")
	Expect(os.WriteFile(file, []byte(strings.Replace(identities, "%s", hash, 1)), 0o600)).To(Succeed())
	list, err := access.Load(file)
	Expect(err).NotTo(HaveOccurred())
	return list, []byte(text)
}

const identities = `alice:
  tokens: [%s]
  prefixes: ["alice/"]
  stats: true
`

var _ = Describe("The suite for servers", func() {
	It("passes cryptomem's server", func(ctx SpecContext) {
		target := serveReal(server.Config{AllowFlush: true})
		target.Alone = true
		expectAll(ctx, conformance.OfServer(target), noAUTH, noLimits)
	})

	It("passes cryptomem's server behind AUTH", func(ctx SpecContext) {
		list, token := alice()
		target := serveReal(server.Config{Authenticator: list, MaxValueSize: 100_000})
		target.Identity, target.Token, target.Prefix, target.MaxValueSize = "alice", token, "alice/", 100_000
		expectAll(ctx, conformance.OfServer(target), "auth/where-none-is-required auth/timeout flush/* frames/*", noLimits)
	})

	It("passes cryptomem's server with tight limits", func(ctx SpecContext) {
		list, token := alice()
		var all sync.WaitGroup // each of them waits
		for name, c := range map[string]struct {
			config server.Config
			target conformance.Server
		}{
			"connections/too-many":      {server.Config{MaxConnections: 20}, conformance.Server{MaxConnections: 20}},
			"connections/frame-timeout": {server.Config{FrameTimeout: limit}, conformance.Server{FrameTimeout: limit}},
			"connections/write-timeout": {server.Config{WriteTimeout: limit}, conformance.Server{WriteTimeout: limit, Grace: 2 * limit}},
			"connections/idle-timeout":  {server.Config{IdleTimeout: limit}, conformance.Server{IdleTimeout: limit}},
			"auth/timeout":              {server.Config{Authenticator: list, AuthTimeout: limit}, conformance.Server{Identity: "alice", Token: token, Prefix: "alice/", AuthTimeout: limit}},
		} {
			target := c.target
			at := serveReal(c.config)
			target.Dial, target.Clock = at.Dial, at.Clock
			all.Go(func() {
				defer GinkgoRecover()
				found := results(ctx, conformance.OfServer(target), func(n string) bool { return n == name })
				Expect(found[name].Verdict).To(Equal(conformance.Passed), name+": "+found[name].Why)
			})
		}
		all.Wait()
	})

	It("passes a simple server that somebody else might write", func(ctx SpecContext) {
		_, target := serveSimple(rules{})
		target.Alone = true
		expectAll(ctx, conformance.OfServer(target), noAUTH, noLimits)
	})

	It("leaves nothing behind on a server, and touches nothing", func(ctx SpecContext) {
		s, target := serveSimple(rules{})
		s.items["a stranger's"] = simpleItem{value: []byte("value")}
		Expect(results(ctx, conformance.OfServer(target), conformance.All)).NotTo(BeEmpty())
		s.mu.Lock()
		defer s.mu.Unlock()
		Expect(s.items).To(HaveLen(1))
		Expect(s.items).To(HaveKey("a stranger's"))
	})

	It("tells at once where there is no server to be tried", func(ctx SpecContext) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		Expect(l.Close()).To(Succeed())
		_, err = conformance.OfServer(targetAt(l.Addr().String())).Run(ctx, conformance.All, func(conformance.Result) { Fail("tried") })
		Expect(err).To(MatchError(ContainSubstring("connection refused")))
	})

	It("has cases for each command, in a group of its name", func() {
		groups := make(map[string]bool)
		for _, c := range conformance.OfServer(conformance.Server{}).Cases() {
			group, _, _ := strings.Cut(c.Name, "/")
			groups[group] = true
		}
		for _, c := range wire.Commands() {
			Expect(groups).To(HaveKey(strings.ToLower(c.String())), "cryptomem/conformance/cases_*.go has no case for %s", c)
		}
	})

	It("has a name of its own for each case, and quotes docs/protocol.md", func() {
		text, err := os.ReadFile("../../docs/protocol.md")
		Expect(err).NotTo(HaveOccurred())
		document := plain(string(text))
		names := make(map[string]bool)
		for _, c := range conformance.OfServer(conformance.Server{}).Cases() {
			Expect(c.Name).To(MatchRegexp(`^[a-z]+/[a-z0-9-]+$`))
			Expect(names).NotTo(HaveKey(c.Name))
			names[c.Name] = true
			if !strings.HasPrefix(c.Name, "frames/") {
				Expect(document).To(ContainSubstring(plain(c.Rule)), c.Name)
			}
		}
	})
})

// untried are the rules of docs/protocol.md that a suite cannot try over a socket, or
// that are none for a server.
var untried = []string{
	// how every case speaks
	"There is no request ID", "All integers", "Sizes are in bytes", "A request is a header", "An answer is a header",
	"Begin with cursor 0", "Asking for 0", "An answer may have fewer",
	// every answer is held to these
	"Statuses 3, 4 and 5", "SET, GET and DELETE get", "The message then begins", "STATS answers",
	// for clients
	"A client should treat", "Messages are for people", "Do not parse", "AUTH sends the token",
	// no duty
	"A server whose memory", "If it is configured to refuse", "A server may have more", "Servers answer error unless",
	"A server can be configured", "An identity sees only", "Commands 4 and up are", "These are defaults", "A TLS client certificate",
	// a stranger cannot set its clock
	"A TTL runs from",
	// rules follow
	"The server refuses a request by its header", "the command is unknown", "the key is empty", "there is a value where",
	"the TTL is negative", "the value of a CAS", "Bytes that cannot", "The server closes connections that miss",
	// it would take all that there is
	"Only so many at a time", "64), and any further", "A request that does not fit into memory",
	// a stranger cannot shut it down
	"On shutdown", "The client sees the end", "If it goes on sending", "Requests without an answer",
}

var _ = Describe("docs/protocol.md", func() {
	It("has no rule that no case quotes, but for those that cannot be tried", func() {
		text, err := os.ReadFile("../../docs/protocol.md")
		Expect(err).NotTo(HaveOccurred())
		_, body, _ := strings.Cut(string(text), "## Overview")
		body, _, _ = strings.Cut(body, "## Writing a client")
		var rules []string
		for _, c := range conformance.OfServer(conformance.Server{}).Cases() {
			rules = append(rules, strings.Trim(plain(c.Rule), ".:;"))
		}
		sentences := 0
		for _, paragraph := range regexp.MustCompile(`\n\n(- )?|\n- `).Split(body, -1) {
			if strings.HasPrefix(paragraph, "#") || strings.HasPrefix(paragraph, "|") {
				continue
			}
			for _, sentence := range regexp.MustCompile(`[.:;] [A-Z0-9]`).Split(plain(paragraph), -1) {
				if sentence = strings.TrimRight(sentence, ".:;"); sentence == "" {
					continue
				}
				sentences++
				Expect(isQuoted(sentence, rules)).To(BeTrue(), sentence)
			}
		}
		Expect(sentences).To(BeNumerically(">", 70))
	})
})

// isQuoted reports whether one of the rules is about a sentence without its first
// letter, or none can be.
func isQuoted(sentence string, rules []string) bool {
	for _, rule := range rules {
		if strings.Contains(rule, sentence) || strings.Contains(sentence, rule[1:]) {
			return true
		}
	}
	return slices.ContainsFunc(untried, func(begin string) bool {
		return strings.HasPrefix(sentence, begin) || strings.HasPrefix(sentence, begin[1:])
	})
}

// plain is a text without its markup, on one line.
func plain(text string) string {
	text = regexp.MustCompile("[*`]").ReplaceAllString(text, "")
	return strings.Join(strings.Fields(text), " ")
}
