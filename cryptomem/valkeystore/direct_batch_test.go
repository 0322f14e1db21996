package valkeystore_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore/valkeytest"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

func getOf(name string) *cryptomem.Request {
	return &cryptomem.Request{Command: wire.Get, Name: []byte(name)}
}

func setOf(name, value string) *cryptomem.Request {
	return &cryptomem.Request{Command: wire.Set, Name: []byte(name), Value: seal(name, value, time.Time{})}
}

// valueOf is what a request for a value was answered with.
func valueOf(r *cryptomem.Request) string {
	GinkgoHelper()
	Expect(r.Err).NotTo(HaveOccurred())
	value, err := sealer.Open(nil, r.Name, r.Answer, time.Unix(2e9, 0))
	Expect(err).NotTo(HaveOccurred())
	return string(value)
}

// aloneAll carries out batches until one has passed valkey-go by, and returns that.
func (c caller) aloneAll(batch func() []*cryptomem.Request) (rs []*cryptomem.Request) {
	GinkgoHelper()
	s := c.store.(*valkeystore.Store)
	Eventually(func() bool {
		before := valkeystore.Handed(s)
		rs = batch()
		s.DoAll(within(testTimeout), rs)
		return valkeystore.Handed(s) == before
	}).WithTimeout(testTimeout).WithPolling(time.Microsecond).Should(BeTrue())
	return rs
}

var _ = Describe("A lone caller's batch", func() {
	var (
		server *valkeytest.Server
		c      caller
	)
	BeforeEach(func() {
		server = startServer()
		c = caller{openOnce("valkey://" + server.Addr)}
	})

	It("is written and read by the caller, in its order", func() {
		rs := c.aloneAll(func() []*cryptomem.Request {
			return []*cryptomem.Request{
				setOf("a", "1"), getOf("a"), setOf("a", "2"), getOf("a"), getOf("absent"),
				{Command: wire.Add, Name: []byte("a"), Value: []byte("v"), TTL: time.Minute},
				{Command: wire.Delete, Name: []byte("a")},
				{Command: wire.GetDel, Name: []byte("a")},
			}
		})
		Expect(valueOf(rs[1])).To(Equal("1"))
		Expect(valueOf(rs[3])).To(Equal("2"))
		Expect(rs[4].Err).To(MatchError(cryptomem.ErrNotFound))
		Expect(rs[5].Err).To(MatchError(cryptomem.ErrExists))
		Expect(rs[6].Err).NotTo(HaveOccurred())
		Expect(rs[7].Err).To(MatchError(cryptomem.ErrNotFound))
	})

	It("hears of each refusal, which ends that request alone", func() {
		server.Must("RPUSH", "list", "element")
		c.aloneAll(func() []*cryptomem.Request { return []*cryptomem.Request{setOf("a", "1")} })
		before := c.store.(*valkeystore.Store).Counts()["WRONGTYPE"]
		batches := uint64(0)
		rs := c.aloneAll(func() []*cryptomem.Request {
			batches++
			return []*cryptomem.Request{setOf("a", "1"), getOf("list"), getOf("a")}
		})
		Expect(rs[1].Err).To(MatchError(valkeystore.ErrWrongType))
		Expect(rs[1].Err).To(MatchError(ContainSubstring("WRONGTYPE Operation against a key")))
		Expect(valueOf(rs[2])).To(Equal("1"))
		Expect(c.store.(*valkeystore.Store).Counts()["WRONGTYPE"] - before).To(Equal(batches))
	})

	It("leaves to valkey-go what is large, or needs a script", func() {
		s := c.store.(*valkeystore.Store)
		small := func() []*cryptomem.Request { return []*cryptomem.Request{setOf("a", "1"), getOf("a")} }
		large := []*cryptomem.Request{setOf("a", string(make([]byte, 100<<10))), getOf("a")}
		scripted := []*cryptomem.Request{setOf("a", "1"), {Command: wire.CAS, Name: []byte("a"), Value: []byte("v"), Version: 1}}
		for _, rs := range [][]*cryptomem.Request{large, scripted} {
			c.aloneAll(small)
			before := valkeystore.Handed(s)
			s.DoAll(within(testTimeout), rs)
			Expect(valkeystore.Handed(s)).To(BeNumerically(">", before))
		}
		Expect(valueOf(large[1])).To(HaveLen(100 << 10))
		Expect(scripted[1].Err).To(MatchError(cryptomem.ErrChanged))
	})

	It("ends at its deadline, and no other call gets its answers", func() {
		for i := range 5 {
			value := strconv.Itoa(i)
			batch := func() []*cryptomem.Request {
				return []*cryptomem.Request{setOf("a", value), getOf("a"), setOf("b", "b"+value), getOf("b")}
			}
			Eventually(func(g Gomega) { // which takes that it leaves in time
				c.aloneAll(batch)
				server.Stop()
				rs := batch()
				c.store.DoAll(within(5*time.Millisecond), rs)
				server.Continue()
				for _, r := range rs {
					g.Expect(r.Err).To(MatchError(context.DeadlineExceeded))
					g.Expect(errors.Is(r.Err, cryptomem.ErrMaybeApplied)).To(Equal(r.Command == wire.Set))
				}
			}).Should(Succeed())
			Expect(c.get("b")).To(Equal("b" + value))
			Expect(c.get("a")).To(Equal(value))
		}
	})

	It("may end with some of its answers, at any byte of them", func() {
		cut := newSplitter()
		c = caller{openOnce("valkey://" + between(server.Addr, same, cut.pass))}
		batch := func() []*cryptomem.Request {
			return []*cryptomem.Request{setOf("a", "1"), getOf("a"), getOf("absent"), getOf("a")}
		}
		for at := int32(1); at < 130; at += 7 {
			c.aloneAll(batch)
			cut.at.Store(at)
			ctx, cancel := context.WithCancel(context.Background())
			rs, ended := batch(), make(chan struct{})
			go func() {
				defer close(ended)
				c.store.DoAll(ctx, rs)
			}()
			Eventually(cut.held).WithTimeout(testTimeout).Should(Receive())
			cancel()
			Eventually(ended).WithTimeout(testTimeout).Should(BeClosed())
			Expect(rs[3].Err).To(MatchError(context.Canceled))
			Expect(c.get("absent")).Error().To(MatchError(cryptomem.ErrNotFound))
			Expect(c.get("a")).To(Equal("1"))
		}
	})

	It("gets its own answers when others join and leave, and they theirs", func() {
		ask := func(worker, n int) {
			defer GinkgoRecover()
			name, value := fmt.Sprint("name ", worker), strconv.Itoa(n)
			rs := []*cryptomem.Request{setOf(name, value), getOf(name), getOf("absent"), getOf(name)}
			c.store.DoAll(within(testTimeout), rs)
			Expect(rs[0].Err).NotTo(HaveOccurred())
			Expect(valueOf(rs[1])).To(Equal(value))
			Expect(rs[2].Err).To(MatchError(cryptomem.ErrNotFound))
			Expect(valueOf(rs[3])).To(Equal(value))
		}
		comeAndGo(50, ask)
	})
})

