package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/benbjohnson/clock"
)

const (
	// idleFirst is how many connections come and go before memory is looked at, so
	// that what a server takes once is not counted.
	idleFirst = 50
	// idleSettle is for how long memory has to stay before it counts: servers give
	// back what connections took to begin.
	idleSettle = 4 * time.Second
	idleLook   = 250 * time.Millisecond
)

// IdleMemory returns by how much a server's memory grows, in bytes, for each of n
// connections that ask for one key and then stay idle. memory reads it, as
// ProcessMemory does.
func IdleMemory(ctx context.Context, clk clock.Clock, p Protocol, dial Dial, n int, memory func() (int64, error)) (each int64, err error) {
	var open []io.Closer
	closeAll := func() {
		for _, c := range open {
			err = errors.Join(err, c.Close())
		}
		open = nil
	}
	defer closeAll()
	connect := func(n int) error {
		for range n {
			c, err := ask(ctx, p, dial)
			if err != nil {
				return fmt.Errorf("connection %d: %w", len(open)+1, err)
			}
			open = append(open, c)
		}
		return nil
	}
	if err := connect(idleFirst); err != nil {
		return 0, err
	}
	if closeAll(); err != nil {
		return 0, err
	}
	before, err := settled(ctx, clk, memory)
	if err != nil {
		return 0, err
	}
	if err := connect(n); err != nil {
		return 0, err
	}
	after, err := settled(ctx, clk, memory)
	return (after - before) / int64(n), err
}

// ask opens a connection and asks for a key that is not there.
func ask(ctx context.Context, p Protocol, dial Dial) (io.Closer, error) {
	conn, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	_, err = conn.Write(p.AppendGet(nil, []byte("idle")))
	b, filled := make([]byte, 1<<10), 0
	for err == nil && filled < len(b) {
		var n, taken int
		n, err = conn.Read(b[filled:])
		filled += n
		if n > 0 {
			if _, taken, err = p.Parse(b[:filled]); taken > 0 && err == nil {
				return conn, nil
			}
		}
	}
	// it is of no use
	_ = conn.Close()
	return nil, errors.Join(err, errors.New("no answer"))
}

// settled returns memory once it has become no less for a while.
func settled(ctx context.Context, clk clock.Clock, memory func() (int64, error)) (least int64, err error) {
	tick := clk.Ticker(idleLook)
	defer tick.Stop()
	for left := idleSettle; left > 0; left -= idleLook {
		now, err := memory()
		if err != nil {
			return 0, err
		}
		if least == 0 || now < least-least/256 {
			left = idleSettle
		}
		if least == 0 || now < least {
			least = now
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
	return least, nil
}
