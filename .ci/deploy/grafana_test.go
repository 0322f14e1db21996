package deploy_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/prometheus/promql/parser"
	"sigs.k8s.io/yaml"
)

// expressions returns what the dashboard asks Prometheus, with Grafana's
// variables replaced as Grafana does.
func expressions() []string {
	GinkgoHelper()
	var dashboard struct {
		Panels []struct {
			Targets []struct{ Expr string }
		}
	}
	Expect(json.Unmarshal(read("grafana/cryptomem.json"), &dashboard)).To(Succeed())
	var all []string
	for _, p := range dashboard.Panels {
		for _, t := range p.Targets {
			all = append(all, strings.NewReplacer("$__rate_interval", "1m", "$instance", ".+").Replace(t.Expr))
		}
	}
	return all
}

// alerts returns the conditions that the documentation proposes.
func alerts() []string {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join(top, "docs/monitoring.md"))
	Expect(err).NotTo(HaveOccurred())
	_, table, found := strings.Cut(string(text), "| condition |")
	Expect(found).To(BeTrue())
	table, _, _ = strings.Cut(table, "\n\n")
	var all []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(.+?)` \\|").FindAllStringSubmatch(table, -1) {
		all = append(all, strings.ReplaceAll(m[1], `\|`, "|"))
	}
	Expect(all).NotTo(BeEmpty())
	return all
}

// rules returns the conditions in alerts.yaml.
func rules() []string {
	GinkgoHelper()
	var file struct {
		Groups []struct {
			Rules []struct {
				Expr string `json:"expr"`
			} `json:"rules"`
		} `json:"groups"`
	}
	Expect(yaml.Unmarshal(read("alerts.yaml"), &file)).To(Succeed())
	var all []string
	for _, r := range file.Groups[0].Rules {
		all = append(all, r.Expr)
	}
	return all
}

// exported returns the labels of every metric that the server exports.
func exported() map[string]map[string]bool {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join(top, "cryptomem/server/admin/testdata/metrics.txt"))
	Expect(err).NotTo(HaveOccurred())
	// Prometheus exports up itself, and adds two labels to every metric.
	metrics := map[string]map[string]bool{"up": {"instance": true, "job": true}}
	for _, m := range regexp.MustCompile(`(?m)^(\w+)(?:{(.*)})? \S+$`).FindAllStringSubmatch(string(text), -1) {
		labels := map[string]bool{"instance": true, "job": true}
		for _, l := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(m[2], -1) {
			labels[l[1]] = true
		}
		metrics[m[1]] = labels
	}
	return metrics
}

var _ = Describe("The alerts that the documentation proposes", func() {
	It("are those of alerts.yaml", func() {
		Expect(rules()).To(Equal(alerts()))
	})
})

var _ = Describe("The Grafana dashboard and the alerts", func() {
	It("ask what Prometheus understands, about metrics and labels that there are", func() {
		asked, metrics := expressions(), exported()
		Expect(len(asked)).To(BeNumerically(">=", 25))
		for _, text := range append(asked, alerts()...) {
			expr, err := parser.NewParser(parser.Options{}).ParseExpr(text)
			Expect(err).NotTo(HaveOccurred(), text)
			labels := map[string]bool{}
			parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
				selector, ok := node.(*parser.VectorSelector)
				if !ok {
					return nil
				}
				Expect(metrics).To(HaveKey(selector.Name), text)
				for name := range metrics[selector.Name] {
					labels[name] = true
				}
				for _, matcher := range selector.LabelMatchers {
					if matcher.Name != "__name__" {
						Expect(metrics[selector.Name]).To(HaveKey(matcher.Name), text)
					}
				}
				return nil
			})
			parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
				if a, ok := node.(*parser.AggregateExpr); ok {
					for _, name := range a.Grouping {
						Expect(labels).To(HaveKey(name), text)
					}
				}
				return nil
			})
		}
	})
})
