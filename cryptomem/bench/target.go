package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A Target is what load is put on: Raw or Sealed makes one.
type Target interface {
	fmt.Stringer
	// workers returns how a load of connections and depth is spread: over how
	// many lanes, and how many requests travel together on each.
	workers(l *Load) (lanes, batch int)
	// open returns a lane, which the caller closes.
	open(ctx context.Context, w *workload) (lane, error)
}

// A lane carries batches of requests to the target. It is for one goroutine,
// but for Close, which may be called at any time and ends a do under way.
type lane interface {
	io.Closer
	// do sends the ops and waits for their answers, in order. It calls answered
	// whenever the next n of them have come. An error means that the lane is of
	// no more use, and that the remaining ops have no answer.
	do(ctx context.Context, ops []op, answered func(n int)) error
}

// What an op may fail with.
var (
	errWrongValue = errors.New("value differs from what was stored")
	errNotStored  = errors.New("server says not found to a SET")
)

// Dial opens one connection to a server.
type Dial func(context.Context) (net.Conn, error)

// Raw returns a target that speaks a bare protocol: nothing is sealed, and a
// connection's requests, as many as the load is deep, leave in one write.
func Raw(p Protocol, dial Dial) Target { return &rawTarget{p, dial} }

type rawTarget struct {
	protocol Protocol
	dial     Dial
}

func (t *rawTarget) String() string { return t.protocol.String() + ", raw" }

func (t *rawTarget) workers(l *Load) (lanes, batch int) { return l.Connections, l.Depth }

func (t *rawTarget) open(ctx context.Context, w *workload) (lane, error) {
	if w.load.Reconnect {
		return &reconnecting{target: t, work: w}, nil
	}
	return t.connect(ctx, w)
}

func (t *rawTarget) connect(ctx context.Context, w *workload) (*rawLane, error) {
	conn, err := t.dial(ctx)
	if err != nil {
		return nil, err
	}
	return &rawLane{conn: conn, protocol: t.protocol, work: w, in: make([]byte, 64<<10)}, nil
}

// inlineBytes is how large a batch may be to be written before its answers are
// read. A larger one might fill every buffer on the way while the server waits
// for its answers to be read, for ever.
const inlineBytes = 16 << 10

// A rawLane is one connection.
type rawLane struct {
	conn     net.Conn
	protocol Protocol
	work     *workload
	out      []byte
	key      []byte
	// in[:filled] is received and not parsed.
	in     []byte
	filled int
}

func (r *rawLane) Close() error { return r.conn.Close() }

func (r *rawLane) do(_ context.Context, ops []op, answered func(n int)) error {
	r.out = r.out[:0]
	for i := range ops {
		r.key = r.work.appendKey(r.key[:0], ops[i].key)
		if ops[i].command == wire.Get {
			r.out = r.protocol.AppendGet(r.out, r.key)
		} else {
			r.out = r.protocol.AppendSet(r.out, r.key, r.work.value, r.work.load.TTL)
		}
	}
	if len(r.out) <= inlineBytes {
		if _, err := r.conn.Write(r.out); err != nil {
			return broken(err)
		}
		return r.receive(ops, answered)
	}
	written := make(chan error, 1)
	go func() {
		_, err := r.conn.Write(r.out)
		if err != nil {
			_ = r.conn.Close() // or the answers would be waited for
		}
		written <- err
	}()
	err := r.receive(ops, answered)
	if err != nil {
		_ = r.conn.Close() // or the write might never end
	}
	return errors.Join(<-written, err)
}

// broken is the error of a connection that ends before all its answers came. An EOF
// alone would not say of what.
func broken(err error) error { return fmt.Errorf("the connection broke: %w", err) }

// receive reads the answers to ops.
func (r *rawLane) receive(ops []op, answered func(n int)) error {
	for len(ops) > 0 {
		if r.filled == len(r.in) {
			r.in = append(r.in, make([]byte, len(r.in))...)
		}
		n, err := r.conn.Read(r.in[r.filled:])
		r.filled += n
		if n > 0 {
			complete, wrong := r.parse(ops)
			if complete > 0 {
				answered(complete)
				ops = ops[complete:]
			}
			if wrong != nil {
				return wrong
			}
		}
		if err != nil && len(ops) > 0 {
			return broken(err)
		}
	}
	if r.filled > 0 {
		return fmt.Errorf("%d unexpected bytes: %.60q", r.filled, r.in[:r.filled])
	}
	return nil
}

// parse hands out the answers that have arrived whole and says how many.
func (r *rawLane) parse(ops []op) (complete int, err error) {
	at := 0
	for complete < len(ops) {
		a, n, wrong := r.protocol.Parse(r.in[at:r.filled])
		if n == 0 || wrong != nil {
			err = wrong
			break
		}
		at += n
		r.work.judge(&ops[complete], a)
		complete++
	}
	r.filled = copy(r.in, r.in[at:r.filled])
	return complete, err
}

// judge notes the answer in the op.
func (w *workload) judge(o *op, a Answer) {
	o.answer = a.Kind
	switch {
	case a.Kind == Refused:
		o.err = fmt.Errorf("server: %s", a.Text)
	case o.command == wire.Get && a.Kind == Accepted && !bytes.Equal(a.Text, w.value):
		o.err = errWrongValue
	case o.command == wire.Set && a.Kind == Missing:
		o.err = errNotStored
	}
}
