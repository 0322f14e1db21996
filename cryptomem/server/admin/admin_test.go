package admin_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
	"github.com/Zezezknight/cryptomem/cryptomem/server/admin"
	"github.com/Zezezknight/cryptomem/cryptomem/server/snapshot"
	"github.com/Zezezknight/cryptomem/cryptomem/server/stats"
	"github.com/Zezezknight/cryptomem/transport/serve"
	"github.com/Zezezknight/cryptomem/transport/session"
)

// patience is how long a busy machine may take for what is quick.
const patience = time.Minute

// example is a server that answers 1,000 requests a second.
type example struct {
	clk     *clock.Mock
	started time.Time
	reports atomic.Int64 // how often it was asked
}

func newExample(clk *clock.Mock) *example { return &example{clk: clk, started: clk.Now()} }

// tick lets seconds pass, each of them seen by the feed.
func (e *example) tick(seconds int) {
	GinkgoHelper()
	for range seconds {
		before := e.reports.Load()
		e.clk.Add(time.Second)
		Eventually(e.reports.Load, patience, time.Millisecond).Should(BeNumerically(">", before))
	}
}

func (e *example) report() *stats.Report {
	e.reports.Add(1)
	n := uint64(e.clk.Since(e.started)/time.Second) + 2
	r := &stats.Report{
		About: stats.About{
			Version: "v1.2.3", Addr: []string{"localhost:8080"}, Started: e.started, Now: e.clk.Now(),
		},
		Server: serve.ServerStats{
			Connections: 24, MaxConnections: 16384, Accepted: 100 + n, Refused: 3, Handshakes: 5, HandshakeTimeouts: 4, BytesReceived: int64(40_000 * n), BytesSent: int64(90_000 * n),
			RequestStats: session.RequestStats{
				Requests: []session.RequestCount{
					{Command: "SET", Status: "ok", Count: 200 * n},
					{Command: "GET", Status: "ok", Count: 600 * n},
					{Command: "GET", Status: "not_found", Count: 199 * n},
					{Command: "GET", Status: "error", Count: n},
				},
				Batches: []session.BatchLatency{{Command: "GET", Counts: make([]uint64, 26), Sum: time.Duration(n) * time.Millisecond}},
				Slowest: []session.BatchRecord{{Command: "GET", Key: "user:17", Requests: 3, Largest: 700, Bytes: 900, Took: 12 * time.Millisecond, Ago: 5 * time.Second}},
				Largest: []session.BatchRecord{{Command: "SET", Requests: 1, Largest: 1 << 20, Bytes: 1 << 20, Took: time.Millisecond, Ago: time.Second}},
			},
		},
		Process:    stats.Process{Resident: 300 << 20, Heap: 10 << 20, CPU: time.Duration(n) * 100 * time.Millisecond, Goroutines: 30},
		Snapshot:   &snapshot.Status{Saves: 4, Saved: e.started, Items: 1000, Bytes: 5 << 20},
		Identities: []access.Use{{Identity: "web", Connections: 20, Requests: 900 * n, Denied: 2, Memory: 100 << 20, MaxMemory: 128 << 20, MemoryRefused: 3}},
	}
	r.Server.Batches[0].Counts[3] = 500 * n
	c := &r.Cache
	c.Items, c.Bytes, c.MaxMemory = 1_234_567, 200<<20, 512<<20
	c.Memory.Records, c.Memory.Large, c.Memory.Index, c.Memory.Free, c.Memory.Transit = 192<<20, 32<<20, 16<<20, 16<<20, 8<<20
	c.Memory.Total = 256 << 20
	c.Hits, c.Misses, c.Sets, c.Expired, c.Evicted = 600*n, 200*n, 200*n, 50*n, 7*n
	c.TTL[3], c.TTL[10] = 1_200_000, 34_567
	return r
}

