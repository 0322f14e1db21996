package valkeystore_test

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore/valkeytest"
	"github.com/Zezezknight/cryptomem/sim/oracle"
	speclimit "github.com/Zezezknight/cryptomem/testdata/deadline"
)

// soakers is how many goroutines are at work in a soak, with a near cache; and one
// by itself, without.
const soakers = 3

// In a soak, a load runs for beforeFault, to know its usual rate, and for
// afterFault once the fault is over: a fault every 20 s.
const (
	beforeFault = 2 * time.Second
	afterFault  = 18 * time.Second
)

// CRYPTOMEM_SOAK, such as 10m, is for how long a cluster under load is made to fail
// over every 20 s, with and without warning. Without it, each fault is met once.
//
//	CRYPTOMEM_SOAK=10m go test ./cryptomem/valkeystore -timeout 0 -ginkgo.focus 'fault after fault' -v -ginkgo.v
var _ = Describe("A cluster that meets one fault after the other", func() {
	soak, _ := time.ParseDuration(os.Getenv("CRYPTOMEM_SOAK"))

	It("never shows a wrong value, near cache or not, fault after fault", Label(speclimit.Unlimited), func() {
		cluster := valkeytest.StartCluster(GinkgoTB(), 3, true)
		store := open(cluster.URL(), valkeystore.WithTimeout(time.Second), valkeystore.WithRefresh(time.Second), valkeystore.WithNearCache(budget))
		plain := open(cluster.URL(), valkeystore.WithTimeout(time.Second), valkeystore.WithRefresh(time.Second))
		clk := clock.New()
		rest := func(d time.Duration) {
			if soak > 0 {
				<-clk.Timer(d).C
			}
		}
		began, calls, lost := clk.Now(), 0, 0
		var recoveries []time.Duration
		for round := 0; round < len(faults) || clk.Since(began) < soak; round++ {
			l := startLoadOn(store, fmt.Sprintf("round%d/", round), soakers, 10)
			alone := startLoadOn(plain, fmt.Sprintf("alone%d/", round), 1, 10)
			l.answered(300)
			alone.answered(300)
			rest(beforeFault)
			from := l.now()
			served := faults[round%len(faults)](cluster, l, cluster.Primary(fmt.Sprintf("round%d/0/0", round)))
			for i := range soakers {
				name := fmt.Sprintf("round%d/%d/0", round, i)
				Eventually(func() error { return caller{store}.set("after/{"+name+"}", "1", 0) }).WithTimeout(testTimeout).Should(Succeed())
			}
			to := l.now()
			l.answered(300)
			rest(afterFault)
			history, lonely := l.end(), alone.end()
			calls += len(history) + len(lonely)
			lost += linearizableBut(lonely, from, to)
			recoveries = append(recoveries, recovery(history, from, served))
			lost += linearizableBut(history, from, to)
		}
		AddReportEntry("soak", fmt.Sprintf("%d calls in %v, 0 wrong values, %d acknowledged writes lost to asynchronous replication, usual rate again within %v in half of the rounds, within %v in all, %+v",
			calls, clk.Since(began).Round(time.Second), lost, median(recoveries), slices.Max(recoveries), store.NearStats()))
		Expect(store.NearStats().Hits).NotTo(BeZero())
	})
})

// faults are what may happen to a primary, each until the cluster is whole again. They
// return the moment from which on all names could be served.
var faults = []func(*valkeytest.Cluster, *load, *valkeytest.Server) (served int64){
	func(cluster *valkeytest.Cluster, l *load, primary *valkeytest.Server) int64 { // a failover by command
		replica := cluster.ReplicaOf(primary)
		cluster.FailOver(replica)
		return l.now()
	},
	func(cluster *valkeytest.Cluster, l *load, primary *valkeytest.Server) int64 { // kill -9, and a new start
		replica := cluster.ReplicaOf(primary)
		cluster.ReplaceSilent(true)
		primary.Kill()
		cluster.Promoted(replica)
		served := l.now()
		cluster.ReplaceSilent(false)
		l.answered(300)
		primary.Run()
		cluster.Settle()
		return served
	},
	func(cluster *valkeytest.Cluster, l *load, primary *valkeytest.Server) int64 { // SIGSTOP until it is replaced
		replica := cluster.ReplicaOf(primary)
		cluster.ReplaceSilent(true)
		primary.Stop()
		Eventually(replica.IsPrimary).WithTimeout(time.Minute).Should(BeTrue())
		served := l.now()
		l.answered(300)
		primary.Continue()
		Eventually(primary.IsPrimary).WithTimeout(testTimeout).Should(BeFalse())
		cluster.ReplaceSilent(false)
		cluster.Settle()
		return served
	},
	func(cluster *valkeytest.Cluster, l *load, _ *valkeytest.Server) int64 { // connections and scripts
		for _, n := range cluster.Nodes {
			n.Must("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
			n.Must("SCRIPT", "FLUSH")
		}
		return l.now()
	},
}

// recovery returns how long after a fault, from when on all names could be served, the
// usual rate was reached, looked at in steps of a quarter of a second: four fifths of
// the median before the fault, or at the end if that is less, on a machine where others
// are at work, too.
func recovery(history []oracle.Op, fault, served int64) time.Duration {
	const step = int64(250 * time.Millisecond)
	first := slices.MinFunc(history, func(a, b oracle.Op) int { return cmp.Compare(a.Call, b.Call) }).Call
	before, after := make([]int, (fault-first)/step), []int(nil)
	for _, o := range history {
		if o.Outcome != oracle.Done && o.Outcome != oracle.Miss {
			continue
		}
		if i := (o.Return - first) / step; o.Return < fault && int(i) < len(before) {
			before[i]++
		}
		if o.Return < served {
			continue
		}
		for i := int((o.Return - served) / step); len(after) <= i; {
			after = append(after, 0)
		}
		after[(o.Return-served)/step]++
	}
	usual, end := median(before), median(after[len(after)/2:])
	for i, n := range after {
		if n >= min(usual, end)*4/5 {
			return time.Duration(int64(i+1) * step)
		}
	}
	return time.Duration(int64(len(after)) * step)
}

func median[T cmp.Ordered](values []T) (middle T) {
	if len(values) > 0 {
		middle = slices.Sorted(slices.Values(values))[len(values)/2]
	}
	return middle
}
