package cryptomem

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/transport/address"
)

// openServers returns the store of the server at addr, or the ring of several.
func openServers(addr string, o *options, namespace string) (Store, error) {
	if err := refuseValkey(addr); err != nil {
		return nil, err
	}
	if !strings.Contains(addr, ",") {
		if o.failover.Pause > 0 {
			return nil, errors.New("WithFailover: there is only one server")
		}
		return newConnections(addr, o), nil
	}
	var servers []RingServer
	for one := range strings.SplitSeq(addr, ",") {
		one = strings.TrimSpace(one)
		if a, err := address.Parse(one); err == nil {
			one = a.String()
		}
		servers = append(servers, RingServer{Name: one, Store: newConnections(one, o)})
	}
	f := o.failover
	f.Clock = o.clock
	f.Prefix = []byte(sealing.NamespacePrefix(namespace))
	return NewRing(servers, f)
}

// refuseValkey refuses the URL of a Valkey or Redis. The error has nothing more of it,
// since there may be a password.
func refuseValkey(addr string) error {
	scheme, _, ok := strings.Cut(addr, "://")
	if ok && slices.Contains([]string{"valkey", "valkeys", "redis", "rediss"}, strings.ToLower(scheme)) {
		return fmt.Errorf("%s:// is a Valkey or Redis: give its URL to valkeystore.Open, and the store to NewClient", scheme)
	}
	return nil
}

// connectAll connects to the server, or to all of a ring.
func connectAll(ctx context.Context, below Store) error {
	s, ok := below.(*ringStore)
	if !ok {
		return connect(ctx, below)
	}
	errs := make([]error, len(s.stores))
	var all sync.WaitGroup
	for i := range s.stores {
		all.Go(func() {
			if errs[i] = connect(ctx, s.stores[i]); errs[i] == nil {
				errs[i] = s.checkFlush(ctx, i)
			}
		})
	}
	all.Wait()
	unreachable := 0
	for _, err := range errs {
		if refused := (*ServerError)(nil); errors.As(err, &refused) {
			return err
		}
		if err != nil {
			unreachable++
		}
	}
	if unreachable < len(errs) {
		return nil
	}
	return errors.Join(errs...)
}

func connect(ctx context.Context, below Store) error {
	s := below.(*connections)
	_, err := s.connection(ctx, &s.links[0])
	return err
}

// checkFlush finds out whether a server allows the FLUSH that failover needs. It
// flushes a name that no value has.
func (s *ringStore) checkFlush(ctx context.Context, i int) error {
	if s.failover.Pause == 0 {
		return nil
	}
	nothing := append(s.failover.Prefix[:len(s.failover.Prefix):len(s.failover.Prefix)], "\x00cryptomem ring"...)
	err := s.stores[i].Do(ctx, &Request{Command: CommandFlush, Name: nothing})
	if refused := (*ServerError)(nil); errors.As(err, &refused) {
		return fmt.Errorf("WithFailover: server %s has to allow FLUSH: %w", s.name(i), err)
	}
	return err
}