var _ = Describe("The admin listener", func() {
	var (
		clk    *clock.Mock
		source *example
		config admin.Config
	)
	BeforeEach(func() {
		clk = clock.NewMock()
		clk.Set(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
		source = newExample(clk)
		config = admin.Config{Report: source.report, Clock: clk}
	})
	start := func() *admin.Server {
		s := admin.New(config)
		DeferCleanup(s.Close)
		return s
	}
	get := func(url string) *http.Response {
		GinkgoHelper()
		w := httptest.NewRecorder()
		start().Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, url, nil))
		return w.Result()
	}
	body := func(r *http.Response) string {
		GinkgoHelper()
		text, err := io.ReadAll(r.Body)
		Expect(err).NotTo(HaveOccurred())
		return string(text)
	}

	It("says whether the process is alive, and whether it is ready for clients", func() {
		Expect(get("http://localhost/healthz")).To(HaveHTTPStatus(http.StatusOK))
		Expect(get("http://localhost/readyz")).To(HaveHTTPStatus(http.StatusOK))
		config.Ready = func() error { return errors.New("loading the snapshot") }
		Expect(get("http://localhost/healthz")).To(HaveHTTPStatus(http.StatusOK))
		r := get("http://localhost/readyz")
		Expect(r).To(HaveHTTPStatus(http.StatusServiceUnavailable))
		Expect(body(r)).To(Equal("loading the snapshot\n"))
	})

	It("answers only under host names that another site's page cannot use", func() {
		for _, host := range []string{"localhost:8081", "127.0.0.1:8081", "[::1]:8081", "10.1.2.3", "LOCALHOST:8081", "Localhost", "localhost.", "localhost.:8081"} {
			Expect(get("http://"+host+"/healthz")).To(HaveHTTPStatus(http.StatusOK), host)
		}
		for _, host := range []string{"evil.example", "localhost.evil.example:8081", "localhost..", "127.0.0.1.evil.example"} {
			Expect(get("http://"+host+"/stats")).To(HaveHTTPStatus(http.StatusMisdirectedRequest), host)
		}
		config.AnyHost = true
		Expect(get("http://cache-7.internal:8081/healthz")).To(HaveHTTPStatus(http.StatusOK))
	})

	It("writes the report as JSON that reads back the same", func() {
		r := get("http://localhost/stats")
		Expect(r).To(HaveHTTPHeaderWithValue("Content-Type", "application/json"))
		var got stats.Report
		Expect(json.Unmarshal([]byte(body(r)), &got)).To(Succeed())
		Expect(&got).To(Equal(source.report()))
	})

	It("serves profiles only if it was told to", func() {
		Expect(get("http://localhost/debug/pprof/goroutine?debug=1")).To(HaveHTTPStatus(http.StatusNotFound))
		config.Pprof = true
		for path, text := range map[string]string{"": "goroutine", "goroutine?debug=1": "goroutine profile:", "cmdline": os.Args[0]} {
			w := httptest.NewRecorder()
			start().Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "http://localhost/debug/pprof/"+path, nil))
			Expect(body(w.Result())).To(ContainSubstring(text))
		}
	})

	It("serves profiles only for a deliberate request", func() {
		config.Pprof = true
		for _, path := range []string{"", "goroutine", "cmdline", "profile", "trace", "symbol"} {
			r := get("http://localhost/debug/pprof/" + path)
			Expect(r).To(HaveHTTPStatus(http.StatusMethodNotAllowed), path)
			Expect(body(r)).To(ContainSubstring("curl -X POST"))
		}
	})

	DescribeTable("answers nothing that a browser asks for another site's page",
		func(method, path string, header http.Header, status int) {
			config.Pprof = true
			w := httptest.NewRecorder()
			r := httptest.NewRequest(method, "http://localhost:8081"+path, nil)
			r.Header = header
			start().Handler().ServeHTTP(w, r)
			Expect(w.Code).To(Equal(status))
		},
		Entry("a picture", "GET", "/healthz", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"no-cors"}, "Sec-Fetch-Dest": {"image"}}, 403),
		Entry("a script", "GET", "/stats", http.Header{"Sec-Fetch-Site": {"same-site"}, "Sec-Fetch-Mode": {"no-cors"}}, 403),
		Entry("the live feed", "GET", "/events", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"http://evil.example"}}, 403),
		Entry("the live feed, by an old browser", "GET", "/events", http.Header{"Origin": {"http://evil.example"}}, 403),
		Entry("a port of this machine's", "GET", "/metrics", http.Header{"Sec-Fetch-Site": {"same-site"}, "Origin": {"http://localhost:3000"}}, 403),
		Entry("a trace", "POST", "/debug/pprof/trace", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403),
		Entry("a trace, by an old browser", "POST", "/debug/pprof/trace", http.Header{"Origin": {"http://evil.example"}}, 403),
		Entry("a trace, from a sandbox", "POST", "/debug/pprof/trace", http.Header{"Origin": {"null"}}, 403),
		Entry("a frame", "GET", "/", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"iframe"}}, 403),
		Entry("a link to a trace", "GET", "/stats", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}}, 403),
		Entry("but a link to the page", "GET", "/", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}}, 200),
		Entry("and for the page itself", "GET", "/stats", http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {"http://localhost:8081"}}, 200),
		Entry("and what a person types", "GET", "/stats", http.Header{"Sec-Fetch-Site": {"none"}}, 200),
		Entry("and what a program asks", "GET", "/metrics", http.Header{}, 200),
	)

	It("allows no changes", func() {
		for _, path := range []string{"/", "/stats", "/metrics", "/healthz", "/events"} {
			w := httptest.NewRecorder()
			start().Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "http://localhost"+path, strings.NewReader("x")))
			Expect(w.Code).To(Equal(http.StatusMethodNotAllowed), path)
		}
	})

	It("lets the page load nothing but its own files", func() {
		r := get("http://localhost/")
		Expect(r.Header.Get("Content-Security-Policy")).To(ContainSubstring("default-src 'none'"))
		Expect(body(r)).NotTo(MatchRegexp(`(src|href)="(https?:)?//`))
		for _, file := range []string{"page.css", "page.js", "chart.js", "format.js", "rates.js", "mark.svg"} {
			r := get("http://localhost/" + file)
			Expect(r).To(HaveHTTPStatus(http.StatusOK), file)
			Expect(strings.ReplaceAll(body(r), "http://www.w3.org/2000/svg", "")).NotTo(ContainSubstring("://"), file)
		}
	})

	It("serves the page with what it knows, so that there is something to see at once", func() {
		_, rest, found := strings.Cut(body(get("http://localhost/")), `<script type="application/json" id="known">`)
		Expect(found).To(BeTrue())
		text, _, found := strings.Cut(rest, "</script>")
		Expect(found).To(BeTrue())
		var known struct {
			History []stats.Report
			Latest  stats.Report
		}
		Expect(json.Unmarshal([]byte(text), &known)).To(Succeed())
		Expect(known.History).To(HaveLen(1))
		Expect(known.Latest.About.Version).To(Equal("v1.2.3"))
		Expect(known.Latest.Server.Slowest).NotTo(BeEmpty())
	})

	It("sends what it remembers and then each new sample, until it is closed", func(ctx context.Context) {
		s := admin.New(config)
		h := httptest.NewServer(s.Handler())
		defer h.Close()
		source.tick(3)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL+"/events", nil)
		Expect(err).NotTo(HaveOccurred())
		r, err := http.DefaultClient.Do(req)
		Expect(err).NotTo(HaveOccurred())
		defer r.Body.Close() //nolint:errcheck // read to its end
		Expect(r).To(HaveHTTPHeaderWithValue("Content-Type", "text/event-stream"))
		lines := bufio.NewScanner(r.Body)
		lines.Buffer(nil, 1<<20)
		event := func() (name, data string) {
			GinkgoHelper()
			for lines.Scan() && lines.Text() != "" {
				if v, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
					name = v
				}
				if v, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
					data = v
				}
			}
			return name, data
		}
		sample := func(data string) (r stats.Report) {
			GinkgoHelper()
			Expect(json.Unmarshal([]byte(data), &r)).To(Succeed())
			return r
		}
		name, data := event()
		Expect(name).To(Equal("history"))
		var history []stats.Report
		Expect(json.Unmarshal([]byte(data), &history)).To(Succeed())
		Expect(history).To(HaveLen(4))
		Expect(history[0].Server.Slowest).To(BeNil(), "requests of the past are not kept")
		name, data = event()
		Expect(name).To(Equal("sample"))
		Expect(sample(data).Server.Slowest).To(HaveLen(1))
		source.tick(1)
		_, data = event()
		Expect(sample(data).About.Now).To(BeTemporally("==", clk.Now()))
		Expect(s.Close()).To(Succeed())
		Expect(lines.Scan()).To(BeFalse())
	})
})
