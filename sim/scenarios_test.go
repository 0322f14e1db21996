package sim_test

import (
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sim"
	"github.com/Zezezknight/cryptomem/sim/script"
)

var _ = Describe("the scenarios", func() {
	files, err := filepath.Glob("../testdata/scenarios/*.txt")
	if err != nil || len(files) == 0 {
		panic("no scenarios")
	}
	for _, file := range files {
		It(strings.TrimSuffix(filepath.Base(file), ".txt"), func() {
			text, err := os.ReadFile(file)
			Expect(err).NotTo(HaveOccurred())
			s := parse(string(text))
			Expect(s.Title).NotTo(BeEmpty(), "a scenario says what it shows")
			Expect(broken(s)).To(BeEmpty())
			if !s.Config.Hostile {
				return
			}
			// The same must hold of any server; an honest one tells no lies.
			Expect(sim.Run(s, sim.Options{}).Coverage.Has(sim.StateLied)).To(BeTrue())
		})

		It(strings.TrimSuffix(filepath.Base(file), ".txt")+", printed and read back", func() {
			text, err := os.ReadFile(file)
			Expect(err).NotTo(HaveOccurred())
			s := parse(string(text))
			again, err := script.Parse(s.String())
			Expect(err).NotTo(HaveOccurred())
			Expect(sim.Run(again, sim.Options{}).Hash).To(Equal(sim.Run(s, sim.Options{}).Hash))
		})
	}
})
