package proxy_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/keyspace"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/panel"
	"github.com/Zezezknight/cryptomem/sealing"
)

// A backward store answers with an envelope that it once had.
type backward struct {
	cryptomem.Store
	last    []byte // the envelope that was stored last
	planted []byte // what every read is answered with, unless it is nil
}

func (s *backward) Do(ctx context.Context, r *cryptomem.Request) error {
	s.DoAll(ctx, []*cryptomem.Request{r})
	return r.Err
}

func (s *backward) DoAll(ctx context.Context, rs []*cryptomem.Request) {
	s.Store.DoAll(ctx, rs)
	for _, r := range rs {
		switch r.Command {
		case cryptomem.CommandSet, cryptomem.CommandSwap, cryptomem.CommandAdd:
			s.last = bytes.Clone(r.Value)
		case cryptomem.CommandGet, cryptomem.CommandGetItem:
			if s.planted != nil {
				r.Answer, r.Err = append(r.Answer[:0], s.planted...), nil
			}
		}
	}
}

var _ = Describe("A proxy whose upstream takes something back", func() {
	var (
		clk     *clock.Mock
		meter   *keyspace.Meter
		store   *backward
		client  *cryptomem.Client
		session *proxy.Session
	)
	open := func(opts ...cryptomem.Option) {
		GinkgoHelper()
		w := newWorld(clk)
		inner, err := cryptomem.NewServerStore("pipe:0", cryptomem.WithClock(clk), cryptomem.WithDialer(func(context.Context, string) (net.Conn, error) {
			near, far := net.Pipe()
			go w.server.ServeConn(far)
			return near, nil
		}))
		Expect(err).NotTo(HaveOccurred())
		store = &backward{Store: inner}
		client, err = cryptomem.NewClient(store, append(opts, cryptomem.WithSecret([]byte(secret[:32])), cryptomem.WithClock(clk))...)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(client.Close)
		meter = new(keyspace.Meter)
		p := proxy.New(proxy.Settings{Clock: clk, Random: rand.IntN, Space: func(int) (*keyspace.Space, error) {
			return keyspace.New(keyspace.Config{Upstream: meter.Watch(keyspace.NewSealed(client, clk), clk), Clock: clk}), nil
		}})
		session, err = p.NewSession("", "")
		Expect(err).NotTo(HaveOccurred())
	}
	BeforeEach(func() {
		clk = clock.NewMock()
		clk.Set(time.Unix(1_700_000_000, 0))
		open()
	})
	answer := func(args ...string) string {
		GinkgoHelper()
		return show(ask(session, args...))
	}
	// withheld reads the metrics: values that were withheld as stale, by reason.
	withheld := func() map[string]int {
		GinkgoHelper()
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(panel.Subject(func() *panel.Report {
			return &panel.Report{Upstream: panel.Upstream{MeterStats: meter.Stats()}}
		}).Metrics)
		families, err := registry.Gather()
		Expect(err).NotTo(HaveOccurred())
		found := make(map[string]int)
		for _, f := range families {
			for _, m := range f.Metric {
				for _, label := range m.Label {
					if n := m.Counter.GetValue(); strings.HasPrefix(label.GetValue(), "stale_") && n > 0 {
						found[label.GetValue()] = int(n)
					}
				}
			}
		}
		return found
	}
	const missing = "_\r\n"

	It("reports a missing value to the program, and counts the reason", func() {
		Expect(answer("SET", "k", "old")).To(Equal("+OK\r\n"))
		store.planted = store.last
		Expect(answer("GET", "k")).To(Equal("$3\r\nold\r\n"))
		Expect(withheld()).To(BeEmpty())
		Expect(answer("SET", "k", "new")).To(Equal("+OK\r\n"))
		Expect(answer("GET", "k")).To(Equal(missing))
		Expect(answer("EXISTS", "k")).To(Equal(":0\r\n"))
		Expect(withheld()).To(HaveKeyWithValue("stale_superseded", BeNumerically(">=", 2)))
	})

	It("replaces it with what the program writes", func() {
		Expect(answer("SET", "k", "1")).To(Equal("+OK\r\n"))
		old := store.last
		Expect(answer("DEL", "k")).To(Equal(":1\r\n"))
		Expect(client.Set(context.Background(), "k", []byte("x"))).To(Succeed()) // so that there is something to swap
		store.planted = old
		Expect(answer("SET", "k", "2", "NX")).To(Equal("+OK\r\n"))
		store.planted = nil
		Expect(answer("GET", "k")).To(Equal("$1\r\n2\r\n"))
	})

	It("counts values ended by a cut, values from the future and values without a sealing time separately", func() {
		Expect(answer("SET", "k", "v")).To(Equal("+OK\r\n"))
		store.planted = store.last
		client.NotBefore(clk.Now().Add(time.Second))
		clk.Add(6 * time.Second)
		Expect(answer("GET", "k")).To(Equal(missing))
		Expect(withheld()).To(Equal(map[string]int{"stale_before_cut": 1}))

		client.NotBefore(time.Time{})
		clk.Set(clk.Now().Add(-time.Hour))
		Expect(answer("GET", "k")).To(Equal(missing))
		Expect(withheld()).To(Equal(map[string]int{"stale_before_cut": 1, "stale_ahead": 1}))

		open(cryptomem.WithStampedOnly(), cryptomem.WithEnvelopeVersion(sealing.VersionUnstamped))
		Expect(answer("SET", "k", "v")).To(Equal("+OK\r\n"))
		Expect(answer("GET", "k")).To(Equal(missing))
		Expect(withheld()).To(Equal(map[string]int{"stale_unstamped": 1}))
	})

	It("does not notice it without freshness", func() {
		open(cryptomem.WithoutFreshness())
		Expect(answer("SET", "k", "old")).To(Equal("+OK\r\n"))
		store.planted = store.last
		Expect(answer("SET", "k", "new")).To(Equal("+OK\r\n"))
		Expect(answer("GET", "k")).To(Equal("$3\r\nold\r\n"))
		Expect(withheld()).To(BeEmpty())
	})
})
