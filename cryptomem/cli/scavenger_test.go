package cli

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/serve"
)

var _ = Describe("What a server gives back when its clients leave, or have begun", func() {
	var e *scavenger
	var accepted uint64
	at := func(connections int, inFlight int64) bool {
		if more := connections - e.last.Connections; more > 0 {
			accepted += uint64(more)
		}
		return e.due(serve.ServerStats{Connections: connections, Accepted: accepted, InFlight: inFlight})
	}
	BeforeEach(func() { e, accepted = &scavenger{}, 0 })

	It("waits until it is a megabyte and a quarter of all", func() {
		Expect(at(250, 0)).To(BeFalse())
		Expect(at(250, 0)).To(BeTrue(), "what they took to begin")
		Expect(at(190, 0)).To(BeFalse(), "less than a quarter")
		Expect(at(185, 0)).To(BeTrue())
		Expect(at(130, 0)).To(BeFalse(), "less than a megabyte since")
		Expect(at(0, 0)).To(BeTrue())
		Expect(at(0, 0)).To(BeFalse())
	})

	It("waits until hardly any connection begins any more", func() {
		Expect(at(1000, 0)).To(BeFalse())
		Expect(at(2000, 0)).To(BeFalse())
		Expect(at(2021, 0)).To(BeFalse(), "one in a hundred")
		Expect(at(2041, 0)).To(BeTrue())
		Expect(at(2041+127, 0)).To(BeFalse(), "less than a megabyte")
		Expect(at(2041+127, 0)).To(BeFalse())
		Expect(at(2041+128, 0)).To(BeTrue())
	})

	It("counts large requests, and connections that came and went unseen", func() {
		Expect(at(1, 50<<20)).To(BeFalse())
		Expect(at(1, 0)).To(BeTrue())
		accepted += 5000
		Expect(at(1, 0)).To(BeTrue())
		Expect(at(1, 0)).To(BeFalse())
	})
})

var _ = Describe("How much garbage a server lets be", func() {
	It("is more while much of it is made, until none has been for a while", func() {
		e := &scavenger{percent: serverGCPercent}
		Expect(e.pace(busyCollections - 1)).To(BeFalse())
		Expect(e.pace(busyCollections)).To(BeTrue())
		Expect(e.percent).To(Equal(busyGCPercent))
		Expect(e.pace(busyCollections)).To(BeFalse())
		for range 2 {
			Expect(e.pace(1)).To(BeFalse(), "some")
			for range quietIntervals {
				Expect(e.pace(0)).To(BeFalse())
			}
		}
		Expect(e.pace(0)).To(BeTrue())
		Expect(e.percent).To(Equal(serverGCPercent))
	})

	It("is what the environment says, if it says anything", func() {
		e := new(scavenger)
		Expect(e.pace(busyCollections)).To(BeFalse())
	})
})
