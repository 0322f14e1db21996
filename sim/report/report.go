// Package report shows a person what happened in a run of the simulator: as
// text with a lane for every participant, and as a page to open in a browser.
package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/Zezezknight/cryptomem/sim"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// A Report is a run that failed, and how to see it again.
type Report struct {
	// Minimised, or as it was.
	Script *script.Script
	Result *sim.Result // recorded
	// Seed that the script was drawn from.
	Seed uint64
	// File that it was read from, if it was.
	File string
	// Actions before it was minimised.
	Whole int
	// The command that runs it again.
	Replay string
}

// row is one moment of a run: a mark, or a call's beginning or end.
type row struct {
	At   time.Duration
	Lane int
	Text string
	Kind sim.MarkKind
	// A call.
	Begins bool
	// A call.
	Ends bool
	// A rule, by how the call ended.
	Broke bool
}

// rows are all moments in order of time.
func (r *Report) rows() []row {
	t := r.Result.Trace
	var all []row
	for _, m := range t.Marks {
		all = append(all, row{At: m.At, Lane: m.Lane, Text: m.Text, Kind: m.Kind})
	}
	for _, c := range t.Calls {
		text := c.Text
		if _, after, ok := strings.Cut(text, " "); ok {
			// without the time, which has a column of its own
			text = after
		}
		all = append(all, row{At: c.From, Lane: c.Lane, Text: text, Begins: true})
		if c.Outcome != "" {
			all = append(all, row{At: c.To, Lane: c.Lane, Text: text + " ⇒ " + c.Outcome, Ends: true, Broke: c.Broke})
		}
	}
	// Within an instant: beginnings, what the server did, endings, the verdict.
	order := func(r row) int {
		switch {
		case r.Kind == sim.Broken:
			return 3
		case r.Begins:
			return 0
		case r.Ends:
			return 2
		}
		return 1
	}
	slices.SortStableFunc(all, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(order(a), order(b)))
	})
	return all
}

// Origin says where the script comes from.
func (r *Report) Origin() string {
	if r.File != "" {
		return r.File
	}
	return fmt.Sprintf("seed %d", r.Seed)
}

// Size says how long the script is.
func (r *Report) Size() string {
	if now := len(r.Script.Actions); now == r.Whole || r.Whole == 0 {
		return Count(now, "action")
	}
	return fmt.Sprintf("%d of %s", len(r.Script.Actions), Count(r.Whole, "action"))
}

// Count writes how many there are of something: 1 run, 2 runs.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// lastMoments is how many moments the text shows.
const lastMoments = 60

// Text returns the report for a terminal.
func (r *Report) Text() string {
	var b strings.Builder
	f := r.Result.Failure
	fmt.Fprintf(&b, "%v\n\n%s, %s", f, r.Origin(), r.Size())
	fmt.Fprintf(&b, "\nreplay: %s\n\n%s\n", r.Replay, r.Script)
	r.lanes(&b)
	return b.String()
}

// lanes draws the last moments, a column for each participant: ┬ where a call
// begins, │ while it waits, ┴ where it ends, × for a fault.
func (r *Report) lanes(b *strings.Builder) {
	t, rows := r.Result.Trace, r.rows()
	column := map[int]int{}
	fmt.Fprintf(b, "%14s ", "")
	for i, l := range t.Lanes {
		column[l.ID] = i
		fmt.Fprintf(b, "%-7s", l.Name)
	}
	b.WriteString("\n")
	open := make([]int, len(t.Lanes))
	first := max(0, len(rows)-lastMoments)
	for i, row := range rows {
		at := column[row.Lane]
		if i >= first {
			fmt.Fprintf(b, "%14v ", row.At)
			for l := range t.Lanes {
				fmt.Fprintf(b, "%-7s", glyph(row, l == at, open[l] > 0))
			}
			b.WriteString(row.Text + "\n")
		}
		if row.Begins {
			open[at]++
		} else if row.Ends {
			open[at]--
		}
	}
}

func glyph(r row, mine, waiting bool) string {
	switch {
	case mine && r.Kind == sim.Broken:
		return "✗✗✗"
	case mine && r.Kind == sim.Fault:
		return "×"
	case mine && r.Kind == sim.Executed:
		return "●"
	case mine && r.Begins:
		return "┬"
	case mine && r.Ends:
		return "┴"
	case waiting:
		return "│"
	}
	return "·"
}
