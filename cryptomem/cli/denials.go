package cli

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
)

// How many denials are logged one by one, and how often one line for all
// further ones: guessing must not fill a disk.
const (
	denialBurst    = 10
	denialInterval = 5 * time.Second
)

// loggedAccess writes down who was denied and why, which clients are not told.
type loggedAccess struct {
	*access.List
	denials *denials
}

// Greet denies only clients that it knows: all others may still send an AUTH.
func (a loggedAccess) Greet(conn net.Conn) (server.Permission, error) {
	p, err := a.List.Greet(conn)
	if limit := (*access.LimitError)(nil); errors.As(err, &limit) {
		a.denials.add(denial{limit.Identity, conn.RemoteAddr().String(), err})
	}
	return p, err
}

func (a loggedAccess) Authenticate(conn net.Conn, current server.Permission, identity, token []byte) (server.Permission, error) {
	p, err := a.List.Authenticate(conn, current, identity, token)
	if err != nil {
		a.denials.add(denial{string(identity), conn.RemoteAddr().String(), err})
	}
	return p, err
}

// denials logs them by a token bucket. It is safe for concurrent use.
type denials struct {
	log *slog.Logger
	clk clock.Clock

	// Guards all below.
	mu sync.Mutex
	// lines that may be written.
	lines int
	// When there was one more the last time.
	filled time.Time
	// Denials since the last line.
	unsaid int
	// latest of those.
	latest denial
}

type denial struct {
	identity, from string
	err            error
}

func newDenials(log *slog.Logger, clk clock.Clock) *denials {
	return &denials{log: log, clk: clk, lines: denialBurst, filled: clk.Now()}
}

// add logs d if there is a line for it, or counts it for the next one.
func (d *denials) add(what denial) {
	d.mu.Lock()
	d.unsaid++
	d.latest = what
	d.mu.Unlock()
	d.flush()
}

// flush logs what had no line when it happened, if there is one now.
func (d *denials) flush() {
	what, times := d.due()
	if times > 0 {
		d.log.Warn("authentication failed", "identity", what.identity, "from", what.from, "error", what.err, "times", times)
	}
}

// due returns the latest denial and how many its line stands for: 0 if there
// is none, or no line for it.
func (d *denials) due() (denial, int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if more := int(d.clk.Since(d.filled) / denialInterval); more > 0 {
		d.lines = min(d.lines+more, denialBurst)
		d.filled = d.filled.Add(time.Duration(more) * denialInterval)
	}
	if d.unsaid == 0 || d.lines == 0 {
		return denial{}, 0
	}
	times := d.unsaid
	d.lines--
	d.unsaid = 0
	return d.latest, times
}
