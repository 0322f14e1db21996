package sim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/Zezezknight/cryptomem/sim"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// smallValues is a script of reads and writes of small values, on a network
// with delays and now and then a reset.
func smallValues(actions int) *script.Script {
	dice := script.NewDice(1)
	s := &script.Script{Seed: 1, Config: script.DefaultConfig()}
	s.Config.Clients = 4
	s.Config.Delay = script.Range{Min: 10 * time.Microsecond, Max: 200 * time.Microsecond}
	for i := range actions {
		a := script.Action{At: time.Duration(i) * 10 * time.Microsecond, Actor: script.Actor{Index: dice.Between(1, 4)}, Verb: script.Get}
		a.Key = fmt.Sprintf("k%d", dice.Below(100))
		switch {
		case i%1000 == 999:
			a.Verb, a.Key = script.Cut, ""
		case dice.Chance(30):
			a.Verb, a.TTL = script.Set, 10*time.Millisecond
			a.Value = script.Value{Label: fmt.Sprintf("v%d", i), Size: dice.Between(8, 100)}
		}
		s.Actions = append(s.Actions, a)
	}
	return s
}

// Tier 1, under the model.
func BenchmarkSmallValues(b *testing.B) {
	s := smallValues(20_000)
	ops := 0
	for b.Loop() {
		ops += sim.Run(s, sim.Options{NoHistory: true}).Ops
	}
	b.ReportMetric(float64(ops)/b.Elapsed().Seconds(), "ops/s")
}

// Seeds as they come, large values and short worlds included, under every
// oracle.
func BenchmarkSeeds(b *testing.B) {
	ops := 0
	for i := 0; b.Loop(); i++ {
		ops += sim.Run(script.Generate(uint64(i%200)), sim.Options{}).Ops
	}
	b.ReportMetric(float64(ops)/b.Elapsed().Seconds(), "ops/s")
}
