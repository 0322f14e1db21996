package valkeystore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/valkey-io/valkey-go"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

// scanCount is how many keys a server looks at for one SCAN.
const scanCount = 1000

// flush removes all keys that begin with the prefix and r's name, and counts them.
// It runs in a goroutine of its own, since valkey-go may hold it while it dials.
func (s *Store) flush(ctx context.Context, b *backend, r *cryptomem.Request) error {
	prefix := b.prefix + string(r.Name)
	if prefix == "" {
		return fmt.Errorf("%w: FLUSH without a namespace or a prefix would remove everybody's keys", cryptomem.ErrNotSupported)
	}
	if err := b.flushes.Acquire(ctx, 1); err != nil {
		return err
	}
	type outcome struct {
		removed uint64
		err     error
	}
	done := make(chan outcome, 1)
	go func() {
		defer b.flushes.Release(1)
		removed, err := b.flush(ctx, prefix)
		done <- outcome{removed, err}
	}()
	select {
	case o := <-done:
		r.Count = o.removed
		return s.flushError(ctx, r, o.err)
	case <-ctx.Done():
		return s.lost(ctx, r.Command, ctx.Err())
	}
}

func (s *Store) flushError(ctx context.Context, r *cryptomem.Request, err error) error {
	if refusal, ok := valkey.IsValkeyErr(err); ok {
		return s.refused(refusal)
	}
	if err != nil {
		return s.lost(ctx, r.Command, err)
	}
	return nil
}

func (b *backend) flush(ctx context.Context, prefix string) (removed uint64, err error) {
	nodes, err := b.primaries(ctx)
	for _, node := range nodes {
		n, e := b.flushNode(ctx, node, escape(prefix)+"*")
		removed += n
		err = errors.Join(err, e)
		if e != nil {
			return removed, e
		}
	}
	return removed, err
}

// primaries returns the nodes that have keys of their own.
func (b *backend) primaries(ctx context.Context) ([]valkey.Client, error) {
	if !b.cluster {
		return []valkey.Client{b.client}, nil
	}
	ranges, err := b.client.Do(ctx, b.client.B().ClusterSlots().Build()).ToArray()
	if err != nil {
		return nil, err
	}
	all := b.client.Nodes()
	seen := make(map[string]bool)
	var nodes []valkey.Client
	for _, r := range ranges {
		addr, err := primaryOf(r)
		if err != nil {
			return nil, err
		}
		if seen[addr] {
			continue
		}
		seen[addr] = true
		node := all[addr]
		if node == nil {
			return nil, fmt.Errorf("primary %s is too new to be known", addr)
		}
		nodes = append(nodes, node)
	}
	return nodes, nil
}

// primaryOf returns the address of the primary in one part of the answer to
// CLUSTER SLOTS: first slot, last slot, primary, replicas.
func primaryOf(part valkey.ValkeyMessage) (string, error) {
	fields, err := part.ToArray()
	if err != nil || len(fields) < 3 {
		return "", errors.New("answer to CLUSTER SLOTS names no primary")
	}
	node, err := fields[2].ToArray()
	if err != nil || len(node) < 2 {
		return "", errors.New("answer to CLUSTER SLOTS names no primary")
	}
	host, err := node[0].ToString()
	if err != nil {
		return "", err
	}
	port, err := node[1].AsInt64()
	return net.JoinHostPort(host, strconv.FormatInt(port, 10)), err
}

// flushNode removes the keys of one node that match, each by a command of its own:
// no command ever names two slots.
func (b *backend) flushNode(ctx context.Context, node valkey.Client, match string) (removed uint64, err error) {
	for cursor := uint64(0); ; {
		e, err := node.Do(ctx, node.B().Scan().Cursor(cursor).Match(match).Count(scanCount).Build()).AsScanEntry()
		if err != nil {
			return removed, err
		}
		unlinks := make(valkey.Commands, 0, len(e.Elements))
		for _, key := range e.Elements {
			unlinks = append(unlinks, b.client.B().Unlink().Key(key).Build())
		}
		for _, result := range b.client.DoMulti(ctx, unlinks...) {
			n, err := result.AsInt64()
			if err != nil {
				return removed, err
			}
			removed += uint64(n)
		}
		if cursor = e.Cursor; cursor == 0 {
			return removed, nil
		}
	}
}

// escape makes a prefix into a pattern that matches it alone.
func escape(prefix string) string { return escaper.Replace(prefix) }

var escaper = strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`, `^`, `\^`, `\`, `\\`)
