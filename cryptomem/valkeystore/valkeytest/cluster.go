package valkeytest

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/onsi/gomega"
	"github.com/valkey-io/valkey-go"
)

// settle is how long servers may take to agree.
const settle = 60 * time.Second

// hashSlots is how many slots a cluster's names are divided into.
const hashSlots = 16384

// A Cluster is running servers that share the slots among them.
type Cluster struct {
	// The primaries first, then the replicas, as they began.
	Nodes []*Server

	t testing.TB
}

// StartCluster runs a cluster of that many primaries, with one replica each if so
// desired, and returns once all its nodes agree. A replica takes over only when it is
// told to, by FailOver, unless ReplaceSilent says otherwise.
func StartCluster(t testing.TB, primaries int, replicas bool, args ...string) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	n := primaries
	if replicas {
		n *= 2
	}
	for i := range n {
		s := Start(t, append([]string{
			"--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-replica-validity-factor", "0", "--cluster-replica-no-failover", "yes", "--repl-timeout", "60",
		}, args...)...)
		s.Must("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		c.Nodes = append(c.Nodes, s)
	}
	for i, s := range c.Nodes[:primaries] {
		first, last := i*hashSlots/primaries, (i+1)*hashSlots/primaries-1
		s.AddSlots(first, last)
	}
	first := c.Nodes[0]
	for _, s := range c.Nodes[1:] {
		s.Must("CLUSTER", "MEET", "127.0.0.1", port(first.Addr))
	}
	g := gomega.NewWithT(t)
	for _, s := range c.Nodes {
		g.Eventually(func() string { return s.Text("CLUSTER", "INFO") }).WithTimeout(settle).Should(gomega.ContainSubstring("cluster_known_nodes:" + strconv.Itoa(n)))
	}
	for i, s := range c.Nodes[primaries:] {
		s.Must("CLUSTER", "REPLICATE", c.Nodes[i].ID())
	}
	c.Settle()
	return c
}

func port(addr string) string { return strconv.Itoa(portOf(addr)) }

// AddSlots has the server, a cluster's primary, serve the slots from first to last. It
// names each, since ADDSLOTSRANGE is younger than 6.2.
func (s *Server) AddSlots(first, last int) {
	s.t.Helper()
	s.slots("ADDSLOTS", first, last)
}

// DelSlots is the opposite of AddSlots.
func (s *Server) DelSlots(first, last int) {
	s.t.Helper()
	s.slots("DELSLOTS", first, last)
}

func (s *Server) slots(command string, first, last int) {
	s.t.Helper()
	args := []string{"CLUSTER", command}
	for slot := first; slot <= last; slot++ {
		args = append(args, strconv.Itoa(slot))
	}
	s.Must(args...)
}

// Settle waits until every running node finds the cluster whole, and every replica
// has what its primary has.
func (c *Cluster) Settle() {
	c.t.Helper()
	g := gomega.NewWithT(c.t)
	for _, s := range c.running() {
		g.Eventually(func() string { return s.Text("CLUSTER", "INFO") }).WithTimeout(settle).Should(gomega.ContainSubstring("cluster_state:ok"))
		g.Eventually(func() string { return s.Text("INFO", "replication") }).WithTimeout(settle).Should(gomega.Or(
			gomega.ContainSubstring("role:master"), gomega.ContainSubstring("master_link_status:up")))
	}
	for _, s := range c.running() {
		for _, other := range c.running() {
			if !other.IsPrimary() {
				continue
			}
			g.Eventually(func() string { return s.line(other.ID()) }).WithTimeout(settle).Should(gomega.And(gomega.ContainSubstring("master"), gomega.ContainSubstring("-")))
		}
	}
}

// ReplaceSilent sets whether a primary that does not answer for a second is replaced by
// its replica. On a busy machine, any may be that slow.
func (c *Cluster) ReplaceSilent(on bool) {
	c.t.Helper()
	stay := "yes"
	if on {
		stay = "no"
	}
	for _, s := range c.running() {
		s.Must("CONFIG", "SET", "cluster-replica-no-failover", stay)
	}
}

// Restore runs the nodes that were killed, waits until the cluster is whole, empties
// it, and undoes ReplaceSilent. Who is primary stays as it is.
func (c *Cluster) Restore() {
	c.t.Helper()
	for _, s := range c.Nodes {
		if !s.Running() {
			s.Run()
		}
	}
	c.Settle()
	c.ReplaceSilent(false)
	for _, s := range c.Nodes {
		if s.IsPrimary() {
			s.Must("FLUSHALL")
		}
	}
}

func (c *Cluster) running() []*Server {
	var up []*Server
	for _, s := range c.Nodes {
		if s.Running() {
			up = append(up, s)
		}
	}
	return up
}

