package valkeystore_test

import (
	"context"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore/valkeytest"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

var _ = Describe("A hash slot", func() {
	It("is the cluster's, whatever braces a name has", func() {
		server := startServer("--cluster-enabled", "yes")
		for _, name := range []string{"", "name", "{a}b", "a{b}c{d}", "{}a", "{a", "a}b{", "{{a}}", "a{}{b}", "\x00\xff{\x80}"} {
			want, err := server.Must("CLUSTER", "KEYSLOT", "p{x"+name).AsInt64()
			Expect(err).NotTo(HaveOccurred())
			Expect(valkeystore.HashSlot("p{x", []byte(name))).To(BeEquivalentTo(want), name)
			want, err = server.Must("CLUSTER", "KEYSLOT", name).AsInt64()
			Expect(err).NotTo(HaveOccurred())
			Expect(valkeystore.HashSlot("", []byte(name))).To(BeEquivalentTo(want), name)
		}
	})

	It("has a key for each", func() {
		for slot := range 1 << 14 {
			Expect(valkeystore.HashSlot("", []byte(valkeystore.SlotTag(uint16(slot))))).To(BeEquivalentTo(slot))
		}
	})
})

var _ = Describe("A store on a cluster", Ordered, func() {
	var (
		cluster *valkeytest.Cluster
		c       caller
	)

	BeforeAll(func() { cluster = valkeytest.StartCluster(GinkgoTB(), 3, false) })
	BeforeEach(func() {
		for _, n := range cluster.Nodes {
			n.Must("FLUSHALL")
		}
		c = caller{open(cluster.URL())}
	})

	names := func(n int) (all []string) {
		for i := range n {
			all = append(all, "name "+strconv.Itoa(i))
		}
		return all
	}

	It("changes names together that are of one slot, and no others", func() {
		s := c.store.(*valkeystore.Store)
		change := func(names ...string) error {
			var rs []*cryptomem.Request
			var all [][]byte
			for _, name := range names {
				rs = append(rs, &cryptomem.Request{Command: wire.Set, Name: []byte(name), Value: seal(name, name, time.Time{})})
				all = append(all, []byte(name))
			}
			err := s.SwapAll(within(testTimeout), rs)
			Expect(s.Together(all)).To(Equal(err == nil))
			return err
		}
		Expect(change("{a}1", "{a}2", "a")).To(Succeed())
		Expect(c.get("{a}2")).To(Equal("{a}2"))
		Expect(change("{a}3", "{b}3")).To(MatchError(cryptomem.ErrNotSupported))
		Expect(change(make([]string, 1025)...)).To(MatchError(cryptomem.ErrNotSupported))
		_, err := c.get("{a}3")
		Expect(err).To(MatchError(cryptomem.ErrNotFound))
	})

	It("spreads names over all primaries and finds them again", func() {
		for _, name := range names(300) {
			Expect(c.set(name, name, 0)).To(Succeed())
			Expect(c.get(name)).To(Equal(name))
		}
		for _, n := range cluster.Nodes {
			Expect(n.Must("DBSIZE").AsInt64()).To(BeNumerically("~", 100, 50))
		}
	})

	It("finds the whole cluster from any one of its nodes", func() {
		one := caller{open("valkey://" + cluster.Nodes[2].Addr)}
		for _, name := range names(30) {
			Expect(one.set(name, name, 0)).To(Succeed())
		}
	})

	It("keeps versions and fences on every primary", func() {
		for _, name := range names(30) {
			Expect(c.set(name, "1", 0)).To(Succeed())
			_, version, err := c.getv(name, false)
			Expect(err).NotTo(HaveOccurred())
			Expect(c.cas(name, "2", version, 0, false)).Error().NotTo(HaveOccurred())
			Expect(c.add("lock of "+name, "me", testTimeout, true)).Error().NotTo(HaveOccurred())
		}
	})

	It("carries out a batch over all primaries, each name's requests in their order", func() {
		var rs []*cryptomem.Request
		for _, name := range names(100) {
			rs = append(rs,
				&cryptomem.Request{Command: wire.Set, Name: []byte(name), Value: []byte(name)},
				&cryptomem.Request{Command: wire.Get, Name: []byte(name)},
				&cryptomem.Request{Command: wire.Set, Name: []byte("once " + name), Value: []byte(name)},
			)
		}
		c.store.DoAll(within(testTimeout), rs)
		for _, r := range rs {
			Expect(r.Err).NotTo(HaveOccurred())
			if r.Command == wire.Get {
				Expect(r.Answer).To(Equal(r.Name))
			}
		}
	})

	It("lists the names of a prefix on every primary", func() {
		for _, name := range names(300) {
			Expect(c.set(name, name, 0)).To(Succeed())
		}
		Expect(c.set("other", "1", 0)).To(Succeed())
		found := make(map[string]bool)
		for cursor := uint64(0); ; {
			r := &cryptomem.Request{Command: wire.Scan, Name: []byte("name "), Cursor: cursor}
			Expect(c.do(r)).To(Succeed())
			for rest := r.Answer; len(rest) > 0; {
				var name []byte
				var err error
				name, rest, err = wire.CutName(rest)
				Expect(err).NotTo(HaveOccurred())
				found[string(name)] = true
			}
			if cursor = r.Cursor; cursor == 0 {
				break
			}
		}
		Expect(found).To(HaveLen(300))
	})

	It("flushes a prefix on every primary", func() {
		for _, name := range names(300) {
			Expect(c.set(name, name, 0)).To(Succeed())
		}
		Expect(c.set("other", "1", 0)).To(Succeed())
		Expect(c.flush("name ")).To(BeEquivalentTo(300))
		Expect(c.get("other")).To(Equal("1"))
	})

	It("follows a slot that moves, with its names", func() {
		Expect(c.set("name", "1", 0)).To(Succeed())
		from := cluster.Primary("name")
		to := cluster.Nodes[0]
		if to == from {
			to = cluster.Nodes[1]
		}
		cluster.Move("name", from, to)
		Expect(c.get("name")).To(Equal("1"))
		Expect(c.set("name", "2", 0)).To(Succeed())
		Expect(to.Must("EXISTS", "name").AsInt64()).To(BeEquivalentTo(1))
		cluster.Move("name", to, from)
		Expect(c.get("name")).To(Equal("2"))
	})

	It("leaves room for the other primaries' names while one is stopped", func() {
		stopped := cluster.Primary("name 0")
		var others []string
		for _, name := range names(100) {
			Expect(c.set(name, name, 0)).To(Succeed())
			if cluster.Primary(name) != stopped && valkeystore.LimitOf(name) != valkeystore.LimitOf("name 0") {
				others = append(others, name)
			}
		}
		Expect(len(others)).To(BeNumerically(">", 30))
		stopped.Stop()
		DeferCleanup(stopped.Continue)
		ended := make(chan error, 500)
		ctx, cancel := context.WithCancel(context.Background())
		for range cap(ended) {
			go func() {
				ended <- c.store.Do(ctx, &cryptomem.Request{Command: wire.Get, Name: []byte("name 0")})
			}()
		}
		for _, name := range others {
			Expect(c.get(name)).To(Equal(name))
		}
		cancel()
		for range cap(ended) {
			Eventually(ended).WithTimeout(testTimeout).Should(Receive(MatchError(context.Canceled)))
		}
	})
})
