// Package panel shows what a proxy does: as metrics, as JSON, and as a page.
//
//	admin.New(admin.Config{Subject: panel.Subject(report)})
package panel

import (
	"embed"
	"io/fs"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/keyspace"
	"github.com/Zezezknight/cryptomem/cryptomem/server/admin"
	"github.com/Zezezknight/cryptomem/cryptomem/server/stats"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/transport/serve"
)

// A Report is the state of one proxy.
type Report struct {
	About      stats.About   `json:"about"`
	Proxy      proxy.Stats   `json:"proxy"`
	Upstream   Upstream      `json:"upstream"`
	Connection Connections   `json:"connections"`
	Process    stats.Process `json:"process"`
}

// Upstream is what a proxy knows of where it keeps values.
type Upstream struct {
	Addr string `json:"addr"`
	// Whether it has not been asked yet if it answers.
	Starting bool `json:"starting,omitempty"`
	// Why it is not ready, empty if it is.
	Problem string `json:"problem,omitempty"`
	keyspace.MeterStats
	// Near is nil without a near cache.
	Near *valkeystore.NearStats `json:"near,omitempty"`
}

// Connections is what a proxy's server knows of its clients.
type Connections struct {
	Open     int    `json:"open"`
	Max      int    `json:"max"`
	Accepted uint64 `json:"accepted"`
	// Over max_connections.
	Refused uint64 `json:"refused"`
	// TimedOut that waited for the rest of a command, for answers to be read, or for the password.
	TimedOut uint64 `json:"timed_out"`
	// Closed for silence.
	Idle     uint64 `json:"idle"`
	Received int64  `json:"bytes_received"`
	Sent     int64  `json:"bytes_sent"`
}

// ConnectionsOf picks what is told of connections.
func ConnectionsOf(s serve.ServerStats) Connections {
	return Connections{
		Open: s.Connections, Max: s.MaxConnections, Accepted: s.Accepted, Refused: s.Refused,
		TimedOut: s.FrameTimeouts + s.WriteTimeouts + s.AuthTimeouts + s.HandshakeTimeouts, Idle: s.IdleTimeouts,
		Received: s.BytesReceived, Sent: s.BytesSent,
	}
}

//go:embed page
var pageFiles embed.FS

// Subject returns a proxy as an admin listener shows it. The report is asked for
// once a second.
func Subject(report func() *Report) *admin.Subject {
	page, err := fs.Sub(pageFiles, "page")
	if err != nil {
		// unreachable: the directory is compiled in
		panic(err)
	}
	return &admin.Subject{Report: func() any { return report() }, Metrics: collector{report}, Page: page}
}
