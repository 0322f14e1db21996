// Package admin lets people and machines look into a running server over HTTP:
//
//	/              a page that shows what the server does, live
//	/healthz       200 as long as the process answers
//	/readyz        200 when clients should be sent here, else 503 and why
//	/metrics       for Prometheus
//	/stats         a stats.Report as JSON
//	/debug/pprof/  Go's profiles, where allowed, for POST
//
// Health checks are answered whatever else is asked, and also when the process has
// used up its file descriptors. Nothing here changes the server, shows a value, or
// shows a key unless the
// server records keys. There is no password: the listener belongs on loopback
// or where only those who may see it can reach it. Requests that name a host
// other than localhost or an IP address are refused unless the configuration
// says otherwise, so that no web page can reach a loopback listener by a name of
// its own (DNS rebinding), and so are those that a browser makes for another site.
package admin

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cryptomem/server/stats"
)

// Config says what is shown. Report or Subject must be set.
type Config struct {
	// Report of a server; called once a second, and for every scrape.
	Report func() *stats.Report
	// Subject in place of Report, something else than a server.
	Subject *Subject
	// Why clients should not be sent here; nil means they always may.
	Ready func() error
	// Whether requests under any host name are answered: for a listener that is not on loopback.
	AnyHost bool
	// Whether profiles are served.
	Pprof bool
	// Default: the real one.
	Clock clock.Clock
	// Default: none.
	Logger *slog.Logger
}

// A Server serves the admin pages. Close ends it.
type Server struct {
	config  Config
	http    http.Server
	feed    *feed
	limiter *connLimiter
}

// New returns a Server that has begun to take samples for the page.
func New(c Config) *Server {
	if c.Clock == nil {
		c.Clock = clock.New() //nolint:forbidigo // the default
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Subject == nil {
		c.Subject = ofServer(c.Report)
	}
	s := &Server{config: c, feed: newFeed(c.Subject, c.Clock), limiter: newConnLimiter(c.Clock)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /readyz", s.ready)
	others := http.NewServeMux()
	others.HandleFunc("GET /stats", s.stats)
	others.Handle("GET /metrics", metricsHandler(c.Subject.Metrics))
	others.Handle("GET /", pageHandler(s.feed, c.Subject.Page))
	mux.Handle("/", atMost(maxOthers, others))
	mux.Handle("GET /events", atMost(MaxStreams, s.lasting(s.feed)))
	if c.Pprof {
		s.addProfiles(mux)
	}
	s.http = http.Server{
		Handler:           attended(s.onlyKnownHosts(onlySameOrigin(mux))),
		ConnContext:       withConn,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		MaxHeaderBytes:    headerSize,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(c.Logger.Handler(), slog.LevelDebug),
	}
	return s
}

// Handler returns what Serve serves.
func (s *Server) Handler() http.Handler { return s.http.Handler }

// Serve serves connections from l, which it closes, until Close; then it
// returns http.ErrServerClosed. It may be called for several listeners.
func (s *Server) Serve(l net.Listener) error {
	return s.http.Serve(s.limiter.limit(l))
}

// Close stops listening and ends what is under way.
func (s *Server) Close() error {
	s.feed.close()
	defer s.limiter.spares.close()
	return s.http.Close()
}

func (s *Server) health(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") }

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	if s.config.Ready != nil {
		if err := s.config.Ready(); err != nil {
			say(w, http.StatusServiceUnavailable, err.Error())
			return
		}
	}
	say(w, http.StatusOK, "ready")
}

func (s *Server) stats(w http.ResponseWriter, r *http.Request) {
	text, err := json.MarshalIndent(s.config.Subject.Report(), "", "  ")
	if err != nil {
		s.config.Logger.ErrorContext(r.Context(), "statistics", "error", err)
		say(w, http.StatusInternalServerError, "statistics cannot be written, see the log")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	// a client that has gone needs no answer
	_, _ = w.Write(append(text, '\n'))
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	// a client that has gone needs no answer
	_, _ = io.WriteString(w, text+"\n")
}

// IsClosed reports whether err is what Serve returns after Close.
func IsClosed(err error) bool { return errors.Is(err, http.ErrServerClosed) }
