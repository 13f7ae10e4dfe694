package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

const (
	// exportTimeout bounds an export of spans. Meanwhile the queue of the batch processor
	// takes 2,048 spans; it drops more, and never blocks a request.
	exportTimeout = 3 * time.Second
	// exportDelay is how long spans wait for others. Those of a killed process are lost.
	exportDelay = time.Second
	// flushTimeout bounds the export of the last spans at a stop.
	flushTimeout = 2 * time.Second
)

// reconnect is the backoff of connection attempts. The default of gRPC grows to two
// minutes, in which a collector that was just started gets no spans.
var reconnect = grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: time.Second, Multiplier: 2, Jitter: 0.2, MaxDelay: 10 * time.Second},
	MinConnectTimeout: exportTimeout,
}

// NewTracerProvider returns the tracer provider of a service. Without an OTLP
// endpoint it exports nothing, but spans have ids, which clients get as trace ids.
// OTEL_EXPORTER_OTLP_HEADERS and the like and OTEL_RESOURCE_ATTRIBUTES have their standard
// meaning.
func NewTracerProvider(ctx context.Context, cfg Config, service string, log *slog.Logger) (*sdktrace.TracerProvider, error) {
	if cfg.OTLPEndpoint == "" {
		return sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())), nil
	}
	otlp, err := otlptracegrpc.New(ctx,
		otlptracegrpc.WithEndpointURL(cfg.OTLPEndpoint),
		otlptracegrpc.WithTimeout(exportTimeout),
		otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{Enabled: false}), // new spans are worth more than old ones
		otlptracegrpc.WithDialOption(grpc.WithConnectParams(reconnect)),
	)
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	described, err := resource.New(ctx, resource.WithFromEnv(), resource.WithHost(), resource.WithAttributes(
		semconv.ServiceNamespace("phonebill"), semconv.ServiceName(service), semconv.ServiceVersion(Version)))
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	return sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(&exporter{SpanExporter: otlp, log: log}, sdktrace.WithBatchTimeout(exportDelay)),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(cfg.SampleRatio))),
		sdktrace.WithResource(described),
	), nil
}

// Flush exports the last spans of a provider and shuts it down. It takes at most
// flushTimeout, also if the collector hangs; the spans are then lost.
func Flush(ctx context.Context, provider *sdktrace.TracerProvider) {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	_ = provider.Shutdown(ctx) // the exporter has logged the error
}

// exporter logs when exports begin to fail and when they succeed again.
type exporter struct {
	sdktrace.SpanExporter

	log     *slog.Logger
	failing bool // exports are not concurrent
}

// ExportSpans implements sdktrace.SpanExporter.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	switch {
	case err != nil && !e.failing:
		e.log.WarnContext(ctx, "traces are lost: collector does not answer", "error", err)
	case err == nil && e.failing:
		e.log.InfoContext(ctx, "collector answers again")
	}
	e.failing = err != nil
	return nil
}
