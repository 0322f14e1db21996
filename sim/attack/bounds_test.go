//go:build linux

package attack_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// rows returns the rows of the table of bounds: what, and whose.
func rows() (names []string) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		panic(err) // a spec says so when it finds no rows
	}
	_, table, _ := strings.Cut(string(text), "### What a peer can hold")
	table, _, _ = strings.Cut(table, "## Monitoring")
	for _, m := range regexp.MustCompile(`(?m)^\| ([a-z ]+) \| ([a-zA-Z ]+) \|`).FindAllStringSubmatch(table, -1) {
		if m[1] != "what" {
			names = append(names, m[1]+" of "+m[2])
		}
	}
	return names
}

// A bound is measured: most is what the table says, and a peer who does its worst
// comes to at least that share of it, so that something is measured at all.
type bound struct {
	held, most int64
	share      float64
}

var boundFlags = []string{
	"--max-memory", fmt.Sprint(maxMemory, "B"), "--max-in-flight", fmt.Sprint(maxInFlight, "B"), "--max-value-size", fmt.Sprint(maxValue, "B"),
	"--frame-timeout", "10m", "--write-timeout", "10m", "--max-connections", "500", "--max-connections-per-address", "300",
}

// addresses are this machine's, each a peer of its own.
var addresses = []string{"127.0.0.1", "127.0.0.3", "127.0.0.4", "127.0.0.5"}

// fill has peers from some addresses leave uploads unfinished, and returns the most
// that is in flight.
func fill(from []string, identity string, flags ...string) (held int64) {
	GinkgoHelper()
	s := startServer(append(flags, boundFlags...)...)
	who := identity
	if who != "" {
		who = "victim"
	}
	watcher := s.dial(victimAddress, who)
	defer watcher.Close() //nolint:errcheck // nothing is left to be said
	for i := range 48 {
		p := s.dial(from[i%len(from)], identity)
		DeferCleanup(p.Close)
		whole := frame(wire.Set, "k", strings.Repeat("v", 400_000))
		_, err := p.Write(whole[:len(whole)-1])
		Expect(err).NotTo(HaveOccurred())
		held = max(held, s.inFlight(watcher))
	}
	return held
}

// perConnection returns what the process takes for each of many connections that
// ask for something once and stay.
func perConnection(s *server, dial func() net.Conn) int64 {
	GinkgoHelper()
	const n = 400
	open := func() {
		for range n {
			c := dial()
			DeferCleanup(c.Close)
			_, err := c.Write(frame(wire.Ping, "", "x"))
			Expect(err).NotTo(HaveOccurred())
			_, err = c.Read(make([]byte, 64))
			Expect(err).NotTo(HaveOccurred())
		}
	}
	open() // for memory that the process needs once
	// What the process gives back meanwhile, of what it needed once, is no measure: then
	// others connect, now that it has given that back.
	for range 4 {
		before := s.resident()
		open()
		if held := s.resident() - before; held >= 0 {
			return held / n
		}
	}
	Fail("the process gives back more than it takes for each connection")
	return 0
}

