package mutate

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("a schema", func() {
	It("is one program, in which each mutant does what it does alone", func() {
		p, dir := shop(), GinkgoT().TempDir()
		mutants := Draw([]*Package{p}, 1, 1000)
		s, err := newSchema(dir, mutants)
		Expect(err).NotTo(HaveOccurred())

		bin := filepath.Join(dir, "together")
		sell(p, s.overlay, bin)
		Expect(ask(bin)).To(Equal(ask(bin, envMutant+"=0")), "none is active")
		differ := 0
		for _, m := range mutants[:8] {
			alone := filepath.Join(dir, "alone")
			overlay, err := m.Overlay(GinkgoT().TempDir())
			Expect(err).NotTo(HaveOccurred())
			sell(p, overlay, alone)
			Expect(s.numbers).To(HaveKey(m.ID()), m.Patch())
			got := ask(bin, envMutant+"="+strconv.Itoa(s.numbers[m.ID()]))
			Expect(got).To(Equal(ask(alone)), m.Patch())
			if got != ask(bin) {
				differ++
			}
		}
		Expect(differ).To(BeNumerically(">", 3))

		reached := filepath.Join(dir, "reached")
		ask(bin, envMutant+"="+recording, envRecord+"="+reached)
		text, err := os.ReadFile(reached)
		Expect(err).NotTo(HaveOccurred())
		called := strings.Fields(string(text))
		for _, m := range mutants {
			number := strconv.Itoa(s.numbers[m.ID()])
			if m.Func == "Refund" {
				Expect(called).NotTo(ContainElement(number), "no caller uses it")
			} else {
				Expect(called).To(ContainElement(number), m.Patch())
			}
		}
	})
})

// sell builds a program that prints what the shop takes.
func sell(p *Package, overlay, bin string) {
	GinkgoHelper()
	text, err := os.ReadFile(overlay)
	Expect(err).NotTo(HaveOccurred())
	var o struct{ Replace map[string]string }
	Expect(json.Unmarshal(text, &o)).To(Succeed())
	till := bin + "-till.go"
	Expect(os.WriteFile(till, []byte(`package main

import (
	"fmt"

	"shop"
)

func main() {
	for n := range 20 {
		fmt.Println(shop.Price(n, 7), shop.Sum(n, 1, 2), shop.First([]int{n}), shop.Till{}.Take(n, 3))
	}
}
`), 0o600)).To(Succeed())
	o.Replace[filepath.Join(p.Dir, "till", "main.go")] = till
	text, err = json.Marshal(o)
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(bin+".json", text, 0o600)).To(Succeed())
	build := exec.Command("go", "build", "-overlay", bin+".json", "-o", bin, "./till")
	build.Dir = p.Dir
	said, err := build.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(said))
}

// ask returns what the program prints, and how it ends.
func ask(bin string, env ...string) string {
	c := exec.Command(bin)
	c.Env = append(os.Environ(), env...)
	text, err := c.Output()
	if err != nil {
		return string(text) + err.Error()
	}
	return string(text)
}
