package admin

import (
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
)

// onlyKnownHosts refuses requests whose Host some web page could have chosen.
func (s *Server) onlyKnownHosts(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if !s.config.AnyHost && host != "" && !isLocalhost(host) && net.ParseIP(strings.Trim(host, "[]")) == nil {
			say(w, http.StatusMisdirectedRequest, "reach this listener by localhost or by an IP address")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isLocalhost compares as names are: without case, and with or without the dot
// of the root.
func isLocalhost(host string) bool {
	return strings.EqualFold(strings.TrimSuffix(host, "."), "localhost")
}

// onlySameOrigin refuses what a browser asks for on behalf of another site's page,
// which cannot read the answer but can see how long it takes, and have work done.
// Following a link to the page itself is allowed.
func onlySameOrigin(next http.Handler) http.Handler {
	var protection http.CrossOriginProtection
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked := *r
		if isLink := r.URL.Path == "/" && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"; !isLink {
			// for which the rules hold that are wanted for every method here
			asked.Method = http.MethodPost
		}
		if protection.Check(&asked) != nil {
			say(w, http.StatusForbidden, "other sites may not ask here")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// addProfiles serves Go's profiles. They cost time and show memory, so they ask for
// a POST: no link, picture or script of a page sends one.
func (s *Server) addProfiles(mux *http.ServeMux) {
	add := func(path string, profile http.HandlerFunc) {
		mux.Handle("POST /debug/pprof/"+path, atMost(maxProfiles, s.lasting(profile)))
	}
	add("", pprof.Index)
	add("cmdline", pprof.Cmdline)
	add("profile", pprof.Profile)
	add("symbol", pprof.Symbol)
	add("trace", pprof.Trace)
	mux.HandleFunc("GET /debug/pprof/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", http.MethodPost)
		say(w, http.StatusMethodNotAllowed, "profiles are for POST: curl -X POST -o profile 'http://ADDRESS/debug/pprof/profile?seconds=10' && go tool pprof profile")
	})
}
