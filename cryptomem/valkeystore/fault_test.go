package valkeystore_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore/valkeytest"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

var _ = Describe("Under load, a cluster", Ordered, ContinueOnFailure, func() {
	var (
		cluster *valkeytest.Cluster
		l       *load
	)

	BeforeAll(func() { cluster = valkeytest.StartCluster(GinkgoTB(), 3, true) })
	BeforeEach(func() {
		cluster.Restore()
		store := open(cluster.URL(), valkeystore.WithTimeout(time.Second), valkeystore.WithRefresh(time.Second))
		l = startLoad(store, 8, 10)
		l.answered(500)
	})

	// recovered expects every name to be served again.
	recovered := func() {
		GinkgoHelper()
		for i := range 80 {
			name := fmt.Sprintf("w%d/%d", i/10, i%10)
			Eventually(func() error { return caller{l.store}.set("after/{"+name+"}", "1", 0) }).WithTimeout(testTimeout).Should(Succeed())
		}
		l.answered(500)
	}

	It("that loses a primary goes on with its replica, which may lack what was acknowledged last", func() {
		cluster.ReplaceSilent(true)
		primary := cluster.Primary("w0/0")
		replica := cluster.ReplicaOf(primary)
		replica.Stop()                                    // on one machine it has everything otherwise,
		primary.Must("CLIENT", "KILL", "TYPE", "replica") // if only in its socket
		l.answered(500)
		from := l.now()
		primary.Kill()
		to := l.now()
		replica.Continue()
		cluster.Promoted(replica)
		recovered()
		lost := linearizableBut(l.end(), from, to)
		AddReportEntry("acknowledged writes that were lost", lost)
		Expect(lost).To(BeNumerically(">", 0), "a loss without visible effect would prove nothing")
	})

	It("that fails over by command loses nothing", func() {
		primary := cluster.Primary("w0/0")
		replica := cluster.ReplicaOf(primary)
		cluster.FailOver(replica)
		recovered()
		linearizable(l.end())
	})

	It("that moves a slot with its names loses nothing", func() {
		from := cluster.Primary("w0/0")
		to := cluster.Primary("w1/1")
		if from == to {
			to = cluster.Primary("w2/2")
		}
		for range 5 {
			cluster.Move("w0/0", from, to)
			l.answered(200)
			cluster.Move("w0/0", to, from)
			l.answered(200)
		}
		recovered()
		linearizable(l.end())
	})

	It("whose node stands still until it is replaced, and comes back, shows nothing wrong", func() {
		primary := cluster.Primary("w0/0")
		replica := cluster.ReplicaOf(primary)
		cluster.ReplaceSilent(true)
		from := l.now()
		primary.Stop()
		Eventually(replica.IsPrimary).WithTimeout(testTimeout).Should(BeTrue())
		l.answered(500)
		primary.Continue()
		Eventually(primary.IsPrimary).WithTimeout(testTimeout).Should(BeFalse())
		recovered()
		to := l.now()
		l.answered(500)
		AddReportEntry("acknowledged writes that were lost", linearizableBut(l.end(), from, to))
	})

	It("that kills connections and forgets scripts loses nothing", func() {
		for range 5 {
			for _, n := range cluster.Nodes {
				n.Must("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
				n.Must("SCRIPT", "FLUSH")
			}
			l.answered(500)
		}
		recovered()
		linearizable(l.end())
	})
})

var _ = Describe("A lone caller of a cluster", func() {
	It("sees no wrong value through a failover, a slot that moves and killed connections", func() {
		cluster := valkeytest.StartCluster(GinkgoTB(), 3, true)
		store := open(cluster.URL(), valkeystore.WithTimeout(time.Second), valkeystore.WithRefresh(time.Second))
		l := startLoad(store, 1, 30)
		past := func() { // until some calls go past valkey-go
			GinkgoHelper()
			Eventually(func() bool {
				answered, handed := l.done.Load(), valkeystore.Handed(store)
				l.answered(100)
				return valkeystore.Handed(store)-handed < uint64(l.done.Load()-answered)
			}).WithTimeout(3 * testTimeout).Should(BeTrue())
			l.answered(300)
		}
		past()
		replica := cluster.ReplicaOf(cluster.Primary("w0/0"))
		cluster.FailOver(replica)
		past()
		from, to := cluster.Primary("w0/1"), cluster.Primary("w0/0")
		if from == to {
			to = cluster.Primary("w0/2")
		}
		cluster.Move("w0/1", from, to)
		past()
		for range 5 {
			for _, n := range cluster.Nodes {
				n.Must("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
			}
			past()
		}
		linearizable(l.end())
	})
})

var _ = Describe("Under load, a near cache on a cluster", Ordered, ContinueOnFailure, func() {
	var cluster *valkeytest.Cluster
	BeforeAll(func() { cluster = valkeytest.StartCluster(GinkgoTB(), 3, true) })
	BeforeEach(func() { cluster.Restore() })

	It("shows nothing wrong, through a failover, a slot that moves and connections that are killed", func() {
		store := open(cluster.URL(), valkeystore.WithTimeout(time.Second), valkeystore.WithRefresh(time.Second), valkeystore.WithNearCache(budget))
		l := startLoad(store, 8, 10)
		l.answered(500)
		replica := cluster.ReplicaOf(cluster.Primary("w0/0"))
		cluster.FailOver(replica)
		l.answered(2000)
		from, to := cluster.Primary("w1/1"), cluster.Primary("w0/0")
		if from == to {
			to = cluster.Primary("w2/2")
		}
		cluster.Move("w1/1", from, to)
		l.answered(2000)
		for _, n := range cluster.Nodes {
			n.Must("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
		}
		l.answered(2000)
		linearizable(l.end())
		Expect(store.NearStats()).To(And(HaveField("Hits", Not(BeZero())), HaveField("Voided", Not(BeZero()))))
	})

	It("hears of others' writes on every primary, and of a slot that is served elsewhere", func() {
		c := caller{open(cluster.URL(), valkeystore.WithNearCache(budget))}
		other := caller{open(cluster.URL())}
		for i := range 30 {
			name := fmt.Sprint("name ", i)
			Expect(other.set(name, "old", 0)).To(Succeed())
			c.warm(name)
			Expect(other.set(name, "new", 0)).To(Succeed())
			Eventually(func() (string, error) { return c.read(name) }).Should(Equal("new"))
			c.warm(name)
		}
		from, to := cluster.Primary("name 0"), cluster.Primary("name 1")
		if from == to {
			to = cluster.Primary("name 2")
		}
		cluster.Move("name 0", from, to)
		Expect(other.set("name 0", "newer", 0)).To(Succeed())
		Eventually(func() (string, error) { return c.read("name 0") }).Should(Equal("newer"))
		c.warm("name 0")
		Expect(other.set("name 0", "newest", 0)).To(Succeed())
		Eventually(func() (string, error) { return c.read("name 0") }).Should(Equal("newest"))
	})
})

// switched waits until what is stored arrives at the former replica, and returns
// when that was.
func switched(l *load, w *valkeytest.Watched) int64 {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		g.Expect(caller{l.store}.set("after", "1", 0)).To(Succeed())
		g.Expect(w.Replica.Must("DEL", "after").AsInt64()).To(BeEquivalentTo(1))
	}).WithTimeout(testTimeout).Should(Succeed())
	return l.now()
}

var _ = Describe("Under load, a primary with sentinels", func() {
	It("is followed to its replica", func() {
		w := valkeytest.StartWatched(GinkgoTB(), 3)
		store := open(w.URL(), valkeystore.WithTimeout(time.Second), valkeystore.WithRefresh(time.Second))
		l := startLoad(store, 8, 10)
		l.answered(500)
		from := l.now()
		w.FailOver()
		to := switched(l, w)
		l.answered(500)
		AddReportEntry("acknowledged writes that were lost", linearizableBut(l.end(), from, to))
	})

	It("that was killed is followed to its replica", func() {
		w := valkeytest.StartWatched(GinkgoTB(), 3)
		store := open(w.URL(), valkeystore.WithTimeout(time.Second), valkeystore.WithRefresh(time.Second))
		l := startLoad(store, 8, 10)
		l.answered(500)
		from := l.now()
		w.ReplaceSilent()
		w.Primary.Kill()
		w.Promoted()
		to := switched(l, w)
		l.answered(500)
		AddReportEntry("acknowledged writes that were lost", linearizableBut(l.end(), from, to))
	})

	It("keeps no near copies of what the former primary had", func() {
		w := valkeytest.StartWatched(GinkgoTB(), 1)
		c := caller{open(w.URL(), valkeystore.WithTimeout(time.Second), valkeystore.WithRefresh(time.Second), valkeystore.WithNearCache(budget))}
		Expect(c.set("name", "old", 0)).To(Succeed())
		c.warm("name")
		w.FailOver()
		Eventually(func() error { _, err := w.Replica.Do("SET", "name", "new").ToString(); return err }).WithTimeout(testTimeout).Should(Succeed())
		Eventually(func() string {
			r := &cryptomem.Request{Command: wire.Get, Name: []byte("name")}
			_ = c.do(r)
			return string(r.Answer)
		}).WithTimeout(testTimeout).Should(Equal("new"))
	})

	It("is followed even if no node announced it", func() {
		w := valkeytest.StartWatched(GinkgoTB(), 1)
		muted := muteEvents(w.Sentinels[0].Addr)
		store := open("valkey://"+muted+"?sentinel=main", valkeystore.WithRefresh(100*time.Millisecond))
		c := caller{store}
		Expect(c.set("name", "1", 0)).To(Succeed())
		w.FailOver()
		Eventually(func() error { return c.set("name", "2", 0) }).WithTimeout(testTimeout).Should(Succeed())
		Expect(c.get("name")).To(Equal("2"))
	})
})
