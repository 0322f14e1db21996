package main

import (
	"bytes"
	"log/slog"
	"strings"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/access"
)

var _ = Describe("Failed authentication", func() {
	var (
		log *bytes.Buffer
		clk *clock.Mock
		d   *denials
	)
	BeforeEach(func() {
		log, clk = new(bytes.Buffer), clock.NewMock()
		d = newDenials(slog.New(slog.NewTextHandler(log, nil)), clk)
	})
	fail := func(times int) {
		for range times {
			d.add(denial{"web", "192.0.2.1:5", access.ErrWrongToken})
		}
	}
	lines := func() []string { return strings.Split(strings.TrimSpace(log.String()), "\n") }

	It("is logged with who, from where and why", func() {
		fail(1)
		Expect(log.String()).To(HaveSuffix(`level=WARN msg="authentication failed" identity=web from=192.0.2.1:5 error="wrong token" times=1` + "\n"))
	})

	It("fills no disk, and yet every one is accounted for", func() {
		fail(1000)
		Expect(lines()).To(HaveLen(denialBurst))
		clk.Add(denialInterval)
		fail(1)
		Expect(lines()).To(HaveLen(denialBurst + 1))
		Expect(lines()[denialBurst]).To(HaveSuffix("times=991"))
		fail(5)
		Expect(lines()).To(HaveLen(denialBurst + 1))
	})

	It("is not left unsaid when no other one follows", func() {
		fail(denialBurst + 3)
		d.flush()
		Expect(lines()).To(HaveLen(denialBurst))
		clk.Add(denialInterval)
		d.flush()
		Expect(lines()[denialBurst]).To(HaveSuffix("times=3"))
		d.flush()
		Expect(lines()).To(HaveLen(denialBurst + 1))
	})

	It("is logged one by one again after a quiet time", func() {
		fail(1000)
		clk.Add(100 * denialInterval)
		log.Reset()
		fail(denialBurst)
		Expect(lines()).To(HaveLen(denialBurst))
		Expect(lines()[1]).To(HaveSuffix("times=1"))
	})
})
