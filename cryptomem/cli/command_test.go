package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

var _ = Describe("Every command", func() {
	DescribeTable("says what has interrupted it:", func(args ...string) {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(errors.New("interrupt signal received"))
		var stderr bytes.Buffer
		c := &console{out: GinkgoWriter, err: &stderr, env: func(string) (string, bool) { return "", false }}
		Expect(run(ctx, c, append(args, "--addr", "localhost:1"))).To(Equal(exitFailed))
		Expect(stderr.String()).To(HavePrefix("cryptomem " + args[0] + ": "))
		Expect(stderr.String()).To(ContainSubstring("interrupt signal received"))
		Expect(stderr.String()).NotTo(ContainSubstring("context"))
	},
		Entry(nil, "ping", "--wait", "1h"),
		Entry(nil, "stats"),
		Entry(nil, "bench"),
	)

	It("is in the usage, and has a help that ends in a worked example", func() {
		for _, c := range commands() {
			Expect(usage).To(MatchRegexp(`(?m)^    cryptomem \[?` + c.name + `\b`))
			Expect(c.help).To(MatchRegexp(`\nExample:\n    \$ (.|\n)*cryptomem (.|\n)*\n$`), c.name)
			Expect(c.help).NotTo(MatchRegexp(`[^\n]{81}`), "a line of "+c.name+" is too wide for a terminal")
		}
	})

	It("has every flag that its help explains, and completes them", func() {
		for _, cmd := range commands() {
			for _, o := range options(cmd.help) {
				flag := "--" + o.name
				if o.argument != "" {
					flag += "=1"
				}
				args := []string{flag, "--no-such-flag"} // which keeps it from doing anything
				if cmd.name == "doctor" && o.name != "proxy" {
					args = append([]string{"--client"}, args...)
				}
				c := &console{out: GinkgoWriter, err: GinkgoWriter, env: func(string) (string, bool) { return "", false }}
				err := cmd.run(context.Background(), c, args)
				Expect(err).To(HaveOccurred(), "%s --%s", cmd.name, o.name)
				Expect(err.Error()).NotTo(HavePrefix("unknown flag: --"+o.name), cmd.name)

				var words []string
				for _, found := range candidates([]string{cmd.name, "--" + o.name}) {
					words = append(words, found.word)
				}
				Expect(words).To(ContainElement("--"+o.name), cmd.name)
			}
		}
	})

	It("has a one-line summary for a menu", func() {
		for _, cmd := range commands() {
			Expect(cmd.summary()).To(MatchRegexp(`^[A-Z][a-z]+ .*[^.]$`), cmd.name)
		}
	})

	// answering listens for one connection after the other and answers every
	// request with the same words.
	answering := func(status wire.Status, words string) (addr string) {
		GinkgoHelper()
		addr = filepath.Join(GinkgoT().TempDir(), "s")
		l, err := net.Listen("unix", addr)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(l.Close)
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer conn.Close() //nolint:errcheck // nothing is left to say
					for b := make([]byte, 4096); ; {
						n, err := conn.Read(b)
						if err != nil {
							return
						}
						for rest := b[:n]; len(rest) > 0; { // requests come whole over this socket
							_, used, err := wire.ParseRequest(rest)
							if err != nil || used == 0 {
								return
							}
							rest = rest[used:]
							_, _ = conn.Write(wire.AppendResponse(nil, status, []byte(words)))
						}
					}
				}()
			}
		}()
		return "unix:" + addr
	}

	It("lets no server control the terminal", func() {
		const order = "\x1b[2Jgone\x07\u009b"
		for _, hostile := range []struct {
			status wire.Status
			words  string
			args   []string
		}{
			{wire.Error, order, []string{"get", "key"}},
			{wire.Denied, order, []string{"ping"}},
			{wire.Busy, order, []string{"doctor", "--client"}},
			{wire.Error, order, []string{"doctor", "--client"}},
			{wire.OK, order, []string{"stats", "--json"}},
			{wire.OK, `{"about": {"version": "\u001b"}, "server": {"requests": [{"command": "\u001b", "status": "\u001b"}], "slowest": [{"key": "\u001b", "command": "\u001b"}]}}`, []string{"stats"}},
			{wire.OK, `{"server": {"requests": [{"command": "\u001b", "status": "\u001b"}], "slowest": [{"key": "\u001b\n", "command": "\u001b"}]}}`, []string{"stats", "--watch", "--count", "1", "--interval", "1ms"}},
			{wire.OK, `{"about": {"version": "` + "\u009b\u007f\u202e" + `"}}`, []string{"stats", "--json"}},
			{wire.OK, `{"about": {"version": "\u001b[2J"}, "identities": [{"identity": "\u009b"}]}`, []string{"stats"}},
		} {
			var out, err bytes.Buffer
			variables := map[string]string{
				"CRYPTOMEM_SERVER": answering(hostile.status, hostile.words),
				"CRYPTOMEM_KEY":    "your-32-byte-very-secret-key-!!!",
			}
			c := &console{out: &out, err: &err, env: func(name string) (string, bool) { v, ok := variables[name]; return v, ok }}
			run(context.Background(), c, hostile.args)
			Expect(out.String()+err.String()).NotTo(BeEmpty(), "%v", hostile.args)
			Expect(out.String()+err.String()).NotTo(MatchRegexp("[\x00-\x08\x0b-\x1f\x7f\u0080-\u009f\u202e]"), "%v", hostile.args)
		}
	})

	It("shows an age in seconds, and never as 0", func() {
		for d, text := range map[time.Duration]string{0: "1ms", 400 * time.Millisecond: "400ms", 90*time.Second + 400*time.Millisecond: "1m30s"} {
			Expect(age(d)).To(Equal(text))
		}
	})

	It("says what answers if it is no cryptomem server", func() {
		addr := filepath.Join(GinkgoT().TempDir(), "s")
		l, err := net.Listen("unix", addr)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(l.Close)
		go func() { // as a Redis does: it answers lines, and waits for the end of one
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer conn.Close() //nolint:errcheck // nothing is left to say
					for lines := bufio.NewScanner(conn); lines.Scan(); {
						_, _ = conn.Write([]byte("-ERR unknown command\r\n"))
					}
				}()
			}
		}()
		for _, args := range [][]string{{"ping"}, {"get", "key"}, {"stats"}} {
			var out, said bytes.Buffer
			variables := map[string]string{"CRYPTOMEM_SERVER": "unix:" + addr, "CRYPTOMEM_KEY": "0123456789abcdef0123456789abcdef"}
			c := &console{out: &out, err: &said, env: func(name string) (string, bool) { v, ok := variables[name]; return v, ok }}
			timeout := 50 * time.Millisecond
			Eventually(func() string {
				timeout *= 2 // a busy machine may need more to find out
				said.Reset()
				Expect(run(context.Background(), c, append(args, "--timeout", timeout.String()))).To(Equal(exitFailed))
				return said.String()
			}).Should(ContainSubstring("unix:" + addr + " answers like a Redis or Valkey, not like a cryptomem server"))
			if args[0] == "get" {
				Expect(said.String()).To(HavePrefix("warning: CRYPTOMEM_KEY: it looks like hexadecimal"))
			}
		}
	})
})
