package doctor_test

import (
	"context"
	"path/filepath"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/doctor"
	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
	"github.com/Zezezknight/cryptomem/sealing"
)

var _ = Describe("What may be stale, and what is cut off", func() {
	var proxy doctor.Proxy
	keys := func(cut time.Time) string {
		GinkgoHelper()
		kr, err := sealing.NewKeyring(today)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(kr.Close)
		kr.SetNotBefore(cut)
		file := filepath.Join(GinkgoT().TempDir(), "key.json")
		Expect(kr.CreateFile(file)).To(Succeed())
		return file
	}
	BeforeEach(func() {
		clk := clock.NewMock()
		clk.Set(today)
		c := config.DefaultProxy()
		c.Addr = []string{"unix:" + filepath.Join(GinkgoT().TempDir(), "s")}
		proxy = doctor.Proxy{Config: c, Clock: clk, KeyFile: keys(time.Time{}), Ping: func(context.Context) error { return nil }}
	})
	about := func(subject string) (found []doctor.Finding) {
		for _, f := range doctor.ExamineProxy(context.Background(), proxy) {
			if f.Subject == subject {
				found = append(found, f)
			}
		}
		return found
	}
	one := func(severity doctor.Severity, text string) OmegaMatcher {
		return ConsistOf(And(HaveField("Severity", severity), HaveField("Text", ContainSubstring(text))))
	}

	It("is said of a proxy that notices what is taken back", func() {
		Expect(about("freshness")).To(one(doctor.Fine, "is noticed, with clocks that differ by 5s at most and writes that take 55s; values of both envelope versions are opened"))
		proxy.Config.StampedOnly = true
		Expect(about("freshness")).To(one(doctor.Fine, "0xC2 alone"))
		Expect(about("cut")).To(BeEmpty())
	})

	It("is a warning of one that does not", func() {
		proxy.Config.Freshness = false
		Expect(about("freshness")).To(one(doctor.Warning, "off: the upstream can serve what was replaced or removed"))
	})

	It("is the later cut, of the setting and the key file, and since when it holds", func() {
		proxy.Config.NotBefore = today.Add(-time.Hour)
		Expect(about("cut")).To(one(doctor.Fine, "what was sealed before 2026-11-22 11:00:00 UTC is not opened, says not_before: in force"))
		proxy.KeyFile = keys(today.Add(time.Minute))
		Expect(about("cut")).To(one(doctor.Fine, "2026-11-22 12:01:00 UTC is not opened, says the key file: in force 1m5s from now"))
	})

	It("is a problem where all that the proxy writes would be cut off", func() {
		proxy.KeyFile, proxy.Config.EnvelopeVersion = keys(today), config.EnvelopeUnstamped
		Expect(about("cut")).To(ContainElement(And(HaveField("Severity", doctor.Problem), HaveField("Advice", "set envelope_version: 0xC2"))))
	})

	It("is said of a client, too", func() {
		v := healthyClient()
		v.NotBefore = "2026-11-22T11:00:00Z"
		Expect(doctor.ExamineClient(context.Background(), v.Client)).To(ContainElement(doctor.Finding{
			Severity: doctor.Fine, Subject: "cut", Text: "what was sealed before 2026-11-22 11:00:00 UTC is not opened, says not_before: in force",
		}))
	})
})
