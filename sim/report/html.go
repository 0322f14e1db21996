package report

import (
	_ "embed"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/Zezezknight/cryptomem/sim"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// Sizes of the picture, in pixels.
const (
	marginLeft = 90
	marginTop  = 78 // of which the labels of time take nearly all
	laneHead   = 30 // of a lane: its name, and its marks
	laneFoot   = 8
	callHeight = 17
	momentGap  = 34
	letter     = 6 // how wide one is, in a bar
)

// shownRows is how many moments a page shows: the last ones, with which a run
// broke its rule, or the first ones of a clean run.
const shownRows = 1000

// drawing is what the page is made of.
type drawing struct {
	*Report
	Title         string
	Width, Height int
	// Of the lanes.
	Top, End int
	Lanes    []lane
	Instants []instant
	Calls    []bar
	Marks    []mark
	Rows     []line
	// Moments that are not shown.
	Earlier, Further int

	x map[time.Duration]int
	// That are shown.
	first, last time.Duration
}

type lane struct {
	Name string
	// Y of its line, on which its marks lie.
	Y int
}

type instant struct {
	X    int
	Text string
	// And the rule was broken at it.
	Last bool
}

type bar struct {
	X, Y, Width, Height int
	Class, Label        string
	// What is asked, as far as there is room.
	Short string
}

type mark struct {
	X, Y         int
	Class, Label string
}

type line struct{ At, Lane, Class, Text string }

// HTML writes the report as one page without anything outside it. Time runs to
// the right; instants at which nothing happens are left out, so the distance
// between two says nothing, their labels do.
func (r *Report) HTML(w io.Writer) error {
	d := &drawing{Report: r, Title: "clean run", Top: marginTop}
	rows := r.rows()
	if f := r.Result.Failure; f != nil {
		d.Title = f.Rule + " broken"
		d.Earlier = max(0, len(rows)-shownRows)
	} else {
		d.Further = max(0, len(rows)-shownRows)
	}
	rows = rows[d.Earlier : len(rows)-d.Further]
	d.place(rows)
	y, names := map[int]int{}, map[int]string{}
	top := marginTop
	for _, l := range r.Result.Trace.Lanes {
		y[l.ID], names[l.ID] = top+laneHead-10, l.Name
		d.Lanes = append(d.Lanes, lane{l.Name, y[l.ID]})
		top += laneHead + d.bars(l.ID, top+laneHead)*callHeight + laneFoot
	}
	d.End, d.Height = top, top+8
	for _, row := range rows {
		d.Rows = append(d.Rows, line{row.At.String(), names[row.Lane], class(row), row.Text})
		if !row.Begins && !row.Ends {
			d.Marks = append(d.Marks, mark{d.x[row.At], y[row.Lane], class(row), row.At.String() + " " + row.Text})
		}
	}
	return page.Execute(w, d)
}

// Lasted is the run's virtual time.
func (r *Report) Lasted() string { return rounded(r.Result.Trace.Ends) }

// place gives every instant its place on the axis.
func (d *drawing) place(rows []row) {
	d.x = map[time.Duration]int{}
	for _, row := range rows {
		if _, ok := d.x[row.At]; ok {
			d.Instants[len(d.Instants)-1].Last = row.Kind == sim.Broken
			continue
		}
		x := marginLeft + len(d.x)*momentGap + momentGap/2
		text := rounded(row.At)
		if len(d.x) > 0 && text == rounded(d.last) {
			// what is rounded away is what counts
			text = "+" + rounded(row.At-d.last)
		}
		d.Instants = append(d.Instants, instant{x, text, row.Kind == sim.Broken})
		if len(d.x) == 0 {
			d.first = row.At
		}
		d.x[row.At], d.last = x, row.At
	}
	d.Width = marginLeft + (len(d.x)+2)*momentGap
}

// rounded writes a time with four digits at most.
func rounded(t time.Duration) string {
	unit := time.Duration(1)
	for t/unit >= 10_000 {
		unit *= 10
	}
	return t.Round(unit).String()
}

// bars draws the calls of a lane, from top on, and returns how many rows they
// need for none to lie over another.
func (d *drawing) bars(id, top int) int {
	var busy []int // until where each row is taken
	calls := slices.Clone(d.Result.Trace.Calls)
	slices.SortStableFunc(calls, func(a, b sim.TraceCall) int { return int(a.From - b.From) })
	for _, c := range calls {
		if c.Lane != id || c.To < d.first || c.From > d.last {
			continue
		}
		from, to := marginLeft, d.Width
		if x, ok := d.x[c.From]; ok {
			from = x
		}
		if x, ok := d.x[c.To]; ok && c.Outcome != "" {
			to = x
		}
		b := bar{X: from, Width: max(to-from-2, 6), Height: callHeight - 3, Class: "call " + c.Outcome, Label: c.Text + " ⇒ " + c.Outcome}
		switch {
		case c.Broke:
			b.Class = "call broke"
		case c.Outcome == "":
			b.Class, b.Label = "call open", c.Text+", and the run ended first"
		}
		row := slices.IndexFunc(busy, func(until int) bool { return until <= from })
		if row < 0 {
			row = len(busy)
			busy = append(busy, 0)
		}
		busy[row] = max(to, from+b.Width)
		b.Y = top + row*callHeight
		b.Short = fit(c.Text, (b.Width-8)/letter)
		d.Calls = append(d.Calls, b)
	}
	return len(busy)
}

// fit returns as much of a call, without its time and its client, as there is
// room for: with its key, its verb alone, or nothing.
func fit(text string, letters int) string {
	words := strings.Fields(text)
	for n := min(len(words), 4); n > 2; n-- {
		if short := strings.Join(words[2:n], " "); len([]rune(short)) <= letters {
			return short
		}
	}
	return ""
}

func class(r row) string {
	switch {
	case r.Broke, r.Kind == sim.Broken:
		return "broken"
	case r.Begins || r.Ends:
		return "call"
	case r.Kind == sim.Fault:
		return "fault"
	case r.Kind == sim.Executed:
		return "executed"
	}
	return "info"
}
