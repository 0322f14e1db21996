package valkeystore

import (
	"context"
	"fmt"

	"github.com/valkey-io/valkey-go"
)

// learnEvery is how many batches of a single caller go through valkey-go, because their
// connections are not known yet, before one of them spends extra round trips on
// learning these.
const learnEvery = 16

// learnConnections finds out which connection leads to which node, after a single
// caller's batch, so that the next batch can bypass valkey-go.
func (b *backend) learnConnections(ctx context.Context) {
	if b.unlisted.Load() || b.network.unknown.Add(1)%learnEvery != 1 {
		return
	}
	if !b.cluster {
		b.meet(ctx, 0)
		return
	}
	for _, ranges := range b.nodes(ctx) {
		met := b.meet(ctx, ranges[0].from)
		if met == nil {
			continue
		}
		for _, r := range ranges {
			for slot := int(r.from); slot <= int(r.to); slot++ {
				if known := &b.serving[slot]; known.Load() != met {
					known.Store(met)
				}
			}
		}
	}
}

// meet pings the slot's node through valkey-go, and returns the connection on which that
// was answered; nil if that is not sure.
func (b *backend) meet(ctx context.Context, slot uint16) *era {
	if b.enter(ctx, slot) != nil {
		return nil
	}
	cmd := b.client.B().Ping().Build()
	if b.cluster {
		cmd = cmd.SetSlot(slotTag(slot))
	}
	t := b.trace([]string{"PING"})
	lost := b.client.Do(ctx, cmd).NonValkeyError()
	b.leave(slot, lost)
	if lost != nil {
		return nil
	}
	return b.learn(slot, t)
}

// A slotRange is slots that one node serves, both ends included.
type slotRange struct{ from, to uint16 }

// nodes returns the slots of each node.
func (b *backend) nodes(ctx context.Context) map[string][]slotRange {
	if b.enter(ctx, 0) != nil {
		return nil
	}
	result := b.client.Do(ctx, b.client.B().ClusterSlots().Build())
	b.leave(0, result.NonValkeyError())
	ranges, err := result.ToArray()
	if err != nil {
		_, refused := valkey.IsValkeyErr(err)
		b.unlisted.Store(refused)
		return nil
	}
	nodes := make(map[string][]slotRange)
	for _, r := range ranges {
		if node, of, ok := parseSlots(r); ok {
			nodes[node] = append(nodes[node], of)
		}
	}
	return nodes
}

// parseSlots reads one entry of CLUSTER SLOTS.
func parseSlots(m valkey.ValkeyMessage) (node string, r slotRange, ok bool) {
	entry, err := m.ToArray()
	if err != nil || len(entry) < 3 {
		return "", r, false
	}
	from, err1 := entry[0].AsInt64()
	to, err2 := entry[1].AsInt64()
	primary, err3 := entry[2].ToArray()
	if err1 != nil || err2 != nil || err3 != nil || len(primary) < 2 || from < 0 || from > to || to >= hashSlots {
		return "", r, false
	}
	host, err1 := primary[0].ToString()
	port, err2 := primary[1].AsInt64()
	if err1 != nil || err2 != nil {
		return "", r, false
	}
	return fmt.Sprint(host, " ", port), slotRange{uint16(from), uint16(to)}, true
}