var measures = map[string]func() bound{
	"in flight of one connection": func() bound {
		s := startServer(boundFlags...)
		watcher := s.dial(victimAddress, "")
		Expect(watcher.ask(frame(wire.Set, "large", strings.Repeat("l", maxValue))).Status).To(Equal(wire.OK))
		held := int64(0)
		for _, c := range wire.Commands() {
			for _, b := range behaviours {
				for i := range 5 {
					p := s.dial("127.0.0.1", "")
					b.do(p, c, i)
					held = max(held, s.inFlight(watcher))
					_ = p.Close()
					Eventually(func() int64 { return s.inFlight(watcher) }).Should(BeNumerically("<", 100), "of the next one alone")
				}
			}
		}
		return bound{held, 2*maxValue + 256<<10, 0.4}
	},
	"in flight of one address": func() bound {
		return bound{fill(addresses[:1], ""), maxInFlight * 3 / 4, 0.9}
	},
	"in flight of one identity": func() bound {
		flag, file := identities()
		return bound{fill(addresses, "writer", flag, file), maxInFlight * 3 / 4, 0.9}
	},
	"in flight of all together": func() bound {
		return bound{fill(addresses, ""), maxInFlight, 0.9}
	},
	"items of one identity": func() bound {
		flag, file := identities()
		s := startServer(append([]string{flag, file}, boundFlags...)...)
		p := s.dial("127.0.0.1", "writer")
		defer p.Close() //nolint:errcheck // nothing is left to be said
		refused := 0
		for i := range 3000 {
			if p.ask(frame(wire.Set, fmt.Sprint(i), strings.Repeat("v", i*20))).Status != wire.OK {
				refused++
			}
		}
		Expect(refused).To(BeNumerically(">", 0))
		var uses []struct {
			Identity string
			Memory   int64
		}
		Expect(json.Unmarshal(p.ask(frame(wire.Stats, "identities", "")).Value, &uses)).To(Succeed())
		for _, u := range uses {
			if u.Identity == "writer" {
				return bound{u.Memory, 8 << 20, 0.9}
			}
		}
		return bound{}
	},
	"items of all together": func() bound {
		s := startServer(boundFlags...)
		p := s.dial("127.0.0.1", "")
		defer p.Close() //nolint:errcheck // nothing is left to be said
		most := int64(0)
		for i := range 3000 {
			Expect(p.ask(frame(wire.Set, fmt.Sprint(i), strings.Repeat("v", i*20))).Status).To(Equal(wire.OK))
			if i%100 > 0 {
				continue
			}
			var stats struct{ Memory struct{ Total int64 } }
			Expect(json.Unmarshal(p.ask(frame(wire.Stats, "cache", "")).Value, &stats)).To(Succeed())
			most = max(most, stats.Memory.Total)
		}
		return bound{most, maxMemory, 0.9}
	},
	"connection of one connection": func() bound {
		s := startServer("--max-memory", "64MiB")
		return bound{perConnection(s, func() net.Conn { return s.dial("127.0.0.1", "") }), 8 << 10, 0}
	},
	"connection of one connection with TLS": func() bound {
		dir := GinkgoT().TempDir()
		made, err := exec.Command(binary, "certs", "--dir", dir, "--name", "server", "localhost").CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), "%s", made)
		s := startServer("--max-memory", "64MiB", "--tls-cert", filepath.Join(dir, "server.pem"), "--tls-key", filepath.Join(dir, "server.key"))
		return bound{perConnection(s, func() net.Conn {
			c, err := tls.Dial("tcp", s.addr, &tls.Config{InsecureSkipVerify: true})
			Expect(err).NotTo(HaveOccurred())
			return c
		}), 80 << 10, 0.1}
	},
	"connection of one address": func() bound {
		return bound{connections(addresses[:1], ""), 300, 1}
	},
	"connection of one identity": func() bound {
		file := filepath.Join(GinkgoT().TempDir(), "identities.yaml")
		_, other := identities()
		text, err := os.ReadFile(other)
		Expect(err).NotTo(HaveOccurred())
		Expect(os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "max_memory: 8MiB", "max_connections: 7")), 0o600)).To(Succeed())
		return bound{connections(addresses, "writer", "--identities", file), 7, 1}
	},
	"connection of all together": func() bound {
		return bound{connections(addresses, ""), 500, 1}
	},
	"error of one answer": func() bound {
		s := startServer(boundFlags...)
		most := 0
		for _, c := range wire.Commands() {
			p := s.dial("127.0.0.1", "")
			for _, r := range [][]byte{request(c, 1), request(c, 2*maxValue), frame(c, strings.Repeat("\xff", 65_535), "")} {
				if answer := p.ask(r); answer.Status >= wire.Error {
					most = max(most, len(answer.Value))
				}
			}
			_ = p.Close()
		}
		return bound{int64(most), wire.MaxMessage, 0.1}
	},
}

// connections returns how many of too many are served.
func connections(from []string, identity string, flags ...string) (served int64) {
	GinkgoHelper()
	s := startServer(append(flags, boundFlags...)...)
	for i := range 560 {
		p := s.dial(from[i%len(from)], "")
		DeferCleanup(p.Close)
		if identity != "" {
			if i < 40 && p.ask(frame(wire.Auth, identity, identity)).Status == wire.OK {
				served++
			}
			continue
		}
		_, err := p.Write(frame(wire.Ping, "", ""))
		if err == nil {
			r, err := p.read()
			if err == nil && r.Status == wire.OK {
				served++
			}
		}
	}
	return served
}

var _ = Describe("A bound of the table in docs/operations.md holds:", func() {
	for _, row := range rows() {
		It(row, func() {
			measure := measures[row]
			Expect(measure).NotTo(BeNil(), "nothing measures this row")
			b := measure()
			AddReportEntry("measured", fmt.Sprintf("%d of %d", b.held, b.most), ReportEntryVisibilityFailureOrVerbose)
			Expect(b.held).To(BeNumerically("<=", b.most))
			Expect(float64(b.held)).To(BeNumerically(">=", b.share*float64(b.most)))
		})
	}

	It("and there is no other row", func() {
		Expect(rows()).To(HaveLen(len(measures)))
	})
})
