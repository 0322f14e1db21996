package script_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
)

var _ = Describe("A script on the engine and on a real Redis", Ordered, func() {
	socket := startRedis()
	var p *pair
	BeforeEach(func() { p = newPair(socket()) })

	wire := func(r resp.Reply) string { return string(r.Append(nil, resp.RESP2)) }

	It("answers every one-liner byte for byte the same", func() {
		lines, err := os.ReadFile("testdata/oneliners.lua")
		Expect(err).NotTo(HaveOccurred())
		var different []string
		count := 0
		for line := range strings.Lines(string(lines)) {
			line = strings.TrimSuffix(line, "\n")
			if line == "" || strings.HasPrefix(line, "--") {
				continue
			}
			p.clear()
			count++
			keys, args := []string{"k1", "k2"}, []string{"a1", "17", ""}
			real := wire(p.realReply(line, keys, args))
			if ours := wire(p.ourReply(line, keys, args)); ours != real {
				different = append(different, line+"\n   ours "+quote(ours)+"\n  redis "+quote(real))
			}
		}
		Expect(different).To(BeEmpty(), strings.Join(different, "\n"))
		Expect(count).To(BeNumerically(">=", 200))
	})

	It("answers limiters, locks and queues the same, call after call", func() {
		files, err := filepath.Glob("testdata/scripts/*.lua")
		Expect(err).NotTo(HaveOccurred())
		Expect(len(files)).To(BeNumerically(">=", 20))
		for _, file := range files {
			source, err := os.ReadFile(file)
			Expect(err).NotTo(HaveOccurred())
			p.clear()
			for line := range strings.Lines(string(source)) {
				if command, ok := strings.CutPrefix(line, "-- setup: "); ok {
					p.ours.do(strings.Fields(command)...)
					p.real.do(strings.Fields(command)...)
				}
				call, ok := strings.CutPrefix(line, "-- run: ")
				if !ok {
					continue
				}
				words := strings.Fields(call)
				n, err := strconv.Atoi(words[0])
				Expect(err).NotTo(HaveOccurred())
				keys, args := words[1:1+n], words[1+n:]
				real := wire(p.realReply(string(source), keys, args))
				Expect(wire(p.ourReply(string(source), keys, args))).To(Equal(real), file+": "+call)
			}
		}
	})
})

func quote(s string) string { return strings.NewReplacer("\r\n", `\r\n`).Replace(s) }
