package cryptomem_test

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
)

var _ = Describe("A ring of servers, as a whole,", func() {
	var (
		w       *circle
		c       *cryptomem.Client
		members []*member
		ctx     = context.Background()
	)
	BeforeEach(func() {
		w = newCircle(cryptomem.Failover{}, server.Config{AllowFlush: true})
		c, members = w.client()
	})
	pairs := func(n int) (pairs []cryptomem.Pair) {
		for i := range n {
			pairs = append(pairs, cryptomem.Pair{Key: fmt.Sprint("key", i)})
		}
		return pairs
	}

	It("lists the keys of all servers", func() {
		Expect(c.SetMany(ctx, pairs(300))).To(HaveEach(BeNil()))
		found := make(map[string]int)
		for key, err := range c.Keys(ctx, "") {
			Expect(err).NotTo(HaveOccurred())
			found[key]++
		}
		Expect(found).To(HaveLen(300))
		steps := 0
		for cursor := uint64(0); steps == 0 || cursor != 0; steps++ {
			_, next, err := c.ScanKeys(ctx, "", cursor, 1000)
			Expect(err).NotTo(HaveOccurred())
			cursor = next
		}
		Expect(steps).To(Equal(3), "one for each server")
		keys, next, err := c.ScanKeys(ctx, "", 9<<56, 1000)
		Expect(err).NotTo(HaveOccurred())
		Expect(keys).To(BeEmpty(), "of a server that a larger ring had")
		Expect(next).To(BeZero())
		members[2].down.Store(true)
		var last error
		for _, err := range c.Keys(ctx, "") {
			last = err
		}
		Expect(last).To(MatchError(cryptomem.ErrUnavailable))
	})

	It("answers in a batch, too", func() {
		Expect(c.SetMany(ctx, pairs(300))).To(HaveEach(BeNil()))
		var servers []cryptomem.RingServer
		for i, m := range members {
			servers = append(servers, cryptomem.RingServer{Name: memberNames[i], Store: m})
		}
		store, err := cryptomem.NewRing(servers, cryptomem.Failover{Clock: w.clock})
		Expect(err).NotTo(HaveOccurred())
		ping := &cryptomem.Request{Command: cryptomem.CommandPing, Value: []byte("hello")}
		scan := &cryptomem.Request{Command: cryptomem.CommandScan}
		stats := &cryptomem.Request{Command: cryptomem.CommandStats}
		get := &cryptomem.Request{Command: cryptomem.CommandGet, Name: []byte("none")}
		store.DoAll(ctx, []*cryptomem.Request{ping, scan, stats, get})
		Expect([]error{ping.Err, scan.Err, stats.Err}).To(HaveEach(BeNil()))
		Expect(get.Err).To(MatchError(cryptomem.ErrNotFound))
		Expect(ping.Answer).To(BeEquivalentTo("hello"))
		Expect(scan.Answer).NotTo(BeEmpty())
		Expect(stats.Answer).To(ContainSubstring("items"))
		flush := &cryptomem.Request{Command: cryptomem.CommandFlush}
		store.DoAll(ctx, []*cryptomem.Request{flush})
		Expect(flush.Err).NotTo(HaveOccurred())
		Expect(flush.Count).To(BeEquivalentTo(300))
	})

	DescribeTable("is refused", func(says string, servers ...cryptomem.RingServer) {
		for i := range servers {
			if servers[i].Name != "storeless" {
				servers[i].Store = members[0]
			}
		}
		_, err := cryptomem.NewRing(servers, cryptomem.Failover{})
		Expect(err).To(MatchError(ContainSubstring(says)))
	},
		Entry("without servers", "0 servers do not make a ring"),
		Entry("with a name twice", `two servers of a ring are named "a"`, cryptomem.RingServer{Name: "a"}, cryptomem.RingServer{Name: "a"}),
		Entry("with a server without a name", "has no name", cryptomem.RingServer{}),
		Entry("with a weight that is none", "weight -1 is not positive", cryptomem.RingServer{Name: "a", Weight: -1}),
		Entry("with a server without a store", `server "storeless" of a ring has no store`, cryptomem.RingServer{Name: "a"}, cryptomem.RingServer{Name: "storeless"}),
	)
})
