package admin_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/Zezezknight/cryptomem/cryptomem/server/admin"
)

var _ = Describe("The metrics", func() {
	scrape := func() string {
		clk := clock.NewMock()
		clk.Set(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
		s := admin.New(admin.Config{Report: newExample(clk).report, Clock: clk})
		DeferCleanup(s.Close)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost/metrics", nil))
		Expect(w.Code).To(Equal(http.StatusOK))
		return w.Body.String()
	}

	It("are these, and mean this", func() {
		var own []string
		for line := range strings.Lines(scrape()) {
			if strings.Contains(line, "cryptomem_") {
				own = append(own, line)
			}
		}
		want, err := os.ReadFile("testdata/metrics.txt")
		Expect(err).NotTo(HaveOccurred())
		Expect(strings.Join(own, "")).To(Equal(string(want)))
	})

	It("are named as Prometheus asks", func() {
		problems, err := promlint.New(strings.NewReader(scrape())).Lint()
		Expect(err).NotTo(HaveOccurred())
		Expect(problems).To(BeEmpty())
	})

	It("are all described to people", func() {
		text, err := os.ReadFile("../../../docs/monitoring.md")
		Expect(err).NotTo(HaveOccurred())
		for _, m := range regexp.MustCompile(`(?m)^# TYPE cryptomem_([a-z_]+)`).FindAllStringSubmatch(scrape(), -1) {
			Expect(string(text)).To(ContainSubstring("`" + m[1] + "`"))
		}
	})

	It("are all that the dashboard asks for", func() {
		dashboard, err := os.ReadFile("../deploy/grafana/cryptomem.json")
		Expect(err).NotTo(HaveOccurred())
		text := scrape()
		used := regexp.MustCompile(`cryptomem_[a-z_]+`).FindAllString(string(dashboard), -1)
		Expect(len(used)).To(BeNumerically(">", 15))
		for _, name := range used {
			Expect(text).To(MatchRegexp(`(?m)^`+name+`[ {]`), "the dashboard shows what is not there")
		}
	})
})
