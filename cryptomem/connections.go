package cryptomem

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Zezezknight/cryptomem/transport/address"
	"github.com/Zezezknight/cryptomem/transport/pipeline"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// connections is the Store of one cryptomem server, over one or more connections.
// The next request replaces a broken one. It never repeats a request.
type connections struct {
	addr  string
	opts  *options
	links []link
	// Which link is next, when there are several.
	next atomic.Uint32

	// Canceled by Close.
	ctx    context.Context
	cancel context.CancelFunc

	// Held while dialling; guards failures and usual.
	turn chan struct{}
	// Consecutive dials without an answer.
	failures int
	// Duration of the last successful dial; 0 if there was none.
	usual   time.Duration
	dialing atomic.Pointer[context.CancelFunc]
	// out is nil while the server is reachable.
	out atomic.Pointer[outage]

	limit valueLimit
	// Pool of *call. Each client has its own: calls have channels, which must not leave a
	// testing/synctest bubble.
	calls sync.Pool

	background
}

var _ Store = (*connections)(nil)

// NewServerStore returns a Store for the cryptomem server at addr, the one that
// Dial's clients use. It does not connect: the first request does. It refuses
// options that belong to the Client, such as those about keys and names.
func NewServerStore(addr string, opts ...Option) (Store, error) {
	o, err := applyOptions(opts)
	if err == nil && (o.keyring != nil || len(o.sealing) > 0 || o.observer != nil || o.ttl > 0) {
		err = errors.New("NewServerStore: keys, namespace, TTL and observer are the client's, not the store's")
	}
	if err == nil {
		err = refuseValkey(addr)
	}
	if err != nil {
		return nil, err
	}
	return newConnections(addr, o), nil
}

