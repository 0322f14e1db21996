package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"
)

// Hits is what a replay found in a cache.
type Hits struct {
	Requests uint64 `json:"requests"`
	Hits     uint64 `json:"hits"`
	// Bytes of the objects asked for.
	Bytes uint64 `json:"bytes"`
	// HitBytes of those that were there.
	HitBytes uint64 `json:"hit_bytes"`
	// Objects that the server would not store.
	Refused uint64 `json:"refused"`
}

// Ratio returns the share of requests that were hits.
func (h Hits) Ratio() float64 { return share(h.Hits, h.Requests) }

// ByteRatio returns the share of bytes that were hits.
func (h Hits) ByteRatio() float64 { return share(h.HitBytes, h.Bytes) }

func share(part, all uint64) float64 { return float64(part) / float64(max(all, 1)) }

// replayTTL is longer than any replay takes.
const replayTTL = 24 * time.Hour

// Replay asks the server at the other end of conn for the objects of the trace, one
// after another, as a program does that reads through its cache: what is not there
// it stores. Each value has overhead bytes more than its object. The end of ctx
// ends it.
func Replay(ctx context.Context, p Protocol, conn net.Conn, trace []Lookup, overhead int) (Hits, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	largest := 0
	for _, l := range trace {
		largest = max(largest, l.Size)
	}
	noise := make([]byte, largest+overhead)
	random := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // load, not secrets
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	r := replay{conn: conn, protocol: p, in: make([]byte, 64<<10)}
	var h Hits
	stored := make(map[string]int) // sizes
	for _, l := range trace {
		if err := ctx.Err(); err != nil {
			return h, err
		}
		value := noise[:l.Size+overhead]
		h.Requests++
		h.Bytes += uint64(len(value))
		a, err := r.ask(p.AppendGet(r.out[:0], []byte(l.Name)))
		switch {
		case err != nil:
			return h, errors.Join(ctx.Err(), err)
		case a.Kind == Refused:
			return h, fmt.Errorf("server: %s", a.Text)
		case a.Kind == Accepted:
			size, known := stored[l.Name] // else from an earlier replay
			if known && len(a.Text) != size || !bytes.HasPrefix(noise, a.Text) {
				return h, fmt.Errorf("%w: %s", errWrongValue, l.Name)
			}
			h.Hits++
			h.HitBytes += uint64(len(value))
			continue
		}
		if a, err = r.ask(p.AppendSet(r.out[:0], []byte(l.Name), value, replayTTL)); err != nil {
			return h, errors.Join(ctx.Err(), err)
		}
		if a.Kind == Accepted {
			stored[l.Name] = len(value)
		} else {
			h.Refused++
		}
	}
	return h, nil
}

// A replay is a connection with one request under way.
type replay struct {
	conn     net.Conn
	protocol Protocol
	out, in  []byte
}

// ask sends a request and returns its answer, which is good until the next.
func (r *replay) ask(request []byte) (Answer, error) {
	r.out = request
	if _, err := r.conn.Write(request); err != nil {
		return Answer{}, err
	}
	for filled := 0; ; {
		n, err := r.conn.Read(r.in[filled:])
		filled += n
		a, used, wrong := r.protocol.Parse(r.in[:filled])
		switch {
		case wrong != nil:
			return a, wrong
		case used > 0 && used < filled:
			return a, fmt.Errorf("%d unexpected bytes: %.60q", filled-used, r.in[used:filled])
		case used > 0:
			return a, nil
		case err != nil:
			return a, err
		}
		if filled == len(r.in) {
			r.in = append(r.in, make([]byte, len(r.in))...)
		}
	}
}

// A ReplayPoint is what a server made of a trace with so much memory.
type ReplayPoint struct {
	// Bytes that the server was told to keep to; 0 if unknown.
	Limit int64 `json:"limit"`
	// Bytes that it has at the end; 0 if unknown.
	Resident int64 `json:"resident,omitempty"`
	Hits
}

// A ReplayCurve is a server's points, in the order of its limits.
type ReplayCurve struct {
	Server string        `json:"server"`
	Points []ReplayPoint `json:"points"`
}

// WriteReplay writes the curves as a table.
func WriteReplay(w io.Writer, curves []ReplayCurve) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%-14s %9s %9s %9s %9s %9s\n", "server", "limit", "hits", "bytes", "resident", "refused")
	for i := range curves[0].Points {
		for _, c := range curves {
			p := c.Points[i]
			fmt.Fprintf(&b, "%-14s %9s %9.4f %9.4f %9s %9s\n", c.Server, formatMiB(p.Limit), p.Ratio(), p.ByteRatio(), formatMiB(p.Resident), formatCount(float64(p.Refused)))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func formatMiB(bytes int64) string {
	if bytes == 0 {
		return "-"
	}
	return fmt.Sprintf("%.4g MiB", float64(bytes)/(1<<20))
}
