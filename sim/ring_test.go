package sim_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sim"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// drawRing draws a world of three servers with stand-ins, in which servers go and
// come back: for all clients at once, and either clearly shorter than the pause or
// clearly longer, as docs/ring.md presumes.
func drawRing(seed uint64) *script.Script {
	const pause = 40 * time.Millisecond
	s := &script.Script{Seed: seed, Config: script.DefaultConfig()}
	c := &s.Config
	c.Servers, c.Clients, c.Pause, c.StandIn = 3, 3, pause, 200*time.Millisecond
	c.Delay = script.Range{Min: 50 * time.Microsecond, Max: 2 * time.Millisecond}

	drawn := uint64(0)
	below := func(n int) int {
		drawn++
		return int(script.Draw(seed, drawn) % uint64(n))
	}
	calls := []script.Verb{script.Set, script.Set, script.Get, script.Get, script.Get, script.Add, script.Replace, script.GetV, script.CAS, script.Delete, script.GetDel}
	quiet := make([]time.Duration, c.Servers) // until when a server has no other outage
	at := time.Duration(0)
	for i := range 400 {
		at += time.Duration(1+below(6_000)) * time.Microsecond
		server := below(c.Servers)
		if below(12) == 0 && at > quiet[server] {
			lasts := time.Duration(1+below(20)) * time.Millisecond
			if below(3) > 0 {
				lasts = 2*pause + time.Duration(below(300))*time.Millisecond
			}
			quiet[server] = at + lasts + 4*pause
			actor := script.Actor{Kind: script.Server, Index: server + 1}
			if server == 0 {
				actor.Index = 0
			}
			verb := []script.Verb{script.Unplug, script.Unplug, script.Freeze, script.Restart}[below(4)]
			s.Actions = append(s.Actions, script.Action{At: at, Actor: actor, Verb: verb, TTL: lasts})
			continue
		}
		a := script.Action{At: at, Actor: script.Actor{Index: 1 + below(c.Clients)}, Verb: calls[below(len(calls))], Key: fmt.Sprint("k", below(5))}
		if a.Verb.IsWrite() {
			a.Value.Label = fmt.Sprint("v", i)
			a.TTL = []time.Duration{0, time.Hour, 100 * time.Millisecond}[below(3)]
		}
		s.Actions = append(s.Actions, a)
	}
	return s
}

var _ = Describe("a world of several servers that go and come back", func() {
	It("keeps every promise, whatever the seed", func() {
		for seed := range uint64(150) {
			Expect(broken(drawRing(seed))).To(BeEmpty(), "seed %d", seed)
		}
	})

	It("is the same every time, and from its text", func() {
		for seed := range uint64(10) {
			s := drawRing(seed)
			first := sim.Run(s, sim.Options{})
			Expect(sim.Run(s, sim.Options{}).Hash).To(Equal(first.Hash))
			Expect(sim.Run(parse(s.String()), sim.Options{}).Hash).To(Equal(first.Hash))
		}
	})

	It("has no flushes, lies or raw bytes", func() {
		for line, why := range map[string]string{
			"@0s c1 flush":          "c1 flush is for a world of one server",
			"@0s raw1 send 00":      "raw1 send is for a world of one server",
			"@0s server lie-swap":   "server lie-swap is for a world of one server",
			"@0s server4 freeze 1s": `"server4" is nobody here: c1 to c1, raw1 to raw64, or server to server3`,
		} {
			_, err := script.Parse("servers 3\n" + line)
			Expect(err).To(MatchError("line 2: " + why))
		}
	})
})
