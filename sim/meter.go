package sim

import (
	"encoding/binary"
	"errors"
	"maps"

	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A tally is what a server's meter should have counted. It reads statuses from the
// bytes of the answers, and knows the commands of the requests that its handler
// executed. It cannot see the commands of what sessions refuse by themselves.
type tally struct {
	executed map[session.RequestCount]uint64 // with a Count of 0
	statuses map[string]uint64
	latency  []uint64 // batches, by the power of two that they took
	took     int64    // all batches, in nanoseconds
}

// statusLabels are the names of statuses in statistics, as documented.
var statusLabels = [...]string{"not_found", "ok", "error", "exists", "denied", "busy"}

const (
	latencyBuckets = 26
	shortest       = 1024 // ns, the bound of the first bucket
)

func newTally() *tally {
	return &tally{map[session.RequestCount]uint64{}, map[string]uint64{}, make([]uint64, latencyBuckets), 0}
}

func (t *tally) execute(c wire.Command, s wire.Status) {
	t.executed[session.RequestCount{Command: c.String(), Status: statusLabels[s]}]++
}

// batch counts a batch that took so long.
func (t *tally) batch(took int64) {
	i := 0
	for bound := int64(shortest); took >= bound && i < latencyBuckets-1; bound *= 2 {
		i++
	}
	t.latency[i]++
	t.took += took
}

// check compares the meter with what it should have counted.
func (t *tally) check(w *world, m *session.Meter) {
	st := m.Stats(0)
	left := maps.Clone(t.executed)
	statuses := map[string]uint64{}
	for _, r := range st.Requests {
		statuses[r.Status] += r.Count
		n := r.Count
		r.Count = 0
		if want := t.executed[r]; n < max(want, 1) {
			w.violate(oracle.RuleModel, "%d requests %s are counted as %s, of which %d were executed", n, r.Command, r.Status, want)
		}
		delete(left, r)
	}
	if len(left) > 0 {
		w.violate(oracle.RuleModel, "requests were executed that are not counted: %v", left)
	}
	for _, s := range statusLabels {
		if statuses[s] != t.statuses[s] {
			w.violate(oracle.RuleModel, "%d requests are counted as %s, %d were answered so", statuses[s], s, t.statuses[s])
		}
	}
	counts, sum := make([]uint64, latencyBuckets), int64(0)
	for _, b := range st.Batches {
		sum += int64(b.Sum)
		for i, n := range b.Counts {
			counts[i] += n
		}
	}
	for i, n := range counts {
		if n != t.latency[i] {
			w.violate(oracle.RuleModel, "%d batches are counted in the bucket %d of latencies, %d were so slow", n, i, t.latency[i])
		}
	}
	if sum != t.took {
		w.violate(oracle.RuleModel, "batches took %d ns by their statistics, and %d in all", sum, t.took)
	}
}

// An answerReader finds the answers in the bytes that a session sends.
type answerReader struct {
	header []byte
	rest   uint32 // bytes of the value still to come
}

// read calls answered with the status of each answer that begins in b.
func (a *answerReader) read(b []byte, answered func(status byte)) {
	for len(b) > 0 {
		if a.rest > 0 {
			n := min(uint32(len(b)), a.rest)
			a.rest -= n
			b = b[n:]
			continue
		}
		a.header = append(a.header, b[0])
		if b = b[1:]; len(a.header) == wire.ResponseHeaderSize {
			answered(a.header[2])
			a.rest, a.header = binary.BigEndian.Uint32(a.header[3:]), a.header[:0]
		}
	}
}

// begin notes when a batch of requests begins, unless one is under way.
func (e *serverEnd) begin(now int64) {
	if !e.measuring {
		e.measuring, e.began = true, now
	}
}

// sends takes note of answers that leave, or would have.
func (e *serverEnd) sends(b []byte) {
	e.reader.read(b, func(status byte) {
		e.answered++
		if int(status) < len(statusLabels) {
			e.conn.node.tally.statuses[statusLabels[status]]++
		}
	})
}

// lastWord allows for what a session says to bytes that are no request, and to one that
// does not arrive: no request is counted for it.
func (e *serverEnd) lastWord(err error) {
	if err == nil || e.failed || errors.Is(err, session.ErrEnded) {
		return
	}
	e.failed = true
	e.answered--
	e.conn.node.tally.statuses[statusLabels[wire.Error]]--
}

// measure ends a batch, as the product's shell does.
func (e *serverEnd) measure(now int64) {
	if e.measuring && e.answered > 0 {
		e.conn.node.tally.batch(now - e.began)
	}
	e.session.Measure(e.began, now)
	e.measuring, e.answered = false, 0
}
