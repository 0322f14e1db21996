package sim_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sim"
	"github.com/Zezezknight/cryptomem/sim/script"
)

var _ = DescribeTable("goroutines in parallel keep every promise",
	func(network string) {
		for seed := range uint64(10) {
			r := sim.Stress(script.Generate(seed), network, sim.Options{})
			if r.Failure != nil {
				Fail(r.Failure.Error())
			}
			Expect(r.Ops).To(BeNumerically(">", 0))
		}
	},
	Entry("over pipes", "pipe"),
	Entry("over the loopback interface", "tcp"),
)
