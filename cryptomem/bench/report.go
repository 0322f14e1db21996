package bench

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strconv"
	"time"
)

// A Page is a report for people to look at. What is empty is left out.
type Page struct {
	Title string
	// Machine is what it was measured on.
	Machine string
	// Command is the command line that measures it again.
	Command string
	// One load on each of several servers.
	Runs []NamedResult
	// Rows of the table of shapes.
	Rows []Row
	// Hit ratios by memory.
	Curves []ReplayCurve
}

// A NamedResult is a server's result.
type NamedResult struct {
	Server string
	Result *Result
}

//go:embed report.html
var reportFiles embed.FS

var reportPage = template.Must(template.New("report.html").Funcs(template.FuncMap{
	"colour":  func(i int) string { return colours[i%len(colours)] },
	"latency": formatLatency,
	"count":   formatCount,
	"mib":     formatMiB,
	"ratio":   func(r float64) string { return strconv.FormatFloat(r, 'f', 3, 64) },
}).ParseFS(reportFiles, "report.html"))

// WriteHTML writes the report as one page that needs nothing else: no script, no
// font, no picture from elsewhere.
func (r *Page) WriteHTML(w io.Writer) error {
	return reportPage.Execute(w, struct {
		*Page
		Latency, Throughput, HitRatio, ByteRatio template.HTML
		Bars                                     []rowBars
	}{r, r.latency(), r.throughput(), r.hitRatio("hit ratio", Hits.Ratio), r.hitRatio("byte hit ratio", Hits.ByteRatio), r.bars()})
}

// latency draws latencies by percentile; each nine more is as wide as the last.
func (r *Page) latency() template.HTML {
	if len(r.Runs) == 0 {
		return ""
	}
	low, high, nines := math.Inf(1), 0.0, 1.0
	c := chart{x: axis{label: "percentile"}, y: axis{label: "latency", log: true}}
	for _, run := range r.Runs {
		s := series{name: run.Server}
		for _, p := range run.Result.Percentiles {
			x, y := -math.Log10(1-p.Percent/100), float64(p.Latency)
			s.points = append(s.points, [2]float64{x, y})
			low, high, nines = min(low, y), max(high, y), max(nines, x)
		}
		c.series = append(c.series, s)
	}
	c.x.ticks = append(c.x.ticks, tick{0, "0"})
	for i := 1; float64(i) < nines; i++ {
		c.x.ticks = append(c.x.ticks, tick{float64(i), "p" + strconv.FormatFloat(100-100*math.Pow(10, -float64(i)), 'f', max(i-2, 0), 64)})
	}
	c.x.ticks = append(c.x.ticks, tick{nines, ""})
	c.y.ticks = decades(low, high, func(v float64) string { return formatLatency(time.Duration(v)) })
	return c.svg()
}

// throughput draws answers a second over the run.
func (r *Page) throughput() template.HTML {
	if len(r.Runs) == 0 {
		return ""
	}
	c := chart{x: axis{label: "seconds into the run"}, y: axis{label: "requests a second"}}
	highest, longest := 0.0, 0.0
	for _, run := range r.Runs {
		s := series{name: run.Server}
		// the last moment may be cut short
		whole := int(run.Result.Elapsed / moment)
		for i, n := range run.Result.Timeline[:min(whole, len(run.Result.Timeline))] {
			x, y := (float64(i)+0.5)*moment/1e9, float64(n)*1e9/moment
			s.points = append(s.points, [2]float64{x, y})
			highest, longest = max(highest, y), max(longest, x)
		}
		c.series = append(c.series, s)
	}
	c.x.ticks = linear(longest, func(v float64) string { return strconv.FormatFloat(v, 'g', 3, 64) })
	c.y.ticks = linear(highest, formatCount)
	return c.svg()
}

// hitRatio draws a ratio over the memory that servers had.
func (r *Page) hitRatio(label string, ratio func(Hits) float64) template.HTML {
	if len(r.Curves) == 0 {
		return ""
	}
	c := chart{x: axis{label: "memory limit", log: true}, y: axis{label: label}}
	highest := 0.0
	for _, curve := range r.Curves {
		s := series{name: curve.Server, dots: true}
		for _, p := range curve.Points {
			y := ratio(p.Hits)
			s.points = append(s.points, [2]float64{float64(p.Limit), y})
			highest = max(highest, y)
		}
		c.series = append(c.series, s)
	}
	for _, p := range r.Curves[0].Points {
		c.x.ticks = append(c.x.ticks, tick{float64(p.Limit), formatMiB(p.Limit)})
	}
	c.y.ticks = linear(highest, func(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) })
	return c.svg()
}

// rowBars is a row of the table as bars: how much of its target it is.
type rowBars struct {
	Row
	// Of the bar and of the target, in hundredths.
	Width, Mark float64
	Met         bool
	Figure      string
}

func (r *Page) bars() (bars []rowBars) {
	const widest = 2.5 // of the target
	for _, row := range r.Rows {
		if row.Target == 0 {
			continue
		}
		bars = append(bars, rowBars{
			Row: row, Met: row.Met(), Figure: fmt.Sprintf("%.2f", row.Value),
			Width: min(row.Value/row.Target, widest) / widest * 100, Mark: 100 / widest,
		})
	}
	return bars
}
