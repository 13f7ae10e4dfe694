package queue_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/kos/queue"
	"github.com/phonebill/phonebill/apps/internal/spantest"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// TestAttemptsAreInTheTraceOfTheFirstRequest enqueues one item in two traces and outside of one.
// KOS answers the second attempt, during which a request of a third trace joins.
func TestAttemptsAreInTheTraceOfTheFirstRequest(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	spans := spantest.New(t)
	q, _ := s.replica()
	request := func(name string) string {
		ctx, span := spans.Tracer.Start(t.Context(), name)
		defer span.End()
		_, err := q.Add(ctx, item("01012345678", "01012345678"), nil)
		expect.NoError(t, err)
		return telemetry.TraceID(ctx)
	}
	first := request("first")
	second := request("second")
	_, err := q.Add(t.Context(), item("01012345678", "01012345678"), nil)
	expect.NoError(t, err)
	third := ""
	s.handle = func(ctx context.Context, _ queue.Item) queue.Outcome {
		if got := telemetry.TraceID(ctx); got != first {
			t.Errorf("handled in trace %s, want %s", got, first)
		}
		if len(s.items()) == 1 {
			return queue.Throttled(errors.New("no 01012345678"))
		}
		third = request("third")
		return queue.Answered(nil)
	}
	d := queue.NewDispatcher(q, map[string]queue.Handler{endpoint: s.record}, queue.NewMetrics(prometheus.NewRegistry()),
		slog.New(slog.DiscardHandler), spans.Tracer)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	expect.Eventually(t, "the attempts have ended", func() bool { return len(spans.All("process "+endpoint)) == 2 })
	stop()
	<-done

	var links []string
	attempts := spans.All("process " + endpoint)
	slices.SortFunc(attempts, func(a, b sdktrace.ReadOnlySpan) int { return a.StartTime().Compare(b.StartTime()) })
	for _, link := range attempts[1].Links() {
		links = append(links, link.SpanContext.TraceID().String())
	}
	if !slices.Equal(links, []string{second, third}) || len(attempts[0].Links()) > 0 {
		t.Errorf("linked to %v, want %v", links, []string{second, third})
	}
	for i, outcome := range []string{"throttled", "answered"} {
		if got := spantest.Attributes(attempts[i]); !strings.Contains(got, "phonebill.kos_queue.outcome="+outcome) {
			t.Errorf("attempt %d: %s", i, got)
		}
	}
	if text := spans.String(); strings.Contains(text, "01012345678") {
		t.Errorf("spans have the key: %s", text)
	}
}

// TestSampledRequestTakesOver enqueues an item in a trace that is not sampled, and joins it in one
// that is.
func TestSampledRequestTakesOver(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	q, _ := s.replica()
	const (
		unsampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
		sampled   = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	)
	for _, traceparent := range []string{unsampled, sampled, unsampled} {
		_, err := q.Add(telemetry.Continue(t.Context(), traceparent), item("a", "a"), nil)
		expect.NoError(t, err)
	}
	var got string
	expect.NoError(t, s.pool.QueryRow(t.Context(), "SELECT traceparent || links::text FROM kos_queue").Scan(&got))
	if got != sampled+"{}" {
		t.Errorf("the item has %s", got)
	}
}
