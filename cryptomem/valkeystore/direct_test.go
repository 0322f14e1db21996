package valkeystore_test

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore/valkeytest"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// alone calls until a call passes valkey-go by.
func (c caller) alone(name string) {
	GinkgoHelper()
	s := c.store.(*valkeystore.Store)
	Eventually(func() bool {
		before := valkeystore.Handed(s)
		_, err := c.get(name)
		Expect(err).NotTo(HaveOccurred())
		return valkeystore.Handed(s) == before
	}).WithTimeout(testTimeout).WithPolling(time.Microsecond).Should(BeTrue())
}

var _ = Describe("A lone caller", func() {
	var (
		server *valkeytest.Server
		c      caller
	)
	BeforeEach(func() {
		server = startServer()
		c = caller{openOnce("valkey://" + server.Addr)}
		Expect(c.set("name", "value", 0)).To(Succeed())
	})

	It("writes and reads by itself, all commands but scripts", func() {
		all := func() {
			Expect(c.set("name", "new", 0)).To(Succeed())
			Expect(c.get("name")).To(Equal("new"))
			Expect(c.get("absent")).Error().To(MatchError(cryptomem.ErrNotFound))
			_, version, err := c.getv("name", false)
			Expect(err).NotTo(HaveOccurred())
			Expect(version).NotTo(BeZero())
			Expect(c.add("name", "other", time.Minute, false)).Error().To(MatchError(cryptomem.ErrExists))
			Expect(c.add("added", "value", time.Minute, false)).Error().NotTo(HaveOccurred())
			Expect(server.Must("PTTL", "added").AsInt64()).To(BeNumerically("~", 60_000, 5000))
			replace := func(name string) error {
				return c.do(&cryptomem.Request{Command: wire.Replace, Name: []byte(name), Value: seal(name, "replaced", time.Time{})})
			}
			Expect(replace("absent")).To(MatchError(cryptomem.ErrNotFound))
			Expect(replace("added")).To(Succeed())
			Expect(c.get("added")).To(Equal("replaced"))
			Expect(c.do(&cryptomem.Request{Command: wire.GetDel, Name: []byte("added")})).To(Succeed())
			Expect(c.delete("name")).To(Succeed())
			Expect(c.delete("name")).To(MatchError(cryptomem.ErrNotFound))
		}
		s := c.store.(*valkeystore.Store)
		Eventually(func() uint64 { // a slow moment, or a ping, sends some through valkey-go
			Expect(c.set("name", "value", 0)).To(Succeed())
			c.alone("name")
			before := valkeystore.Handed(s)
			all()
			return valkeystore.Handed(s) - before
		}).WithTimeout(testTimeout).Should(BeZero())
	})

	It("reads large values itself, and leaves writing them to a goroutine", func() {
		large := strings.Repeat("v", 1<<20)
		for range 5 {
			Expect(c.set("large", large, 0)).To(Succeed())
			c.alone("large")
			Expect(c.get("large")).To(Equal(large))
		}
	})

	It("hears what a refusal means", func() {
		server.Must("RPUSH", "list", "element")
		c.alone("name")
		Expect(c.get("list")).Error().To(MatchError(valkeystore.ErrWrongType))
		Expect(c.store.(*valkeystore.Store).Counts()).To(Equal(map[string]uint64{"WRONGTYPE": 1}))
	})

	It("gets its own answers when others join and leave, and they theirs", func() {
		ask := func(worker, n int) {
			defer GinkgoRecover()
			name := fmt.Sprint("name ", worker)
			value := strconv.Itoa(n) + strings.Repeat("v", n%3*1000)
			Expect(c.set(name, value, 0)).To(Succeed())
			Expect(c.get(name)).To(Equal(value))
		}
		comeAndGo(100, ask)
	})

	It("leaves at its deadline, and no other call gets its answer", func() {
		for i := range 10 {
			value := strconv.Itoa(i)
			Expect(c.set("name", value, 0)).To(Succeed())
			Expect(c.set("other", "other "+value, 0)).To(Succeed())
			c.alone("name")
			server.Stop()
			r := &cryptomem.Request{Command: wire.Get, Name: []byte("name")}
			Expect(c.store.Do(within(5*time.Millisecond), r)).To(MatchError(context.DeadlineExceeded))
			server.Continue()
			Expect(c.get("other")).To(Equal("other " + value))
			Expect(c.get("name")).To(Equal(value))
		}
	})

	It("leaves when it is cancelled, with a part of its answer", func() {
		cut := newSplitter()
		c = caller{openOnce("valkey://" + between(server.Addr, same, cut.pass))}
		for range 5 {
			c.alone("name")
			cut.at.Store(5)
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- c.store.Do(ctx, &cryptomem.Request{Command: wire.Get, Name: []byte("name")}) }()
			Eventually(cut.held).WithTimeout(testTimeout).Should(Receive())
			cancel()
			Eventually(ended).WithTimeout(testTimeout).Should(Receive(Equal(context.Canceled)))
			Expect(c.get("absent")).Error().To(MatchError(cryptomem.ErrNotFound))
			Expect(c.get("name")).To(Equal("value"))
		}
	})

	It("may have changed something when the connection breaks, or the server is silent", func() {
		c.alone("name")
		server.Stop()
		set := func() error {
			return c.store.Do(within(testTimeout), &cryptomem.Request{Command: wire.Set, Name: []byte("name"), Value: []byte("v")})
		}
		ended := make(chan error, 1)
		go func() { ended <- set() }()
		Eventually(func() int { return valkeystore.InFlight(c.store.(*valkeystore.Store)) }).Should(Equal(1))
		server.Kill()
		Eventually(ended).WithTimeout(testTimeout).Should(Receive(MatchError(cryptomem.ErrMaybeApplied)))

		server.Run()
		c = caller{openOnce("valkey://"+server.Addr, valkeystore.WithTimeout(50*time.Millisecond))}
		Eventually(func(g Gomega) { // which takes that answers come in time
			g.Expect(c.set("name", "value", 0)).To(Succeed())
			before := valkeystore.Handed(c.store.(*valkeystore.Store))
			g.Expect(c.get("name")).To(Equal("value"))
			g.Expect(valkeystore.Handed(c.store.(*valkeystore.Store))).To(Equal(before))
		}).Should(Succeed())
		server.Stop()
		Expect(set()).To(And(MatchError(cryptomem.ErrMaybeApplied), MatchError(cryptomem.ErrTimeout)))
		server.Continue()
		Eventually(func() error { return c.set("name", "new", 0) }).WithTimeout(testTimeout).Should(Succeed())
	})

	It("does not go past valkey-go where a near cache has to hear of changes", func() {
		c = caller{open("valkey://"+server.Addr, valkeystore.WithNearCache(budget))}
		before := uint64(0)
		for i := range 100 {
			Expect(c.set("name", strconv.Itoa(i), 0)).To(Succeed())
			before = valkeystore.Handed(c.store.(*valkeystore.Store))
		}
		Expect(before).To(BeZero(), "and nothing is counted")
	})
})

