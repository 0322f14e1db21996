package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem/bench"
)

// What --short makes of the table.
const (
	shortDuration = 300 * time.Millisecond
	shortWarmup   = 100 * time.Millisecond
)

// runTable measures every shape of the table, or those of --rows.
func (f *benchFlags) runTable(ctx context.Context, c *console, fs *pflag.FlagSet) error {
	if err := f.startsServers(fs); err != nil {
		return err
	}
	if f.short {
		f.duration, f.warmup = durationFlag(shortDuration), durationFlag(shortWarmup)
		f.rounds = 1
	}
	shapes, err := f.shapes()
	if err != nil {
		return err
	}
	var rows []bench.Row
	measured := map[string]*bench.Comparison{}
	for i := range shapes {
		s := &shapes[i]
		if measured[s.Name], err = f.compareServers(ctx, c, s, f.rounds); err != nil {
			return errors.Join(bench.WriteRows(c.err, rows), fmt.Errorf("%s: %w", s.Name, err)) // what there is took minutes
		}
		rows = append(rows, s.Rows(measured[s.Name])...)
	}
	if row, ok := bench.Growth(measured); ok {
		rows = append(rows, row)
	}
	report := &bench.Page{Title: "cryptomem beside memcached and Redis, by shape of load"}
	if f.trace != "" {
		f.drawn = true
		if report.Curves, err = f.replay(ctx, c); err != nil {
			return err
		}
		rows = append(rows, bench.HitRows(report.Curves)...)
	}
	report.Rows = rows
	if len(shapes) > 0 {
		report.Runs = runsOf(measured[shapes[0].Name])
	}
	if err := f.writeReport(c, report); err != nil {
		return err
	}
	if f.json {
		return json.NewEncoder(c.out).Encode(rows)
	}
	return bench.WriteRows(c.out, rows)
}

// shapes returns those that --rows names, or all: without the long ones if it is
// to be short.
func (f *benchFlags) shapes() (chosen []bench.Shape, err error) {
	wanted := map[string]bool{}
	for _, name := range f.rows {
		wanted[name] = true
	}
	var names []string
	for _, s := range bench.Shapes() {
		names = append(names, s.Name)
		if wanted[s.Name] || len(f.rows) == 0 && (!f.short || !s.Long) {
			chosen = append(chosen, s)
		}
		delete(wanted, s.Name)
	}
	for name := range wanted {
		if name != "none" {
			return nil, usageError(fmt.Sprintf("--rows names %q, there are %s, and none", name, strings.Join(names, ", ")))
		}
	}
	return chosen, nil
}

// writeReport writes the page of --report, if that is asked for.
func (f *benchFlags) writeReport(c *console, r *bench.Page) error {
	if f.report == "" {
		return nil
	}
	r.Machine = fmt.Sprintf("%s/%s, %d processors, Go %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), strings.TrimPrefix(runtime.Version(), "go"))
	r.Command = f.command
	file, err := os.Create(f.report)
	if err != nil {
		return err
	}
	if err := r.WriteHTML(file); err != nil {
		// the first error counts
		_ = file.Close()
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.err, "report: %s\n", f.report)
	return err
}
