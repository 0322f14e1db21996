package admin

import (
	"io/fs"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/Zezezknight/cryptomem/cryptomem/server/stats"
)

// A Subject is what is looked at, and how it is shown. Report must be set.
type Subject struct {
	// Report returns everything that is known, as encoding/json can marshal it.
	// It is called once a second.
	Report func() any
	// Past returns what the page is to remember of a report; nil means all.
	Past func(report any) any
	// Metrics are added to the server's own; nil adds none.
	Metrics prometheus.Collector
	// Page has the files of the page, index.html first. Those that it lacks are
	// the ones of a server's page, which others draw with.
	Page fs.FS
}

// ofServer is a server seen through its reports.
func ofServer(report func() *stats.Report) *Subject {
	return &Subject{
		Report: func() any { return report() },
		Past: func(r any) any {
			past := *r.(*stats.Report)
			// only the latest are shown
			past.Server.Slowest, past.Server.Largest = nil, nil
			return past
		},
		Metrics: collector{report},
	}
}
