package valkeystore_test

import (
	"fmt"
	"os"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore/valkeytest"
	speclimit "github.com/Zezezknight/cryptomem/testdata/deadline"
)

// soakers is how many goroutines are at work in a soak.
const soakers = 3

// betweenFaults is how long a soak goes on after each fault.
const betweenFaults = 20 * time.Second

// CRYPTOMEM_SOAK, such as 10m, is for how long a cluster under load is made to fail
// over every 20 s, with and without warning. Without it, each fault is met once.
//
//	CRYPTOMEM_SOAK=10m go test ./cryptomem/valkeystore -timeout 0 -ginkgo.focus 'fault after fault' -ginkgo.v
var _ = Describe("A cluster that meets one fault after the other", func() {
	soak, _ := time.ParseDuration(os.Getenv("CRYPTOMEM_SOAK"))

	It("never shows a wrong value, near cache or not, fault after fault", Label(speclimit.Unlimited), func() {
		cluster := valkeytest.StartCluster(GinkgoTB(), 3, true)
		store := open(cluster.URL(), valkeystore.WithTimeout(time.Second), valkeystore.WithRefresh(time.Second), valkeystore.WithNearCache(budget))
		clk := clock.New()
		began, calls, lost := clk.Now(), 0, 0
		for round := 0; round < len(faults) || clk.Since(began) < soak; round++ {
			l := startLoadOn(store, fmt.Sprintf("round%d/", round), soakers, 10)
			l.answered(300)
			from := l.now()
			faults[round%len(faults)](cluster, l, cluster.Primary(fmt.Sprintf("round%d/0/0", round)))
			for i := range soakers {
				name := fmt.Sprintf("round%d/%d/0", round, i)
				Eventually(func() error { return caller{store}.set("after/{"+name+"}", "1", 0) }).WithTimeout(testTimeout).Should(Succeed())
			}
			to := l.now()
			l.answered(300)
			if rest := clk.Timer(betweenFaults); soak > 0 {
				<-rest.C
			}
			history := l.end()
			calls += len(history)
			lost += linearizableBut(history, from, to)
		}
		AddReportEntry("soak", fmt.Sprintf("%d calls in %v, 0 wrong values, %d acknowledged writes lost to asynchronous replication, %+v",
			calls, clk.Since(began).Round(time.Second), lost, store.NearStats()))
		Expect(store.NearStats().Hits).NotTo(BeZero())
	})
})

// faults are what may happen to a primary, each until the cluster is whole again.
var faults = []func(*valkeytest.Cluster, *load, *valkeytest.Server){
	func(cluster *valkeytest.Cluster, l *load, primary *valkeytest.Server) { // a failover by command
		replica := cluster.ReplicaOf(primary)
		replica.Must("CLUSTER", "FAILOVER")
		cluster.Promoted(replica)
	},
	func(cluster *valkeytest.Cluster, l *load, primary *valkeytest.Server) { // kill -9, and a new start
		replica := cluster.ReplicaOf(primary)
		primary.Kill()
		cluster.Promoted(replica)
		l.answered(300)
		primary.Run()
		cluster.Settle()
	},
	func(cluster *valkeytest.Cluster, l *load, primary *valkeytest.Server) { // SIGSTOP until it is replaced
		replica := cluster.ReplicaOf(primary)
		primary.Stop()
		Eventually(replica.IsPrimary).WithTimeout(time.Minute).Should(BeTrue())
		l.answered(300)
		primary.Continue()
		Eventually(primary.IsPrimary).WithTimeout(testTimeout).Should(BeFalse())
		cluster.Settle()
	},
	func(cluster *valkeytest.Cluster, l *load, _ *valkeytest.Server) { // connections and scripts
		for _, n := range cluster.Nodes {
			n.Must("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
			n.Must("SCRIPT", "FLUSH")
		}
	},
}