// line is what the node says of the node with that id.
func (s *Server) line(id string) string {
	for line := range strings.Lines(s.Text("CLUSTER", "NODES")) {
		if strings.HasPrefix(line, id) {
			return line
		}
	}
	return ""
}

// Running reports whether the server was not killed.
func (s *Server) Running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cmd != nil
}

// ID returns the node's id in its cluster.
func (s *Server) ID() string { return s.Text("CLUSTER", "MYID") }

// IsPrimary reports whether the server is no replica.
func (s *Server) IsPrimary() bool {
	return strings.Contains(s.Text("INFO", "replication"), "role:master")
}

// Primary returns the running primary that serves the key.
func (c *Cluster) Primary(key string) *Server {
	c.t.Helper()
	for _, s := range c.running() {
		if s.IsPrimary() && s.Do("EXISTS", key).Error() == nil {
			return s
		}
	}
	c.t.Fatalf("no primary serves %q", key)
	return nil
}

// ReplicaOf returns a running replica of the primary.
func (c *Cluster) ReplicaOf(primary *Server) *Server {
	c.t.Helper()
	id := primary.ID()
	for _, s := range c.running() {
		if !s.IsPrimary() && strings.Contains(s.line(s.ID()), id) {
			return s
		}
	}
	c.t.Fatalf("%s has no replica", primary.Addr)
	return nil
}

// giveUp is after how long a replica silently gives up a failover that it was asked
// for.
const giveUp = 5 * time.Second

// FailOver has the replica take over from its primary, and waits until it is a primary
// to all others.
func (c *Cluster) FailOver(replica *Server) {
	c.t.Helper()
	patient := gomega.NewGomega(func(string, ...int) {})
	for range settle / giveUp {
		replica.Must("CLUSTER", "FAILOVER")
		if patient.Eventually(replica.IsPrimary).WithTimeout(giveUp + time.Second).Should(gomega.BeTrue()) {
			break
		}
	}
	c.Promoted(replica)
}

// Promoted waits until the server, a replica before, is a primary to all others.
func (c *Cluster) Promoted(s *Server) {
	c.t.Helper()
	g := gomega.NewWithT(c.t)
	id := s.ID()
	for _, other := range c.running() {
		g.Eventually(func() string { return other.line(id) }).WithTimeout(settle).Should(gomega.MatchRegexp(`master.*\d+-\d+`))
	}
}

// Move moves the slot of the key with all that is in it from one primary to the
// other, key after key.
func (c *Cluster) Move(key string, from, to *Server) {
	c.t.Helper()
	slot := c.Slot(key)
	to.Must("CLUSTER", "SETSLOT", slot, "IMPORTING", from.ID())
	// Gossip about the last move may still be under way: from knows a moment later
	// that the slot is its own.
	gomega.NewWithT(c.t).Eventually(func() error {
		return from.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", to.ID()).Error()
	}).WithTimeout(settle).Should(gomega.Succeed())
	for {
		keys := from.Must("CLUSTER", "GETKEYSINSLOT", slot, "1")
		names, err := keys.AsStrSlice()
		if err != nil || len(names) == 0 {
			break
		}
		from.Must("MIGRATE", "127.0.0.1", port(to.Addr), names[0], "0", "5000")
	}
	for _, s := range append([]*Server{to, from}, c.running()...) {
		if s.IsPrimary() {
			s.Must("CLUSTER", "SETSLOT", slot, "NODE", to.ID())
		}
	}
	// a next move before all have heard of it would mix up whose is newer
	for _, s := range c.running() {
		gomega.NewWithT(c.t).Eventually(func() string { return s.owner(key) }).WithTimeout(settle).Should(gomega.Equal(to.Addr))
	}
}

// owner is the address of the node that has the key's slot, as far as s knows.
func (s *Server) owner(key string) string {
	err := s.Do("GET", key).Error()
	if moved, ok := valkey.IsValkeyErr(err); ok {
		if addr, ok := moved.IsMoved(); ok {
			return addr
		}
	}
	return s.Addr
}

// Slot returns the key's slot, in digits.
func (c *Cluster) Slot(key string) string {
	n, err := c.running()[0].Must("CLUSTER", "KEYSLOT", key).AsInt64()
	if err != nil {
		c.t.Fatalf("slot of %q: %v", key, err)
	}
	return strconv.FormatInt(n, 10)
}

// URL returns the address of the cluster for a store.
func (c *Cluster) URL() string {
	addrs := make([]string, len(c.Nodes))
	for i, s := range c.Nodes {
		addrs[i] = s.Addr
	}
	return "valkey://" + strings.Join(addrs, ",")
}
