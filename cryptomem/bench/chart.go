package bench

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strings"
)

// A chart is lines over two axes, drawn as SVG.
type chart struct {
	x, y   axis
	series []series
}

type axis struct {
	label string
	// ticks in order; the axis reaches from the first to the last.
	ticks []tick
	log   bool
}

type tick struct {
	at   float64
	text string
}

type series struct {
	name   string
	points [][2]float64
	// dots marks each point, beside the line through them.
	dots bool
}

// colours are told apart by most people, whatever colours they see.
var colours = [...]string{"#0b62d6", "#e07b00", "#2a8f5c", "#8a4fbf"}

// The size of a chart and its margins, in units of its own.
const (
	chartWidth, chartHeight = 720.0, 320.0
	left, right             = 70.0, 36.0
	top, bottom             = 16.0, 46.0
)

// offset returns how far v is from the start of an axis that is so many units long.
func (a *axis) offset(v, units float64) float64 {
	scale := func(v float64) float64 {
		if a.log {
			return math.Log10(max(v, math.SmallestNonzeroFloat64))
		}
		return v
	}
	from, to := scale(a.ticks[0].at), scale(a.ticks[len(a.ticks)-1].at)
	if to == from {
		return 0
	}
	return min(max((scale(v)-from)/(to-from), 0), 1) * units
}

// at returns where in the picture a point lies.
func (c *chart) at(p [2]float64) (x, y float64) {
	return left + c.x.offset(p[0], chartWidth-left-right), chartHeight - bottom - c.y.offset(p[1], chartHeight-top-bottom)
}

// svg returns the chart as a picture.
func (c *chart) svg() template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, chartWidth, chartHeight, html.EscapeString(c.y.label+" by "+c.x.label))
	for _, t := range c.y.ticks {
		_, y := c.at([2]float64{c.x.ticks[0].at, t.at})
		fmt.Fprintf(&b, `<line class="grid" x1="%g" x2="%g" y1="%.1f" y2="%.1f"/><text class="tick" x="%g" y="%.1f" text-anchor="end">%s</text>`,
			left, chartWidth-right, y, y, left-8, y+4, html.EscapeString(t.text))
	}
	for _, t := range c.x.ticks {
		x, _ := c.at([2]float64{t.at, c.y.ticks[0].at})
		fmt.Fprintf(&b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%g" y2="%g"/><text class="tick" x="%.1f" y="%g" text-anchor="middle">%s</text>`,
			x, x, top, chartHeight-bottom, x, chartHeight-bottom+18, html.EscapeString(t.text))
	}
	fmt.Fprintf(&b, `<text class="label" x="%g" y="%g" text-anchor="middle">%s</text>`, (left+chartWidth-right)/2, chartHeight-6, html.EscapeString(c.x.label))
	fmt.Fprintf(&b, `<text class="label" transform="rotate(-90)" x="%g" y="14" text-anchor="middle">%s</text>`, -(top+chartHeight-bottom)/2, html.EscapeString(c.y.label))
	for i, s := range c.series {
		colour := colours[i%len(colours)]
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="2" points="`, colour)
		for _, p := range s.points {
			x, y := c.at(p)
			fmt.Fprintf(&b, "%.1f,%.1f ", x, y)
		}
		b.WriteString(`"/>`)
		for _, p := range s.points {
			if s.dots {
				x, y := c.at(p)
				fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>`, x, y, colour)
			}
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // every text in it is escaped above
}

// decades returns ticks at powers of ten, which enclose low and high.
func decades(low, high float64, text func(float64) string) (ticks []tick) {
	at := math.Pow(10, math.Floor(math.Log10(max(low, 1e-9))))
	for {
		ticks = append(ticks, tick{at, text(at)})
		if at >= high && len(ticks) > 1 {
			return ticks
		}
		at *= 10
	}
}

// linear returns a handful of round ticks from 0 to high or somewhat beyond.
func linear(high float64, text func(float64) string) (ticks []tick) {
	step := math.Pow(10, math.Floor(math.Log10(max(high, 1e-9))))
	for high/step < 4 {
		step /= 2
	}
	for i := 0; ; i++ {
		at := float64(i) * step
		ticks = append(ticks, tick{at, text(at)})
		if at >= high && i > 0 {
			return ticks
		}
	}
}
