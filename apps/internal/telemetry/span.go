package telemetry

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// scope is the instrumentation scope of the spans of Start.
const scope = "github.com/phonebill/phonebill/apps/internal"

// Start starts a child of ctx's span. Outside of a sampled trace, and in background work
// without a span, it returns ctx and a span that records nothing, which costs next to
// nothing.
//
// Neither names nor attributes of spans may contain personal data: phone lines, ids and
// names of customers, arguments of SQL statements, texts of foreign errors.
func Start(ctx context.Context, name string, kind trace.SpanKind, attrs ...attribute.KeyValue) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.SpanContext().IsSampled() {
		return ctx, noop.Span{}
	}
	return parent.TracerProvider().Tracer(scope).Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attrs...))
}

// Fail marks span as failed. The type of the error must be one of few, such as a code.
func Fail(span trace.Span, errorType string) {
	if span.IsRecording() {
		span.SetStatus(codes.Error, "")
		span.SetAttributes(semconv.ErrorTypeKey.String(errorType))
	}
}

// Link links span to the span of a traceparent, unless that is of the same trace or not
// sampled.
func Link(span trace.Span, traceparent string) {
	if !span.IsRecording() {
		return
	}
	other := trace.SpanContextFromContext(Continue(context.Background(), traceparent))
	if other.IsSampled() && other.TraceID() != span.SpanContext().TraceID() {
		span.AddLink(trace.Link{SpanContext: other})
	}
}

// TraceID returns the id of ctx's trace in hexadecimal, or "" outside of a trace.
func TraceID(ctx context.Context) string {
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		return span.TraceID().String()
	}
	return ""
}

// Extract returns ctx with the trace of the W3C headers, if any.
func Extract(ctx context.Context, header http.Header) context.Context {
	if len(header["Traceparent"]) == 0 {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(header))
}

// Inject writes ctx's trace into carrier as W3C headers.
func Inject(ctx context.Context, carrier propagation.TextMapCarrier) {
	propagation.TraceContext{}.Inject(ctx, carrier)
}

// traceparent is the name of the W3C header, and of the attribute of a CloudEvent.
const traceparent = "traceparent"

// Traceparent returns ctx's trace as the value of a W3C traceparent header, or "".
func Traceparent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	Inject(ctx, carrier)
	return carrier[traceparent]
}

// Continue returns ctx with the trace of a W3C traceparent header, if it is valid.
func Continue(ctx context.Context, header string) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{traceparent: header})
}
