package panel_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/panel"
)

var _ = DescribeTable("The metric of whether the upstream answers",
	func(upstream panel.Upstream, values ...float64) {
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(panel.Subject(func() *panel.Report { return &panel.Report{Upstream: upstream} }).Metrics)
		families, err := registry.Gather()
		Expect(err).NotTo(HaveOccurred())
		found := []float64{}
		for _, f := range families {
			if f.GetName() == "cryptomem_proxy_upstream_up" {
				found = append(found, f.Metric[0].Gauge.GetValue())
			}
		}
		Expect(found).To(Equal(append([]float64{}, values...)))
	},
	Entry("is 1 while it does", panel.Upstream{}, 1.0),
	Entry("is 0 while it does not", panel.Upstream{Problem: "connection refused"}, 0.0),
	Entry("is absent until it was asked", panel.Upstream{Problem: "not asked yet", Starting: true}),
)
