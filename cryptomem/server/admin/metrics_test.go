package admin_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/Zezezknight/cryptomem/cryptomem/server/admin"
	"github.com/Zezezknight/cryptomem/cryptomem/server/stats"
)

// own are the lines of a scrape about metrics of this module.
func own(scrape string) (lines []string) {
	for line := range strings.Lines(scrape) {
		if strings.Contains(line, "cryptomem_") {
			lines = append(lines, line)
		}
	}
	return lines
}

// numbers are the paths of the integers in the report's sections on server and store,
// without a sum of others.
func numbers(path string, v reflect.Value) (paths []string) {
	for i := range v.NumField() {
		field := path + v.Type().Field(i).Name
		switch f := v.Field(i); {
		case path == "" && field != "Server" && field != "Cache", field == "Cache.Memory.Total":
		case f.Kind() == reflect.Struct:
			paths = append(paths, numbers(field+".", f)...)
		case f.CanInt() || f.CanUint():
			paths = append(paths, field)
		}
	}
	return paths
}

var _ = Describe("The metrics", func() {
	page := func(report func() *stats.Report, clk clock.Clock) string {
		s := admin.New(admin.Config{Report: report, Clock: clk})
		DeferCleanup(s.Close)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost/metrics", nil))
		Expect(w.Code).To(Equal(http.StatusOK))
		return w.Body.String()
	}
	scrape := func() string {
		clk := clock.NewMock()
		clk.Set(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
		return page(newExample(clk).report, clk)
	}
	scrapeOf := func(r *stats.Report) string {
		return page(func() *stats.Report { return r }, clock.NewMock())
	}

	It("are exactly these, with these help texts", func() {
		want, err := os.ReadFile("testdata/metrics.txt")
		Expect(err).NotTo(HaveOccurred())
		written := slices.Collect(strings.Lines(string(want)))
		for _, line := range own(scrape()) {
			Expect(slices.Contains(written, line)).To(BeTrue(), "testdata/metrics.txt lacks the line %s", line)
		}
		Expect(own(scrape())).To(Equal(written))
	})

	It("show every number in the report of server and store", func() {
		nothing := own(scrapeOf(new(stats.Report)))
		for _, field := range numbers("", reflect.ValueOf(new(stats.Report)).Elem()) {
			r := new(stats.Report)
			v := reflect.ValueOf(r).Elem()
			for name := range strings.SplitSeq(field, ".") {
				v = v.FieldByName(name)
			}
			v.Set(reflect.ValueOf(17).Convert(v.Type()))
			Expect(own(scrapeOf(r))).NotTo(Equal(nothing), "metricTable has no row that shows Report.%s", field)
		}
	})

	It("are named as Prometheus recommends", func() {
		problems, err := promlint.New(strings.NewReader(scrape())).Lint()
		Expect(err).NotTo(HaveOccurred())
		Expect(problems).To(BeEmpty())
	})

	It("are all described to people", func() {
		text, err := os.ReadFile("../../../docs/monitoring.md")
		Expect(err).NotTo(HaveOccurred())
		for _, m := range regexp.MustCompile(`(?m)^# TYPE cryptomem_([a-z_]+)`).FindAllStringSubmatch(scrape(), -1) {
			Expect(strings.Contains(string(text), "`"+m[1]+"`")).To(BeTrue(), "docs/monitoring.md does not explain `%s`", m[1])
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
