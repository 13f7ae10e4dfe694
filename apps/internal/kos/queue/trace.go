package queue

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// maxLinks bounds the links of an item.
const maxLinks = "64"

// Attributes of spans that the semantic conventions lack.
const (
	classKey      = attribute.Key("phonebill.kos_queue.class")
	outcomeKey    = attribute.Key("phonebill.kos_queue.outcome")
	waitedKey     = attribute.Key("phonebill.kos_queue.waited_ms") // since the item was enqueued
	unansweredKey = attribute.Key("phonebill.kos_queue.unanswered")
)

// describe returns the attributes of a span. Keys and payloads of items contain phone lines.
func describe(endpoint, operation string, typ attribute.KeyValue, class Class) []attribute.KeyValue {
	return []attribute.KeyValue{
		semconv.MessagingSystemKey.String("kos_queue"), semconv.MessagingDestinationName(endpoint),
		semconv.MessagingOperationName(operation), typ, classKey.String(class.String()),
	}
}

// startAttempt starts the span of an attempt, in the trace of the item.
func (d *Dispatcher) startAttempt(ctx context.Context, item *Item) (context.Context, trace.Span) {
	ctx, span := d.tracer.Start(telemetry.Continue(ctx, item.traceparent), "process "+item.Endpoint, trace.WithSpanKind(trace.SpanKindConsumer))
	if span.IsRecording() {
		span.SetAttributes(describe(item.Endpoint, "process", semconv.MessagingOperationTypeProcess, item.Class)...)
		span.SetAttributes(waitedKey.Int64(time.Since(item.EnqueuedAt).Milliseconds()), unansweredKey.Int(item.unanswered))
	}
	return ctx, span
}

// endAttempt ends the span of an attempt.
func endAttempt(span trace.Span, outcome Outcome) {
	span.SetAttributes(outcomeKey.String(string(outcome.kind)))
	if !outcome.ends() {
		telemetry.Fail(span, string(outcome.kind))
	}
	span.End()
}
