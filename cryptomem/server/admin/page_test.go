package admin_test

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/server/admin"
	"github.com/Zezezknight/cryptomem/cryptomem/server/stats"
	"github.com/Zezezknight/cryptomem/transport/serve"
)

// These specs need Chromium. Where it is missing they are left out, unless this
// variable is "required", as it is in continuous integration.
const browserVariable = "CRYPTOMEM_SPEC_BROWSER"

func browser() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// probe.js runs in the page and posts what it sees, again and again.
//
//go:embed testdata/probe.js
var probe []byte

// seen is what the page looks like at one moment.
type seen struct {
	State      string            // of the connection
	Text       map[string]string // by element id
	Paths      map[string]int    // curves and areas, by the id of their chart
	Problems   []string          // errors, and loads that the policy refused
	Background string
	Overflow   int      // pixels that the page is wider than its window
	Width      int      // of the window
	Shift      float64  // how far things moved about, as layout shift is reckoned; under 0.1 is called good
	Faint      []string // text of too little contrast
	Cut        []string // text that does not fit
}

// A visit is a browser that has the page open.
type visit struct {
	mu    sync.Mutex // guards what follows
	last  seen
	posts int
	click string // the id of what is to be clicked next, or an id and a key

	server http.Handler // whose page it is; guarded too
}

func (v *visit) latest() seen {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.last
}

// serve lets another server answer from now on.
func (v *visit) serve(h http.Handler) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.server = h
}

func (v *visit) handler() http.Handler {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.server
}

// press clicks an element, or presses a key in it: "id key".
func (v *visit) press(id string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.click = id
}

func (v *visit) text(id string) func() string {
	return func() string { return v.latest().Text[id] }
}

// another waits until the page was looked at so many times again.
func (v *visit) another(times int) {
	GinkgoHelper()
	count := func() int {
		v.mu.Lock()
		defer v.mu.Unlock()
		return v.posts
	}
	Eventually(count, patience).Should(BeNumerically(">", count()+times))
}

// ServeHTTP takes a post of the probe and answers with what it is to do.
func (v *visit) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if r.Method == http.MethodPost {
		v.last = seen{}
		v.posts++
		_ = json.NewDecoder(r.Body).Decode(&v.last) // a half one is followed by a whole one
	}
	fmt.Fprint(w, v.click)
	v.click = ""
}

// open opens the page in a browser until the spec ends.
func open(ctx context.Context, s *admin.Server, width int) *visit {
	GinkgoHelper()
	v := &visit{server: s.Handler()}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { v.handler().ServeHTTP(w, r) })
	mux.Handle("/probe", v)
	mux.HandleFunc("/probe.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(probe)
	})
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		page := httptest.NewRecorder()
		s.Handler().ServeHTTP(page, r)
		w.Header().Set("Content-Security-Policy", page.Header().Get("Content-Security-Policy"))
		_, _ = w.Write(bytes.Replace(page.Body.Bytes(), []byte("<link "), []byte(`<script src="probe.js"></script><link `), 1))
	})
	server := httptest.NewServer(mux)
	DeferCleanup(server.Close)
	DeferCleanup(s.Close) // first: its feeds keep the connections busy
	profile, err := os.MkdirTemp("", "cryptomem-page-*")
	Expect(err).NotTo(HaveOccurred())
	cmd := exec.CommandContext(ctx, browser(), "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
		"--disable-dev-shm-usage", "--remote-debugging-port=0", "--user-data-dir="+profile,
		fmt.Sprintf("--window-size=%d,900", width), server.URL)
	Expect(cmd.Start()).To(Succeed())
	DeferCleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // it was asked to end
		// Its helpers may still be writing.
		Eventually(func() error { return os.RemoveAll(profile) }, patience).Should(Succeed())
	})
	Eventually(func() string { return v.latest().State }, patience).Should(Equal("live"))
	return v
}

