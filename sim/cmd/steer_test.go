package main

import (
	"bytes"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sim"
	"github.com/Zezezknight/cryptomem/sim/script"
)

var _ = Describe("steering", func() {
	It("takes the same seeds whatever the number of workers", func() {
		hash := func(workers string) uint64 {
			f, err := parse([]string{"--steer", "--seeds", "66", "--workers", workers}, GinkgoWriter)
			Expect(err).NotTo(HaveOccurred())
			b := newBatch(f, GinkgoWriter)
			b.steered()
			Expect(b.runs).To(Equal(66))
			Expect(b.failures).To(BeZero())
			return b.hash
		}
		Expect(hash("1")).To(Equal(hash("3")))
	})

	It("prefers what has led to new pairs of states", func() {
		t := newSteering()
		var none, two sim.Coverage
		two[0] = 0b11
		t.learn([]string{"useful"}, &two)
		t.learn([]string{"useless"}, &none)
		Expect(t.promise([]string{"useful"})).To(BeNumerically(">", t.promise([]string{"useless"})))
	})

	It("knows a world by its verbs and settings", func() {
		s, err := script.Parse("clients 2\n@0s c1 get k\n@1s c1 get k")
		Expect(err).NotTo(HaveOccurred())
		Expect(features(s)).To(Equal([]string{"clients 2", "get"}))
	})

	It("is refused where there is nothing to choose", func() {
		var out, errs bytes.Buffer
		Expect(run([]string{"--steer", "--seed", "1"}, &out, &errs)).To(Equal(2))
		Expect(errs.String()).To(ContainSubstring("--steer chooses among seeds"))
	})
})
