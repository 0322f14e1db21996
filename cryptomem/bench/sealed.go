package bench

import (
	"context"
	"errors"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// Sealed returns a target that uses cryptomem the way programs do: through its
// client, which seals every value and opens it again. The client should have as
// many connections as the load; the load's depth is how many goroutines share
// each of them.
func Sealed(c *cryptomem.Client) Target { return &sealedTarget{c} }

type sealedTarget struct{ client *cryptomem.Client }

func (t *sealedTarget) String() string { return "cryptomem, sealed" }

func (t *sealedTarget) workers(l *Load) (lanes, batch int) { return l.Connections * l.Depth, 1 }

func (t *sealedTarget) open(_ context.Context, w *workload) (lane, error) {
	return &sealedLane{client: t.client, work: w, ttl: []cryptomem.StoreOption{cryptomem.TTL(w.load.TTL)}}, nil
}

// A sealedLane is one caller of the client.
type sealedLane struct {
	client     *cryptomem.Client
	work       *workload
	key, value []byte
	ttl        []cryptomem.StoreOption
}

// the client is its owner's
func (s *sealedLane) Close() error { return nil }

func (s *sealedLane) do(ctx context.Context, ops []op, answered func(n int)) error {
	for i := range ops {
		o := &ops[i]
		s.key = s.work.appendKey(s.key[:0], o.key)
		if o.command == wire.Set {
			o.err = s.client.Set(ctx, string(s.key), s.work.value, s.ttl...)
		} else {
			s.get(ctx, o)
		}
		if ctx.Err() != nil {
			// it was given up, not answered
			return ctx.Err()
		}
		answered(1)
	}
	return nil
}

func (s *sealedLane) get(ctx context.Context, o *op) {
	var err error
	s.value, err = s.client.GetAppend(ctx, s.value[:0], string(s.key))
	switch {
	case err == nil:
		s.work.judge(o, Answer{Text: s.value})
	case errors.Is(err, cryptomem.ErrNotFound):
		o.answer = Missing
	default:
		o.err = err
	}
}
