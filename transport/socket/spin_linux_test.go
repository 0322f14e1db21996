package socket

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("looking for bytes before the thread sleeps", func() {
	BeforeEach(func() {
		before := canSpin
		canSpin = true
		DeferCleanup(func() { canSpin = before })
	})

	// times returns how many of so many reads look, of which all are in time or none.
	times := func(s *spin, reads int, inTime bool) (n int) {
		for range reads {
			if s.worthwhile() {
				n++
				s.ended(inTime)
			}
		}
		return n
	}

	It("goes on as long as it is in time", func() {
		Expect(times(new(spin), 100, true)).To(Equal(100))
	})

	It("becomes rare where it is in vain, and frequent again once it is not", func() {
		s := new(spin)
		Expect(times(s, 100, false)).To(Equal(7), "1, 3, 6, 11, 20, 37, 70")
		Expect(times(s, 100_000, false)).To(BeNumerically("<", 110))
		Expect(times(s, 2*maxSpinPause, true)).To(BeNumerically(">", maxSpinPause/2))
	})

	It("rests for long where others want the processors", func() {
		s := &spin{looks: 1, lost: 10}
		s.crowded(10 + crowdedTimes - 1)
		Expect(times(s, 100, true)).To(Equal(100))
		s.crowded(10 + 2*crowdedTimes)
		Expect(times(s, crowdedPause, true)).To(BeZero())
		Expect(times(s, 100, true)).To(Equal(100))
		Expect(timesPreempted()).To(BeNumerically(">=", 0))
	})

	It("is never done on the only processor", func() {
		canSpin = false
		Expect(times(new(spin), 100, true)).To(BeZero())
	})
})
