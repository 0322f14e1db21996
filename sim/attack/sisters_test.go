//go:build linux

package attack_test

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// Limits of the servers that the sisters attack: small, so that few peers reach
// them.
const (
	maxMemory   = 64 << 20
	maxInFlight = 8 << 20
	maxValue    = 1 << 20
	// itself is what the process takes for itself and its connections: heap that is
	// not collected yet counts, too.
	itself = 64 << 20
)

// request is one of each command: with a value of that size where it takes one.
func request(c wire.Command, size int) []byte {
	value := ""
	key := "large"
	switch {
	case c == wire.Auth:
		key, value = "nobody", strings.Repeat("t", min(size, 4000))
	case c == wire.Ping:
		key, value = "", strings.Repeat("p", size)
	case c == wire.Stats:
		key = strings.Repeat("\x00", 65_535)
	case c == wire.Flush:
		key = "none of them"
	case c.Has(wire.TakesVersion):
		value = "version!" + strings.Repeat("v", size)
	case c.Has(wire.TakesValue):
		key, value = "written", strings.Repeat("v", size)
	}
	return frame(c, key, value)
}

// A behaviour is what an attacker does with one command and one connection.
type behaviour struct {
	name string
	do   func(p *peer, c wire.Command, i int)
}

var behaviours = []behaviour{
	{"that is half sent", func(p *peer, c wire.Command, i int) {
		whole := request(c, maxValue)
		// Nearly nothing, some, and all but the last byte.
		sizes := []int{wire.RequestHeaderSize + 2, 1100, 21_000, 70_000, len(whole) - 1}
		p.send(whole[:min(sizes[i%len(sizes)], len(whole)-1)])
	}},
	{"whose answer is not read", func(p *peer, c wire.Command, _ int) {
		p.send(request(c, maxValue))
		p.send(bytes.Repeat(request(c, 200), 100))
	}},
	{"that is repeated", func(p *peer, c wire.Command, _ int) {
		for range 20 {
			if _, err := p.Write(request(c, 50_000)); err != nil {
				return
			}
			_ = p.SetReadDeadline(deadline())
			if _, err := p.read(); err != nil {
				return
			}
		}
	}},
}

func deadline() time.Time { return moment(5 * time.Second) }

var _ = Describe("No command, however it is abused, harms other clients:", func() {
	flags := []string{
		"--max-memory", fmt.Sprint(maxMemory, "B"), "--max-in-flight", fmt.Sprint(maxInFlight, "B"), "--max-value-size", fmt.Sprint(maxValue, "B"),
		"--frame-timeout", "10m", "--write-timeout", "10m", "--auth-timeout", "10m",
	}
	for _, place := range []struct {
		name       string
		attackers  []string // identities; "" does not authenticate
		identified bool
	}{
		{"a server without authentication", []string{""}, false},
		{"a server with identities", []string{"", "reader", "writer"}, true},
	} {
		for _, attacker := range place.attackers {
			who := attacker
			if who == "" {
				who = "a client without an identity"
			}
			// A server for each, so that processes share the specs.
			Describe("on "+place.name, Ordered, ContinueOnFailure, func() {
				var s *server
				var v *victim
				var large *peer // who keeps the values that attackers ask for in place
				BeforeAll(func() {
					identity := ""
					if place.identified {
						identity = "victim"
						flag, file := identities()
						s = startServer(append([]string{flag, file}, flags...)...)
					} else {
						s = startServer(flags...)
					}
					v = newVictim(s, identity)
					large = s.dial(victimAddress, identity)
					DeferCleanup(large.Close)
				})
				for _, c := range wire.Commands() {
					for _, b := range behaviours {
						It(fmt.Sprintf("a %s of %s %s", c, who, b.name), func() {
							Expect(large.ask(frame(wire.Set, "large", strings.Repeat("l", maxValue))).Status).To(Equal(wire.OK))
							files := s.files()
							var open []*peer
							for i := range peers(12, 300) {
								p := s.dial("127.0.0.1", attacker)
								b.do(p, c, i)
								open = append(open, p)
							}
							p99 := v.served()
							Expect(v.lost()).To(BeZero(), "items of the victim that are gone")
							Expect(s.inFlight(v.peer)).To(BeNumerically("<=", maxInFlight*3/4+v.holds()), "held of the attackers")
							resident := s.resident()
							Expect(resident).To(BeNumerically("<", maxMemory+maxInFlight+itself))
							s.healthy()
							for _, p := range open {
								_ = p.Close()
							}
							Eventually(s.files).Should(BeNumerically("<=", files), "descriptors")
							Eventually(func() int64 { return s.inFlight(v.peer) }).Should(BeNumerically("<=", v.holds()))
							AddReportEntry("seen", fmt.Sprintf("p99 %v, resident %d MB", p99.Round(time.Microsecond), resident>>20), ReportEntryVisibilityNever)
						})
					}
				}
			})
		}
	}
})
