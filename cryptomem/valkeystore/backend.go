package valkeystore

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valkey-io/valkey-go"
	"golang.org/x/sync/semaphore"
)

// The calls that valkey-go keeps in flight on one connection lie in a ring of
// 1 << ringScale places. A caller that meets a full ring is held whatever its
// context says, so the sum of all limits is smaller than one ring and leaves room
// for the sweepers and valkey-go's own pings.
const (
	ringScale     = 10
	clusterLimits = 16 // by hash slot, so that a stopped node leaves capacity to others
	singleLimit   = 1<<ringScale - 32
	clusterLimit  = (1<<ringScale - 64) / clusterLimits
)

// A backend is a connected client, with what is known of its connections.
type backend struct {
	client valkey.Client
	// network is nil with FromClient.
	network *network
	prefix  string
	cluster bool
	limits  []callLimit
	// One at a time.
	flushes *semaphore.Weighted
	scans   *semaphore.Weighted
	// The server is older than scripts that begin with #!lua.
	plain atomic.Bool

	// The user may not ask which slots are whose: all batches go through valkey-go.
	unlisted atomic.Bool

	// Guards probes.
	mu     sync.Mutex
	probes map[uint16]*probe

	// reached has, by hash slot, the network's epoch in which its node answered.
	reached []atomic.Uint32

	// serving has, by hash slot, the connection that a call by itself was answered on.
	serving []atomic.Pointer[era]
	// lately is the last of them, by part of the slots.
	lately [clusterLimits]atomic.Pointer[era]
}

func newBackend(c valkey.Client, n *network, prefix string) *backend {
	b := &backend{client: c, network: n, prefix: prefix, cluster: c.Mode() == valkey.ClientModeCluster, probes: make(map[uint16]*probe), flushes: semaphore.NewWeighted(1), scans: semaphore.NewWeighted(maxScans)}
	rooms, size, slots := 1, int64(singleLimit), 1
	if b.cluster {
		rooms, size, slots = clusterLimits, clusterLimit, hashSlots
	}
	b.limits, b.reached = make([]callLimit, rooms), make([]atomic.Uint32, slots)
	b.serving = make([]atomic.Pointer[era], slots)
	for i := range b.limits {
		b.limits[i].size, b.limits[i].inFlight = size, semaphore.NewWeighted(size)
	}
	return b
}

// slot returns where the name's key lives: its hash slot, or 0 outside of a
// cluster.
func (b *backend) slot(name []byte) uint16 {
	if !b.cluster {
		return 0
	}
	return hashSlot(b.prefix, name)
}

func (b *backend) limit(slot uint16) *callLimit {
	return &b.limits[int(slot)*len(b.limits)/hashSlots]
}

// enter waits under ctx for capacity on the connection to the slot's node, and for that
// connection. Without an error the caller has a place, to leave or to abandon.
func (b *backend) enter(ctx context.Context, slot uint16) error {
	r := b.limit(slot)
	if err := r.inFlight.Acquire(ctx, 1); err != nil {
		return err
	}
	err := b.reach(ctx, slot)
	if err != nil {
		r.release()
	}
	return err
}

// goPast carries out a lone caller's request without valkey-go, if a connection is
// known that serves the slot or one nearby: a node refuses a wrong guess.
func (b *backend) goPast(ctx context.Context, slot uint16, words []string, dst []byte, patience time.Duration) (r reply, ok bool, lost error) {
	if words == nil {
		return r, false, nil
	}
	known, nearby := &b.serving[slot], b.nearby(slot)
	for _, e := range [...]*era{known.Load(), nearby.Load()} {
		if e == nil {
			continue
		}
		r, ok, lost = e.direct.ask(ctx, e, words, dst, patience)
		if ok {
			known.Store(e)
			return r, ok, lost
		}
		if r.refused {
			break
		}
	}
	return r, false, nil
}

// A trace is what a call by itself is recognised by among what valkey-go writes: how large its
// command is, and which write it is. The zero trace is of no such call.
type trace struct {
	size int
	turn uint64
}

// trace returns that of a call that is about to be made; words are nil if its caller is
// not alone.
func (b *backend) trace(words []string) trace {
	if words == nil {
		return trace{}
	}
	return trace{size: commandSize(words), turn: b.network.writes.Load() + 1}
}

// learn notes and returns which connection a call by itself was answered on, if that is
// sure: when valkey-go has written only once since its trace was taken, that was the call.
func (b *backend) learn(slot uint16, t trace) *era {
	if t.size == 0 || b.network.writes.Load() != t.turn {
		return nil
	}
	a := b.network.last.Load()
	if a == nil {
		return nil
	}
	e := a.settle(t)
	if e != nil {
		b.serving[slot].Store(e)
		b.nearby(slot).Store(e)
		// for the reader to rest before the next call
		runtime.Gosched()
	}
	return e
}

// nearby has the last connection that was learnt for the slot, or one not far from it.
func (b *backend) nearby(slot uint16) *atomic.Pointer[era] {
	return &b.lately[int(slot)*len(b.lately)/hashSlots]
}

// A probe is a ping on its way to a slot's node.
type probe struct {
	// Closed when err is set.
	done chan struct{}
	err  error
}

// reach returns once the slot's node has answered since the last connection was
// lost or begun. valkey-go blocks the callers of a node that is being dialled until
// the dial has ended, under the first caller's context. So only a goroutine with its
// own context makes that call, and the callers wait for it under theirs.
func (b *backend) reach(ctx context.Context, slot uint16) error {
	if b.isReached(slot) {
		return nil
	}
	return b.probe(slot).wait(ctx)
}

func (p *probe) wait(ctx context.Context) error {
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *backend) isReached(slot uint16) bool {
	return b.network == nil || b.reached[slot].Load() == b.network.epoch.Load()
}

// probe returns the probe under way to the slot's node, after starting it if there
// is none.
func (b *backend) probe(slot uint16) *probe {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.probes[slot]
	if p == nil {
		p = &probe{done: make(chan struct{})}
		b.probes[slot] = p
		go b.run(p, slot)
	}
	return p
}

// probeAttempts is how often a probe pings: the first ping may end with what is
// left of a lost connection, the next may make the new one.
const probeAttempts = 4

func (b *backend) run(p *probe, slot uint16) {
	for range probeAttempts {
		epoch := b.network.epoch.Load()
		if p.err = b.ping(slot); p.err == nil {
			b.reached[slot].Store(epoch)
			if b.isReached(slot) {
				break
			}
		} else if isUnsent(p.err) {
			// there is no connection to be had
			break
		}
	}
	b.mu.Lock()
	delete(b.probes, slot)
	b.mu.Unlock()
	close(p.done)
}

// ping returns once the slot's node has answered everything sent before, or the
// connection to it has ended, which is an error.
func (b *backend) ping(slot uint16) error {
	cmd := b.client.B().Ping().Build()
	if b.cluster {
		cmd = cmd.SetSlot(slotTag(slot))
	}
	return b.client.Do(context.Background(), cmd).NonValkeyError()
}
