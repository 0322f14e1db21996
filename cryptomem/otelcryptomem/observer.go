// Package otelcryptomem shows a cryptomem client's requests to OpenTelemetry: a
// span and a duration for each, after the semantic conventions for databases
// (https://opentelemetry.io/docs/specs/semconv/database/), and a count of the values
// that the store handed out and that are withheld.
//
//	observer, err := otelcryptomem.New()
//	client, err := cryptomem.Dial(ctx, addr, cryptomem.WithObserver(observer), …)
//
// Neither keys nor values are recorded.
package otelcryptomem

import (
	"context"
	"errors"
	"strings"

	"github.com/benbjohnson/clock"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

const scope = "github.com/Zezezknight/cryptomem/cryptomem/otelcryptomem"

// An Observer implements cryptomem.Observer. It is safe for concurrent use and
// may serve several clients.
type Observer struct {
	tracer   trace.Tracer
	duration metric.Float64Histogram
	withheld metric.Int64Counter
	clock    clock.Clock
	byName   map[wire.Command]operation
}

// operation is what is the same for all requests of a command.
type operation struct {
	name  string
	span  trace.SpanStartEventOption
	label metric.MeasurementOption
}

type options struct {
	tracers trace.TracerProvider
	meters  metric.MeterProvider
	clock   clock.Clock
	labels  []attribute.KeyValue
}

// An Option changes how an Observer works.
type Option func(*options)

// WithTracerProvider sends spans to p in place of the global provider.
func WithTracerProvider(p trace.TracerProvider) Option { return func(o *options) { o.tracers = p } }

// WithMeterProvider sends durations to p in place of the global provider.
func WithMeterProvider(p metric.MeterProvider) Option { return func(o *options) { o.meters = p } }

// WithAttributes adds to every span and duration, for example server.address.
func WithAttributes(labels ...attribute.KeyValue) Option {
	return func(o *options) { o.labels = append(o.labels, labels...) }
}

// WithClock measures durations with clk in place of the real clock.
func WithClock(clk clock.Clock) Option { return func(o *options) { o.clock = clk } }

// New returns an Observer. It fails if the meter refuses an instrument.
func New(opts ...Option) (*Observer, error) {
	o := options{tracers: otel.GetTracerProvider(), meters: otel.GetMeterProvider(), clock: clock.New()} //nolint:forbidigo // the default
	for _, opt := range opts {
		opt(&o)
	}
	meter := o.meters.Meter(scope)
	duration, err := meter.Float64Histogram(
		"db.client.operation.duration",
		metric.WithUnit("s"),
		metric.WithDescription("Duration of requests to cryptomem, repetitions included."),
	)
	if err != nil {
		return nil, err
	}
	withheld, err := meter.Int64Counter(
		"cryptomem.client.withheld",
		metric.WithUnit("{value}"),
		metric.WithDescription("Values that the store handed out and the client withheld."),
	)
	if err != nil {
		return nil, err
	}
	observer := &Observer{
		tracer: o.tracers.Tracer(scope), duration: duration, withheld: withheld, clock: o.clock,
		byName: make(map[wire.Command]operation),
	}
	for _, c := range wire.Commands() {
		labels := append([]attribute.KeyValue{
			attribute.String("db.system.name", "cryptomem"),
			attribute.String("db.operation.name", c.String()),
		}, o.labels...)
		observer.byName[c] = operation{
			name:  c.String(),
			span:  trace.WithAttributes(labels...),
			label: metric.WithAttributeSet(attribute.NewSet(labels...)),
		}
	}
	return observer, nil
}

// Begin implements cryptomem.Observer.
func (o *Observer) Begin(ctx context.Context, c wire.Command) (context.Context, func(cryptomem.Outcome)) {
	op, began := o.byName[c], o.clock.Now()
	ctx, span := o.tracer.Start(ctx, op.name, trace.WithSpanKind(trace.SpanKindClient), op.span)
	return ctx, func(out cryptomem.Outcome) {
		elapsed := o.clock.Since(began).Seconds()
		if span.IsRecording() {
			span.SetAttributes(
				attribute.Int("cryptomem.sent.size", out.Sent),
				attribute.Int("cryptomem.received.size", out.Received),
				attribute.Bool("cryptomem.found", !errors.Is(out.Err, cryptomem.ErrNotFound)),
			)
		}
		if !out.Failed() {
			o.duration.Record(ctx, elapsed, op.label)
			span.End()
			return
		}
		kind := attribute.String("error.type", errorType(out.Err))
		span.SetAttributes(kind)
		span.SetStatus(codes.Error, out.Err.Error())
		o.duration.Record(ctx, elapsed, op.label, metric.WithAttributes(kind))
		span.End()
	}
}

// Withheld implements cryptomem.WithheldObserver.
func (o *Observer) Withheld(c wire.Command, err error) {
	kind, stale := "not authentic", (*sealing.StaleError)(nil)
	switch {
	case errors.As(err, &stale):
		kind = "stale: " + strings.ReplaceAll(stale.Word, "_", " ")
	case errors.Is(err, cryptomem.ErrStale):
		kind = "stale"
	case errors.Is(err, cryptomem.ErrExpired):
		kind = "expired"
	}
	o.withheld.Add(context.Background(), 1, o.byName[c].label, metric.WithAttributes(attribute.String("error.type", kind)))
}

// errorType names an error by one of a few words, as a metric needs.
func errorType(err error) string {
	for _, kind := range []struct {
		err  error
		name string
	}{
		{context.Canceled, "canceled"},
		{context.DeadlineExceeded, "deadline exceeded"},
		{cryptomem.ErrTimeout, "timeout"},
		{cryptomem.ErrClosed, "closed"},
		{cryptomem.ErrBusy, "busy"},
		{cryptomem.ErrDenied, "denied"},
	} {
		if errors.Is(err, kind.err) {
			return kind.name
		}
	}
	var refused *cryptomem.ServerError
	if errors.As(err, &refused) {
		return "refused"
	}
	return "connection"
}
