package sealing_test

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sealing"
)

var _ = Describe("The page of reasoning", func() {
	read := func() string {
		GinkgoHelper()
		text, err := os.ReadFile("../docs/reasoning.md")
		Expect(err).NotTo(HaveOccurred())
		return string(text)
	}

	It("names specs that exist", func() {
		count := 0
		for _, p := range regexp.MustCompile("`([a-z_/]+_test\\.go)`((?:[:;] \"[^\"]+\")+)").FindAllStringSubmatch(strings.Join(strings.Fields(read()), " "), -1) {
			specs, err := os.ReadFile("../" + p[1])
			Expect(err).NotTo(HaveOccurred())
			for _, q := range regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(p[2], -1) {
				Expect(string(specs)).To(ContainSubstring(q[1]), p[1])
				count++
			}
		}
		Expect(count).To(BeNumerically(">=", 18))
	})

	It("has numbers that are worked out again", func() {
		const header, name = 22, 32 // bytes
		rows := regexp.MustCompile(`(?m)^\| 2\^(\d+) \| 1 (KiB|MiB) \| 2\^(\S+) \| 2\^(\S+) \| 2\^(\S+) \| 2\^(\S+) \|$`).FindAllStringSubmatch(read(), -1)
		Expect(rows).To(HaveLen(4))
		for _, row := range rows {
			values, err := strconv.ParseFloat(row[1], 64)
			Expect(err).NotTo(HaveOccurred())
			size := math.Exp2(10)
			if row[2] == "MiB" {
				size = math.Exp2(20)
			}
			m := math.Log2(sealing.SealsPerSubkey)
			s := m + math.Log2(size/16+1) // and one that masks the tag
			length := math.Ceil((header+name)/16.0) + size/16 + 1
			want := []float64{
				values + m - 97,
				values - m + 2*s - 129,
				2*math.Log2(2*math.Exp2(values-m)+1) - 129,
				49 + math.Log2(length) - 128,
			}
			for i, w := range want {
				Expect(row[3+i]).To(Equal(shortest(w)), strings.Join(row, " ")+fmt.Sprint(": column ", i))
			}
		}
	})
})

// shortest is a number with one digit behind the point, or none where that is 0.
func shortest(x float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", x), ".0")
}
