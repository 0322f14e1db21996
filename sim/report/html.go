package report

import (
	_ "embed"
	"html/template"
	"io"
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
	marginTop  = 96
	laneHeight = 58
	momentGap  = 26
	shownRows  = 400
)

// drawing is what the page is made of.
type drawing struct {
	*Report
	Title         string
	Width, Height int
	Lanes         []lane
	Instants      []instant
	Calls         []bar
	Marks         []mark
	Rows          []line
	Left          int // of rows that are not shown
}

type lane struct {
	Name string
	Y    int
}

type instant struct {
	X    int
	Text string
}

type bar struct {
	X, Y, Width  int
	Class, Label string
	Short        string // what is asked; empty where there is no room
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
	rows := r.rows()
	d := &drawing{Report: r, Title: "clean run"}
	if f := r.Result.Failure; f != nil {
		d.Title = f.Rule + " broken"
	}
	d.Left = max(0, len(rows)-shownRows)
	rows = rows[d.Left:]
	x := d.place(rows)
	y := map[int]int{}
	names := map[int]string{}
	for i, l := range r.Result.Trace.Lanes {
		y[l.ID], names[l.ID] = marginTop+laneHeight/2+i*laneHeight, l.Name
		d.Lanes = append(d.Lanes, lane{l.Name, y[l.ID]})
	}
	d.Height = marginTop + len(d.Lanes)*laneHeight + 10
	d.bars(x, y)
	for _, row := range rows {
		d.Rows = append(d.Rows, line{row.At.String(), names[row.Lane], class(row), row.Text})
		if !row.Begins && !row.Ends {
			d.Marks = append(d.Marks, mark{x[row.At], y[row.Lane], class(row), row.At.String() + " " + row.Text})
		}
	}
	return page.Execute(w, d)
}

// place gives every instant its place on the axis.
func (d *drawing) place(rows []row) map[time.Duration]int {
	x := map[time.Duration]int{}
	for _, row := range rows {
		if _, ok := x[row.At]; !ok {
			x[row.At] = marginLeft + len(x)*momentGap + momentGap/2
			d.Instants = append(d.Instants, instant{x[row.At], row.At.String()})
		}
	}
	d.Width = marginLeft + (len(x)+4)*momentGap
	return x
}

// bars draws the calls; of those that overlap in one lane, each lies a little
// lower than the one before.
func (d *drawing) bars(x map[time.Duration]int, y map[int]int) {
	busy := map[int][]time.Duration{} // by lane: until when each row is taken
	for _, c := range d.Result.Trace.Calls {
		from, ok := x[c.From]
		to, ends := x[c.To]
		if !ok || !ends {
			continue
		}
		row := 0
		for row < len(busy[c.Lane]) && busy[c.Lane][row] > c.From {
			row++
		}
		if row == len(busy[c.Lane]) {
			busy[c.Lane] = append(busy[c.Lane], 0)
		}
		busy[c.Lane][row] = c.To
		short := ""
		if words := strings.Fields(c.Text); row == 0 && len(words) > 3 {
			short = words[2] + " " + words[3]
		}
		d.Calls = append(d.Calls, bar{
			X: from, Y: y[c.Lane] - 20 + row%4*11, Width: max(to-from, 6),
			Class: "call " + c.Outcome, Label: c.Text + " ⇒ " + c.Outcome, Short: short,
		})
	}
}

func class(r row) string {
	switch {
	case r.Begins || r.Ends:
		return "call"
	case r.Kind == sim.Broken:
		return "broken"
	case r.Kind == sim.Fault:
		return "fault"
	case r.Kind == sim.Executed:
		return "executed"
	}
	return "info"
}
