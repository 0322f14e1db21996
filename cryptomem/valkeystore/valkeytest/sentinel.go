package valkeytest

import (
	"strings"
	"testing"

	"github.com/onsi/gomega"
)

// A Watched is a primary and a replica, and the sentinels that watch them under
// the name "main".
type Watched struct {
	Primary, Replica *Server
	Sentinels        []*Server

	t testing.TB
}

// StartWatched runs a primary with a replica and that many sentinels. The replica takes
// over when it is told to, by FailOver, or after ReplaceSilent when a majority of them
// agrees that the primary is down.
func StartWatched(t testing.TB, sentinels int) *Watched {
	t.Helper()
	w := &Watched{Primary: Start(t), Replica: Start(t), t: t}
	w.Replica.Must("REPLICAOF", "127.0.0.1", port(w.Primary.Addr))
	g := gomega.NewWithT(t)
	g.Eventually(func() string { return w.Replica.Text("INFO", "replication") }).WithTimeout(settle).Should(gomega.ContainSubstring("master_link_status:up"))
	quorum := string(rune('0' + sentinels/2 + 1))
	for range sentinels {
		w.Sentinels = append(w.Sentinels, start(t, "sentinel",
			"sentinel monitor main 127.0.0.1 "+port(w.Primary.Addr)+" "+quorum,
			"sentinel down-after-milliseconds main 3600000",
			"sentinel failover-timeout main 2000",
		))
	}
	for _, s := range w.Sentinels {
		g.Eventually(func() (int, error) {
			others, err := s.Must("SENTINEL", "SENTINELS", "main").ToArray()
			return len(others), err
		}).WithTimeout(settle).Should(gomega.Equal(sentinels - 1))
		g.Eventually(func() (int, error) {
			replicas, err := s.Must("SENTINEL", "REPLICAS", "main").ToArray()
			return len(replicas), err
		}).WithTimeout(settle).Should(gomega.Equal(1))
	}
	return w
}

// ReplaceSilent has a primary that does not answer for half a second replaced. On a
// busy machine, any may be that slow.
func (w *Watched) ReplaceSilent() {
	w.t.Helper()
	for _, s := range w.Sentinels {
		s.Must("SENTINEL", "SET", "main", "down-after-milliseconds", "500")
	}
}

// FailOver has the sentinels put the replica in the primary's place.
func (w *Watched) FailOver() {
	w.t.Helper()
	g := gomega.NewWithT(w.t)
	g.Eventually(func() error { return w.Sentinels[0].Do("SENTINEL", "FAILOVER", "main").Error() }).WithTimeout(settle).Should(gomega.Succeed())
	w.Promoted()
}

// Promoted waits until the replica is the primary.
func (w *Watched) Promoted() {
	w.t.Helper()
	g := gomega.NewWithT(w.t)
	g.Eventually(w.Replica.IsPrimary).WithTimeout(settle).Should(gomega.BeTrue())
	for _, s := range w.Sentinels {
		g.Eventually(func() (string, error) {
			addr, err := s.Must("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main").AsStrSlice()
			return strings.Join(addr, ":"), err
		}).WithTimeout(settle).Should(gomega.Equal(w.Replica.Addr))
	}
}

// URL returns the address of the sentinels for a store.
func (w *Watched) URL() string {
	addrs := make([]string, len(w.Sentinels))
	for i, s := range w.Sentinels {
		addrs[i] = s.Addr
	}
	return "valkey://" + strings.Join(addrs, ",") + "?sentinel=main"
}
