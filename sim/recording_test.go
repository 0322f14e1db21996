package sim_test

import (
	"flag"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sim"
)

var update = flag.Bool("update", false, "write the golden recordings anew")

var _ = Describe("a recorded run", func() {
	golden := func(name string) string { return filepath.Join("..", "testdata", "recordings", name+".txt") }

	for _, name := range []string{"byte-by-byte", "cas-race", "cut-in-a-frame", "first-words", "restart-mid-pipeline", "touch-at-expiry"} {
		It("is its golden, byte for byte: "+name, func() {
			text, err := os.ReadFile(filepath.Join("..", "testdata", "scenarios", name+".txt"))
			Expect(err).NotTo(HaveOccurred())
			got, failure := sim.Frames(parse(string(text)))
			Expect(failure).NotTo(HaveOccurred())
			if *update {
				Expect(os.MkdirAll(filepath.Dir(golden(name)), 0o750)).To(Succeed())
				Expect(os.WriteFile(golden(name), []byte(got), 0o600)).To(Succeed())
			}
			want, err := os.ReadFile(golden(name))
			Expect(err).NotTo(HaveOccurred())
			Expect(got).To(Equal(string(want)), "if this change of the bytes is meant: go test ./sim -update")
		})
	}
})
