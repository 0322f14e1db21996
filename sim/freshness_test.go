package sim_test

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sim"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// late is an honest world in which a write that was sealed at 1 ms lands after one
// of 5 ms, and is read by a client that knows of that.
const late = `# A write lands late.
clients 2
clock-bound 1ms
write-delay %dms

@0s   c1 ping => ok
@0s   c1 stall up 20ms
@1ms  c1 set k a
@5ms  c2 set k b => ok
@30ms c2 get k
`

var _ = Describe("The window of what may land late", func() {
	play := map[string]func(*script.Script) *sim.Result{
		"on tier 1": func(s *script.Script) *sim.Result { return sim.Run(s, sim.Options{}) },
		"on tier 2": func(s *script.Script) (r *sim.Result) {
			sim.InBubble(suiteT, func(run func(*script.Script, sim.Options) *sim.Result) { r = run(s, sim.Options{}) })
			return r
		},
	}
	for where, run := range play {
		It("raises no alarm at an honest server "+where+", and one millisecond less does", func() {
			r := run(parse(fmt.Sprintf(late, 3)))
			Expect(r.Failure).NotTo(HaveOccurred())
			r = run(parse(fmt.Sprintf(late, 2)))
			Expect(r.Failure).To(HaveField("Rule", sim.RuleRefusal))
			Expect(r.Failure.Error()).To(ContainSubstring("an honest server's value is taken for one that was replaced"))
		})
	}
})
