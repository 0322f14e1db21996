package valkeystore_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore/valkeytest"
)

var _ = Describe("Under load, a cluster", func() {
	var (
		cluster *valkeytest.Cluster
		l       *load
	)

	BeforeEach(func() {
		cluster = valkeytest.StartCluster(GinkgoTB(), 3, true)
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
		Expect(lost).To(BeNumerically(">", 0), "a loss that nobody could see would prove nothing")
	})

	It("that fails over by command loses nothing", func() {
		primary := cluster.Primary("w0/0")
		replica := cluster.ReplicaOf(primary)
		replica.Must("CLUSTER", "FAILOVER")
		cluster.Promoted(replica)
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
		w.Primary.Kill()
		w.Promoted()
		to := switched(l, w)
		l.answered(500)
		AddReportEntry("acknowledged writes that were lost", linearizableBut(l.end(), from, to))
	})

	It("is followed even if nobody told", func() {
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
