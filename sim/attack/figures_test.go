//go:build linux

package attack_test

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// These have succeeded once, and each is here as it was.
var _ = Describe("An attack that once succeeded no longer does:", func() {
	// attack has so many peers do something, and returns them.
	attack := func(s *server, identity string, n int, do func(i int, p *peer)) []*peer {
		GinkgoHelper()
		all := make([]*peer, n)
		for i := range all {
			all[i] = s.dial("127.0.0.1", identity)
			do(i, all[i])
			DeferCleanup(all[i].Close)
		}
		return all
	}

	It("thousands of SETs of 1 MiB, of which a header and two bytes come", func() {
		s := startServer("--max-memory", "64MiB")
		v := newVictim(s, "")
		before := s.resident()
		n := peers(400, 3072)
		attack(s, "", n, func(_ int, p *peer) { p.send(frame(wire.Set, "k", strings.Repeat("v", 1<<20))[:19]) })
		v.served()
		Expect(v.lost()).To(BeZero())
		Expect(s.inFlight(v.peer)).To(BeNumerically("<=", int64(n)*19+v.holds()))
		Expect(s.resident() - before).To(BeNumerically("<", 16<<20+n*8<<10))
	})

	It("80 uploads of 1 MiB that stop a byte short", func() {
		s := startServer("--max-memory", "64MiB")
		v := newVictim(s, "")
		attack(s, "", 80, func(i int, p *peer) {
			whole := frame(wire.Set, fmt.Sprint("k", i), strings.Repeat("v", 1<<20))
			_, err := p.Write(whole[:len(whole)-1])
			Expect(err).NotTo(HaveOccurred())
		})
		Eventually(func() int64 { return s.inFlight(v.peer) }).Should(BeNumerically(">=", 80<<20))
		v.served()
		Expect(v.lost()).To(BeZero())
	})

	It("large values that an identity which may only read asks for and does not read", func() {
		flag, file := identities()
		s := startServer(flag, file, "--max-memory", "64MiB", "--max-in-flight", "32MiB")
		v := newVictim(s, "victim")
		for i := range 24 {
			Expect(v.ask(frame(wire.Set, fmt.Sprint("large", i), strings.Repeat("l", 1<<20))).Status).To(Equal(wire.OK))
		}
		readers := attack(s, "reader", peers(60, 280), func(i int, p *peer) {
			p.send(frame(wire.Get, fmt.Sprint("large", i%24), ""))
		})
		Eventually(func() int64 { return s.inFlight(v.peer) }).Should(BeNumerically(">", 16<<20))
		Expect(s.inFlight(v.peer)).To(BeNumerically("<=", 24<<20))
		for range 3 { // what is being read goes, and what is new stays
			for i := range 24 {
				Expect(v.ask(frame(wire.Set, fmt.Sprint("large", i), strings.Repeat("n", 1<<20))).Status).To(Equal(wire.OK))
			}
			v.served()
		}
		Expect(v.lost()).To(BeZero())
		busy := 0
		for _, p := range readers {
			r := p.answer()
			if r.Status == wire.Error {
				Expect(string(r.Value)).To(HavePrefix("busy: "))
				busy++
				continue
			}
			Expect(strings.Trim(string(r.Value), "l")).To(BeEmpty(), "the value that it asked for")
		}
		Expect(busy).To(BeNumerically(">", 0), "readers that are told to come again")
		Eventually(func() int64 { return s.inFlight(v.peer) }).Should(BeNumerically("<=", v.holds()))
	})

	It("values of 1 MiB that are taken out and not read", func() {
		n, inFlight := peers(24, 280), peers(16, 256)
		s := startServer("--max-memory", "512MiB", "--max-in-flight", fmt.Sprint(inFlight, "MiB"))
		v := newVictim(s, "")
		for i := range n {
			Expect(v.ask(frame(wire.Set, fmt.Sprint("large", i), strings.Repeat("l", 1<<20))).Status).To(Equal(wire.OK))
		}
		takers := attack(s, "", n, func(i int, p *peer) { p.send(frame(wire.GetDel, fmt.Sprint("large", i), "")) })
		Eventually(func() int64 { return s.inFlight(v.peer) }).Should(BeNumerically(">", inFlight<<19))
		Expect(s.inFlight(v.peer)).To(BeNumerically("<=", inFlight<<20*3/4))
		v.served()
		Expect(v.ask(frame(wire.Set, "another", strings.Repeat("a", 1<<20))).Status).To(Equal(wire.OK), "there is room for others")
		busy := 0
		for i, p := range takers {
			if r := p.answer(); r.Status == wire.Busy {
				busy++
				Expect(v.ask(frame(wire.Get, fmt.Sprint("large", i), "")).Status).To(Equal(wire.OK), "what was not handed out is still there")
			} else {
				Expect(r.Value).To(HaveLen(1 << 20))
			}
		}
		Expect(busy).To(BeNumerically(">", 0))
	})

	It("statistics of a section whose name is 65,535 bytes", func() {
		s := startServer("--max-memory", "64MiB")
		v := newVictim(s, "")
		before := s.resident()
		n := peers(500, 6000)
		all := attack(s, "", n, func(_ int, p *peer) { p.send(frame(wire.Stats, strings.Repeat("\x00", 65_535), "")) })
		v.served()
		Expect(s.resident()-before).To(BeNumerically("<", 256<<20+itself), "while they arrive")
		Eventually(func() int64 { return s.resident() - before }).Should(BeNumerically("<", 32<<20+n*8<<10))
		Expect(v.lost()).To(BeZero())
		Expect(len(all[0].answer().Value)).To(BeNumerically("<", wire.MaxMessage))
	})

	It("a snapshot of large values, which takes their size again", func() {
		size := peers(40, 200) << 20
		flags := []string{"--max-memory", "1GiB", "--max-value-size", "256MiB", "--max-in-flight", "512MiB", "--snapshot", "store.snapshot", "--snapshot-interval", "1s"}
		s := startServer(flags...)
		v := s.dial(victimAddress, "")
		for _, key := range []string{"a", "b"} {
			Expect(v.ask(frame(wire.Set, key, strings.Repeat("v", size))).Status).To(Equal(wire.OK))
		}
		Expect(v.Close()).To(Succeed())
		resting := s.resident()
		most := int64(0)
		Eventually(func() []string {
			most = max(most, s.resident())
			saved, err := filepath.Glob(filepath.Join(s.dir, "store.snapshot"))
			Expect(err).NotTo(HaveOccurred())
			return saved
		}).WithPolling(5 * time.Millisecond).Should(HaveLen(1))
		Expect(most-resting).To(BeNumerically("<", 32<<20), "beside what it has, while it saves")
		s.stop()
		s.start(flags...)
		v = s.dial(victimAddress, "")
		Expect(s.peak()-resting).To(BeNumerically("<", 32<<20), "and when it has loaded")
		r := v.ask(frame(wire.Get, "b", ""))
		Expect(r.Value).To(HaveLen(size))
		_, _ = io.WriteString(GinkgoWriter, fmt.Sprintf("resting %d MB, saving %d MB, loaded %d MB\n", resting>>20, most>>20, s.peak()>>20))
		Expect(v.Close()).To(Succeed())
	})
})
