package sim

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sim/script"
)

var _ = Describe("events", func() {
	It("come in the order of time, then of kind and owner, then of their coming", func() {
		var e events
		var came []string
		push := func(at int64, kind, owner int, name string) {
			e.push(at, kind, owner, func() { came = append(came, name) })
		}
		push(5, rankDeliver, 1, "late")
		push(3, rankJanitor, 0, "janitor")
		push(3, rankDeliver, 2, "second owner")
		push(3, rankDeliver, 1, "first owner")
		push(3, rankDeliver, 1, "first owner again")
		push(1, rankJanitor, 9, "early")
		for len(e.heap) > 0 {
			e.pop().do()
		}
		Expect(came).To(Equal([]string{"early", "first owner", "first owner again", "second owner", "janitor", "late"}))
	})
})

var _ = Describe("a virtual clock", func() {
	It("finds the first instant at which it shows a time, however it drifts", func() {
		for _, drift := range []int64{0, 1, 500, -500, 100_000, -100_000} {
			var now int64
			c := virtualClock{now: &now, drift: drift}
			for i := range uint64(200) {
				elapsed := int64(script.Draw(i) % 1e15)
				t := c.when(elapsed)
				Expect(c.reading(t)).To(BeNumerically(">=", elapsed))
				Expect(c.reading(t-1)).To(BeNumerically("<", elapsed), "drift %d, %d", drift, elapsed)
			}
		}
	})

	It("counts on when its wall clock steps", func() {
		var now int64
		c := virtualClock{now: &now}
		start := c.Now()
		now, c.step = 1_000, -1_000_000
		Expect(c.Since(start).Nanoseconds()).To(Equal(int64(1_000)))
		Expect(c.Now()).To(BeTemporally("<", start))
	})
})