// Answers without a caller are dropped to the last byte, however they arrive.
func FuzzAnswer(f *testing.F) {
	for _, answer := range []string{"+OK\r\n", "-MOVED 1 a:1\r\n", ":17\r\n", "_\r\n", "$-1\r\n", "$5\r\nvalue\r\n", "$0\r\n\r\n", ">2\r\n", "$x\r\n", "\n", "$-2\r\n"} {
		f.Add([]byte(answer), []byte("+rest\r\n"), uint(1), uint(3), uint(2))
	}
	f.Fuzz(func(t *testing.T, answer, rest []byte, first, second, others uint) {
		size := valkeystore.AnswerSize(answer)
		if size == 0 || size > len(answer) {
			return
		}
		answers := 1 + int(others%8)
		stream := append(bytes.Repeat(answer[:size], answers), rest...)
		at := int(first % uint(size))
		then := at + int(second%uint(len(stream)-at))
		left, err := valkeystore.Orphaned(answers, stream[:at], stream[at:then], stream[then:])
		if err != nil || string(left) != string(rest) {
			t.Fatalf("of %q, cut at %d and %d, %q is left: %v", stream, at, then, left, err)
		}
	})
}

// comeAndGo has a lone worker, number 0, ask ten times and then several at once, again
// and again.
func comeAndGo(rounds int, ask func(worker, n int)) {
	for round := range rounds {
		for n := range 10 {
			ask(0, n)
		}
		var all sync.WaitGroup
		for worker := range 8 {
			all.Go(func() {
				for n := range 1 + (round+worker)%5 {
					ask(worker, n)
				}
			})
		}
		all.Wait()
	}
}
