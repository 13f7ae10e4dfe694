// Package spantest records spans. Only tests may import it.
package spantest

import (
	"fmt"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// Recorder records all spans of its tracer, and of the tracers of their children.
type Recorder struct {
	Tracer trace.Tracer

	t     testing.TB
	spans *tracetest.SpanRecorder
}

// New returns a recorder.
func New(t testing.TB) *Recorder {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	return &Recorder{Tracer: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer("test"), t: t, spans: spans}
}

// Find returns the ended span of a name, and fails the test unless there is exactly one.
func (r *Recorder) Find(name string) sdktrace.ReadOnlySpan {
	r.t.Helper()
	found := r.All(name)
	if len(found) != 1 {
		r.t.Fatalf("%d spans %q of\n%s", len(found), name, r)
	}
	return found[0]
}

// All returns the ended spans of a name.
func (r *Recorder) All(name string) []sdktrace.ReadOnlySpan {
	var found []sdktrace.ReadOnlySpan
	for _, span := range r.spans.Ended() {
		if span.Name() == name {
			found = append(found, span)
		}
	}
	return found
}

// String returns all that the ended spans have, to search for what they must not have.
func (r *Recorder) String() string {
	var text strings.Builder
	for _, span := range r.spans.Ended() {
		fmt.Fprintf(&text, "%s %s %s", span.SpanKind(), span.Name(), Attributes(span))
		fmt.Fprintf(&text, " %+v %+v\n", span.Status(), span.Events())
	}
	return text.String()
}

// Attributes returns the attributes of a span as text: "http.request.method=GET http.route=/".
func Attributes(span sdktrace.ReadOnlySpan) string {
	words := make([]string, len(span.Attributes()))
	for i, attribute := range span.Attributes() {
		words[i] = string(attribute.Key) + "=" + attribute.Value.Emit()
	}
	return strings.Join(words, " ")
}
