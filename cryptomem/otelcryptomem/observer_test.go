package otelcryptomem_test

import (
	"context"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/cryptomemtest"
	"github.com/Zezezknight/cryptomem/cryptomem/otelcryptomem"
	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/sealing/freshness"
)

var _ cryptomem.WithheldObserver = (*otelcryptomem.Observer)(nil)

var _ = Describe("Observer", func() {
	var (
		server *cryptomemtest.Server
		record *recorder
		client *cryptomem.Client
		ctx    = context.Background()
	)

	BeforeEach(func() {
		server, record = cryptomemtest.NewServer(GinkgoTB()), new(recorder)
		observer, err := otelcryptomem.New(
			otelcryptomem.WithTracerProvider(tracers{r: record}),
			otelcryptomem.WithMeterProvider(meters{r: record}),
			otelcryptomem.WithClock(server.Clock),
			otelcryptomem.WithAttributes(attribute.String("server.address", "test")),
		)
		Expect(err).NotTo(HaveOccurred())
		client = server.Client(cryptomem.WithObserver(observer), cryptomem.WithAttempts(1))
	})

	It("records a span and a duration for every request", func() {
		Expect(client.Set(context.Background(), "k", []byte("v"))).To(Succeed())
		Expect(client.Get(context.Background(), "k")).To(Equal([]byte("v")))
		Expect(record.names()).To(Equal([]string{"SET", "GET"}))
		get := record.spans[1]
		Expect(get.ended).To(BeTrue())
		Expect(get.status).To(Equal(codes.Unset))
		Expect(get.labels).To(ContainElements(
			attribute.String("db.system.name", "cryptomem"),
			attribute.String("db.operation.name", "GET"),
			attribute.String("server.address", "test"),
			attribute.Bool("cryptomem.found", true),
		))
		Expect(record.durations).To(Equal([]float64{0, 0}))
	})

	It("does not count a miss as a failure", func() {
		_, err := client.Get(context.Background(), "none")
		Expect(err).To(MatchError(cryptomem.ErrNotFound))
		Expect(record.spans[0].status).To(Equal(codes.Unset))
		Expect(record.spans[0].labels).To(ContainElement(attribute.Bool("cryptomem.found", false)))
	})

	It("names the kind of a failure", func() {
		server.Down()
		Expect(client.Ping(ctx)).NotTo(Succeed())
		Expect(record.spans[0].status).To(Equal(codes.Error))
		Expect(record.spans[0].labels).To(ContainElement(attribute.String("error.type", "connection")))
		ended, cancel := context.WithTimeout(ctx, -time.Second)
		defer cancel()
		server.Up()
		Expect(client.Ping(ended)).NotTo(Succeed())
		Expect(record.spans[1].labels).To(ContainElement(attribute.String("error.type", "deadline exceeded")))
	})

	It("sees each request of a batch", func() {
		client.GetMany(ctx, []string{"a", "b"})
		Expect(record.names()).To(Equal([]string{"GET", "GET"}))
		Expect(record.durations).To(HaveLen(2))
	})

	DescribeTable("counts withheld values by their reason", func(err error, kind string) {
		observer, failed := otelcryptomem.New(otelcryptomem.WithMeterProvider(meters{r: record}))
		Expect(failed).NotTo(HaveOccurred())
		observer.Withheld(cryptomem.CommandGet, err)
		Expect(record.withheld).To(HaveLen(1))
		Expect(record.withheld[0].ToSlice()).To(ContainElements(
			attribute.String("db.operation.name", "GET"), attribute.String("error.type", kind),
		))
	},
		Entry(nil, cryptomem.ErrStale, "stale"),
		Entry(nil, freshness.ErrSuperseded, "stale: superseded"),
		Entry(nil, sealing.ErrBeforeCut, "stale: before cut"),
		Entry(nil, cryptomem.ErrExpired, "expired"),
		Entry(nil, cryptomem.ErrNotAuthentic, "not authentic"),
	)

	It("is told by the client which values it withholds", func() {
		Expect(client.Set(ctx, "k", []byte("v"))).To(Succeed())
		stranger := server.Client(cryptomem.WithSecret([]byte("another-32-byte-long-secret-key!")))
		Expect(stranger.Set(ctx, "k", []byte("forged"))).To(Succeed())
		Expect(client.Get(ctx, "k")).Error().To(MatchError(cryptomem.ErrNotAuthentic))
		Expect(record.withheld).To(HaveLen(1))
	})

	It("records no key and no value", func() {
		Expect(client.Set(context.Background(), "private name", []byte("private value"))).To(Succeed())
		for _, label := range record.spans[0].labels {
			Expect(label.Value.String()).NotTo(ContainSubstring("private"))
		}
	})
})

// A recorder is what a provider of the API that keeps everything needs, and no
// more.
type recorder struct {
	mu        sync.Mutex
	spans     []*span
	durations []float64
	withheld  []attribute.Set
}

func (r *recorder) names() []string {
	var names []string
	for _, s := range r.spans {
		names = append(names, s.name)
	}
	return names
}

type tracers struct {
	tracenoop.TracerProvider
	r *recorder
}

func (t tracers) Tracer(string, ...trace.TracerOption) trace.Tracer { return tracer{r: t.r} }

type tracer struct {
	tracenoop.Tracer
	r *recorder
}

func (t tracer) Start(ctx context.Context, name string, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	config := trace.NewSpanStartConfig(opts...)
	s := &span{name: name, labels: config.Attributes()}
	t.r.mu.Lock()
	defer t.r.mu.Unlock()
	t.r.spans = append(t.r.spans, s)
	return trace.ContextWithSpan(ctx, s), s
}

type span struct {
	tracenoop.Span
	name   string
	labels []attribute.KeyValue
	status codes.Code
	ended  bool
}

func (s *span) IsRecording() bool                      { return true }
func (s *span) SetAttributes(kv ...attribute.KeyValue) { s.labels = append(s.labels, kv...) }
func (s *span) SetStatus(code codes.Code, _ string)    { s.status = code }
func (s *span) End(...trace.SpanEndOption)             { s.ended = true }

type meters struct {
	metricnoop.MeterProvider
	r *recorder
}

func (m meters) Meter(string, ...metric.MeterOption) metric.Meter { return meter{r: m.r} }

type meter struct {
	metricnoop.Meter
	r *recorder
}

func (m meter) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return histogram{r: m.r}, nil
}

func (m meter) Int64Counter(string, ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	return counter{r: m.r}, nil
}

type counter struct {
	metricnoop.Int64Counter
	r *recorder
}

func (c counter) Add(_ context.Context, _ int64, opts ...metric.AddOption) {
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	c.r.withheld = append(c.r.withheld, metric.NewAddConfig(opts).Attributes())
}

type histogram struct {
	metricnoop.Float64Histogram
	r *recorder
}

func (h histogram) Record(_ context.Context, v float64, _ ...metric.RecordOption) {
	h.r.mu.Lock()
	defer h.r.mu.Unlock()
	h.r.durations = append(h.r.durations, v)
}