var _ = Describe("A lone caller's batch on a cluster", Ordered, func() {
	It("goes to every node by itself, and through valkey-go where a slot has moved", func() {
		cluster := valkeytest.StartCluster(GinkgoTB(), 3, false)
		c := caller{openOnce(cluster.URL())}
		round := 0
		batch := func() (rs []*cryptomem.Request) {
			round++
			for i := range 60 {
				rs = append(rs, setOf("name "+strconv.Itoa(i), strconv.Itoa(round)))
			}
			return rs
		}
		check := func() {
			GinkgoHelper()
			for i := range 60 {
				Expect(c.get("name " + strconv.Itoa(i))).To(Equal(strconv.Itoa(round)))
			}
		}
		for _, r := range c.aloneAll(batch) {
			Expect(r.Err).NotTo(HaveOccurred())
		}
		check()
		const moved = "name 7"
		from := cluster.Primary(moved)
		to := cluster.Nodes[0]
		if to == from {
			to = cluster.Nodes[1]
		}
		c.aloneAll(batch)
		cluster.Move(moved, from, to)
		for range 40 {
			rs := batch()
			c.store.DoAll(within(testTimeout), rs)
			for _, r := range rs {
				Expect(r.Err).NotTo(HaveOccurred())
			}
		}
		check()
		for _, r := range c.aloneAll(batch) {
			Expect(r.Err).NotTo(HaveOccurred())
		}
		check()
	})
})