func newConnections(addr string, of *options) *connections {
	o := new(options)
	// since each server has a name of its own
	*o = *of
	o.limits.MaxAnswer, o.limits.Silence = min(o.maxValueSize, math.MaxInt-wire.ItemSize)+wire.ItemSize, o.timeout
	if o.tls != nil && o.tls.ServerName == "" {
		o.tls = o.tls.Clone()
		o.tls.ServerName = address.ServerName(addr)
	}
	s := &connections{addr: addr, opts: o, links: make([]link, o.connections), turn: make(chan struct{}, 1)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Close implements Store.
func (s *connections) Close() error {
	s.shut()
	s.cancel()
	for i := range s.links {
		s.links[i].close()
	}
	s.wait()
	return nil
}

// Do implements Store.
func (s *connections) Do(ctx context.Context, r *Request) error {
	conn, err := s.connection(ctx, s.link())
	if err != nil {
		r.Err = s.unsent(ctx, err)
		return r.Err
	}
	c := s.newCall()
	if err = s.begin(c, r); err == nil {
		err = conn.Do(ctx, &c.Call)
		s.doubt(ctx, conn)
	}
	r.Err = s.end(ctx, c, r, err)
	s.calls.Put(c)
	return r.Err
}

// DoAll implements Store. All requests take the same connection, which keeps
// their order.
func (s *connections) DoAll(ctx context.Context, rs []*Request) {
	conn, err := s.connection(ctx, s.link())
	if err != nil {
		err = s.unsent(ctx, err)
		for _, r := range rs {
			r.Err = err
		}
		return
	}
	all := make([]*call, len(rs))
	sent := make([]*pipeline.Call, 0, len(rs))
	for i, r := range rs {
		all[i] = s.newCall()
		if r.Err = s.begin(all[i], r); r.Err == nil {
			sent = append(sent, &all[i].Call)
		}
	}
	// every call has its own error
	_ = conn.DoAll(ctx, sent)
	s.doubt(ctx, conn)
	for i, r := range rs {
		err := r.Err
		if err == nil {
			err = all[i].Err
		}
		r.Err = s.end(ctx, all[i], r, err)
		s.calls.Put(all[i])
	}
}

// A call is a Request on its way through a connection.
type call struct {
	pipeline.Call
	asked *Request
	// Buffer for a version and the value behind it.
	value []byte
	// Refused before it was sent.
	refused bool
}

// newCall returns a call that is put back into s.calls after use.
func (s *connections) newCall() *call {
	if c, ok := s.calls.Get().(*call); ok {
		return c
	}
	return new(call)
}

// begin makes c the call of a request, whose slices it uses until end.
func (s *connections) begin(c *call, r *Request) error {
	c.asked, c.MaybeApplied, c.refused = r, false, false
	c.Buffer = r.Answer
	if !r.Command.Known() {
		c.refused = true
		return fmt.Errorf("%w: %v", ErrNotSupported, r.Command)
	}
	if r.Sealer != nil {
		c.Renewer = c
	}
	err := c.RenewRequest(&c.Request)
	if err == nil {
		err = s.limit.check(r.Value)
		c.refused = err != nil
	}
	return err
}

// RenewRequest implements pipeline.Renewer: what waited for room is sealed anew.
func (c *call) RenewRequest(out *wire.Request) error {
	r := c.asked
	if r.Sealer != nil {
		if err := r.Sealer.SealRequest(r); err != nil {
			c.refused = true
			return err
		}
	}
	*out = wire.Request{Command: r.Command, Key: r.Name, Value: r.Value, TTL: r.TTL}
	if r.Command.Has(wire.TakesVersion) {
		c.value = append(wire.AppendNumber(c.value[:0], r.Version), r.Value...)
		out.Value = c.value
	}
	if r.Command == wire.Scan {
		c.value = wire.AppendScan(c.value[:0], r.Cursor, uint32(min(r.Count, math.MaxUint32)))
		out.Value = c.value
	}
	return nil
}

// end moves the answer into r, or returns why there is none; err is what the
// connection said.
func (s *connections) end(ctx context.Context, c *call, r *Request, err error) error {
	if cap(c.value) > keepBuffer {
		c.value = nil
	}
	if err == nil {
		if err = c.answer(r); err != nil && r.Sealer != nil {
			s.limit.learn(err)
		}
	} else if !c.refused {
		err = s.unanswered(ctx, c, err)
	}
	r.Answer, c.Buffer = c.Buffer, nil
	c.Request, c.Response, c.Err = wire.Request{}, wire.Response{}, nil
	c.asked, c.Renewer = nil, nil
	return err
}

// answer reads the call's response into r.
func (c *call) answer(r *Request) (err error) {
	if err := answerError(r.Command, &c.Response); err != nil {
		return err
	}
	switch r.Command {
	case wire.GetV:
		var envelope []byte
		if r.Version, r.Remaining, envelope, err = wire.CutItem(c.Response.Value); err == nil {
			c.Buffer = append(c.Buffer[:0], envelope...)
		}
	case wire.CAS:
		r.Version, err = wire.ParseNumber(c.Response.Value)
	case wire.Flush:
		r.Count, err = wire.ParseNumber(c.Response.Value)
	case wire.Scan:
		var names []byte
		if r.Cursor, names, err = wire.CutNumber(c.Response.Value); err == nil {
			c.Buffer = append(c.Buffer[:0], names...)
		}
	}
	return err
}

// unanswered returns the error of a call that was given to a connection.
func (s *connections) unanswered(ctx context.Context, c *call, err error) error {
	if errors.Is(err, pipeline.ErrSilent) {
		s.lose(err, true)
	}
	err = s.cause(ctx, err)
	if c.MaybeApplied && c.Request.Command.Has(wire.Writes) {
		return fmt.Errorf("%w: %w", ErrMaybeApplied, err)
	}
	return err
}

// unsent returns the error of a request that there was no connection for.
func (s *connections) unsent(ctx context.Context, err error) error { return s.cause(ctx, err) }

// cause says what kind of failure err is.
func (s *connections) cause(ctx context.Context, err error) error {
	var refused *ServerError
	switch {
	case errIsContext(ctx, err), errors.Is(err, ErrClosed), errors.As(err, &refused):
		return err
	case s.ctx.Err() != nil:
		return ErrClosed
	case errors.Is(err, pipeline.ErrSilent), errors.Is(err, pipeline.ErrSlow):
		return unavailable(fmt.Errorf("%w: %w", ErrTimeout, err))
	}
	return unavailable(err)
}

// link returns the link to use next.
func (s *connections) link() *link {
	if len(s.links) == 1 {
		return &s.links[0]
	}
	return &s.links[int(s.next.Add(1))%len(s.links)]
}