var _ = Describe("The page", Serial, func() {
	if browser() == "" && os.Getenv(browserVariable) != "required" {
		return
	}

	var (
		clk    *clock.Mock
		source *example
	)
	BeforeEach(func() {
		clk = clock.NewMock()
		clk.Set(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
		source = newExample(clk)
	})

	It("shows what the server does, and updates itself", func(ctx context.Context) {
		s := admin.New(admin.Config{Report: source.report, Clock: clk})
		source.tick(60)
		v := open(ctx, s, 1300)

		By("the figures of the moment")
		Eventually(v.text("t-ops"), patience).Should(Equal("1,000"))
		Expect(v.latest().Text).To(And(
			HaveKeyWithValue("addr", "localhost:8080"),
			HaveKeyWithValue("version", "v1.2.3"),
			HaveKeyWithValue("uptime", "up 1 min 0 s"),
			HaveKeyWithValue("t-ops-note", "1/s end in an error"),
			HaveKeyWithValue("t-hit", "75.0%"),
			HaveKeyWithValue("t-p99", "8.15 µs"),
			HaveKeyWithValue("t-p99-note", "p50 6.14 µs"),
			HaveKeyWithValue("t-mem", "256 MiB"),
			HaveKeyWithValue("t-mem-note", "50.0% of 512 MiB"),
			HaveKeyWithValue("t-items", "1.23M"),
			HaveKeyWithValue("t-conn", "24"),
			HaveKeyWithValue("t-conn-note", "of 16.4k allowed"),
			HaveKeyWithValue("mem-limit", "512 MiB"),
		))

		By("curves, legends and tables")
		Expect(v.latest().Paths).To(And(
			HaveKeyWithValue("c-ops", 2), HaveKeyWithValue("c-hit", 1), HaveKeyWithValue("c-lat", 3), HaveKeyWithValue("c-gone", 3),
		))
		Expect(v.latest().Text).To(And(
			HaveKeyWithValue("l-ops", "GET 800/s SET 200/s"),
			HaveKeyWithValue("d-mem", ContainSubstring("items 192 MiB large values 32.0 MiB index 16.0 MiB kept for reuse 16.0 MiB left 256 MiB")),
			HaveKeyWithValue("c-ttl", ContainSubstring("1.2M 1 m")),
			HaveKeyWithValue("l-gone", "deleted 0/s expired 50/s evicted 7/s"),
			HaveKeyWithValue("x-slow", ContainSubstring("GET user:17 3 700 B 12.0 ms 5 s")),
			HaveKeyWithValue("x-large", ContainSubstring("SET 1 1.00 MiB 1.00 ms 1 s")),
			HaveKeyWithValue("x-status", ContainSubstring("GET 37.2k 12.3k")),
			HaveKeyWithValue("x-who", MatchRegexp(`web 20 \S+ 2 100 MiB 128 MiB 3`)),
			HaveKeyWithValue("d-work", ContainSubstring("snapshot 1 min 0 s ago, 5.00 MiB")),
		))

		By("new figures without a reload")
		for i := range 3 {
			source.tick(1)
			Eventually(v.text("uptime"), patience).Should(Equal(fmt.Sprintf("up 1 min %d s", i+1)))
		}

		By("standing still while it is paused")
		v.press("pause")
		Eventually(v.text("live"), patience).Should(Equal("paused"))
		source.tick(2)
		v.another(3)
		Expect(v.latest().Text).To(HaveKeyWithValue("uptime", "up 1 min 3 s"))
		v.press("pause")
		Eventually(v.text("uptime"), patience).Should(Equal("up 1 min 5 s"))

		By("light and dark")
		backgrounds := map[string]string{}
		for _, theme := range []string{"light", "dark"} {
			v.press("theme")
			Eventually(v.text("theme"), patience).Should(Equal("Theme: " + theme))
			v.another(2)
			backgrounds[theme] = v.latest().Background
			Expect(v.latest().Faint).To(BeEmpty(), theme)
		}
		Expect(backgrounds["light"]).NotTo(Equal(backgrounds["dark"]))

		By("what was at a moment, found with the keyboard")
		v.press("c-ops Home")
		Eventually(v.text("c-ops"), patience).Should(MatchRegexp(`:01( .M)? SET 200/s GET 800/s`))
		v.press("c-ops ArrowRight")
		Eventually(v.text("c-ops"), patience).Should(MatchRegexp(`:02( .M)? SET`))
		v.press("c-ops Escape")
		v.another(2)

		Expect(v.latest().Shift).To(BeNumerically("<", 0.02))
		Expect(v.latest().Cut).To(BeEmpty())
		Expect(v.latest().Problems).To(BeEmpty())
	}, NodeTimeout(3*time.Minute))

	It("says that the server is gone, and goes on when it is back", func(ctx context.Context) {
		s := admin.New(admin.Config{Report: source.report, Clock: clk})
		source.tick(30)
		v := open(ctx, s, 1300)

		By("a server that stops")
		v.serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "starting", http.StatusServiceUnavailable) }))
		Expect(s.Close()).To(Succeed())
		Eventually(v.text("live"), patience).Should(Equal("no connection, trying again"))
		Expect(v.latest().Text).To(HaveKeyWithValue("uptime", "up 30 s"), "it shows what was")

		By("another one in its place")
		clk.Add(20 * time.Second)
		again := newExample(clk)
		next := admin.New(admin.Config{Report: again.report, Clock: clk})
		DeferCleanup(next.Close)
		again.tick(3)
		v.serve(next.Handler())
		Eventually(v.text("live"), patience).Should(Equal("live"))
		Eventually(v.text("uptime"), patience).Should(Equal("up 3.0 s"))
		Expect(v.latest().Text).To(HaveKeyWithValue("c-ops", ContainSubstring("restart")))
		Expect(v.latest().Paths).To(HaveKeyWithValue("c-hit", 2), "before and after, with nothing between")

		By("one that keeps silent with the connection open")
		silent := make(chan struct{})
		v.serve(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			select {
			case silent <- struct{}{}:
			case <-r.Context().Done():
			}
		}))
		Eventually(silent, patience).Should(Receive(), "after a while, it asks again")
		Eventually(v.text("live"), patience).Should(Equal("no connection, trying again"))
		v.serve(next.Handler())
		Eventually(v.text("live"), patience).Should(Equal("live"))
	}, NodeTimeout(3*time.Minute))

	It("fits a phone, and shows an idle server", func(ctx context.Context) {
		idle := &stats.Report{About: stats.About{Started: clk.Now(), Now: clk.Now()}, Server: serve.ServerStats{MaxConnections: 10}}
		idle.Cache.MaxMemory = 64 << 20
		s := admin.New(admin.Config{Clock: clk, Report: func() *stats.Report {
			source.reports.Add(1)
			now := *idle
			now.About.Now = clk.Now()
			return &now
		}})
		source.tick(10)
		v := open(ctx, s, 500) // no window of Chromium is narrower
		Eventually(v.text("t-ops"), patience).Should(Equal("0"))
		Expect(v.latest().Text).To(And(
			HaveKeyWithValue("t-hit", "–"),
			HaveKeyWithValue("x-slow", ContainSubstring("No recent requests")),
			HaveKeyWithValue("x-status", ContainSubstring("No requests yet")),
		))
		Expect(v.latest().Text).To(And(
			HaveKeyWithValue("e-ttl", "No items"),
			HaveKeyWithValue("c-ops", ContainSubstring("No requests in the last three minutes")),
		))
		Expect(v.latest().Overflow).To(BeZero())
		Expect(v.latest().Cut).To(BeEmpty())
		Expect(v.latest().Faint).To(BeEmpty())
		Expect(v.latest().Problems).To(BeEmpty())
	}, NodeTimeout(3*time.Minute))
})
