package telemetry_test

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"

	"github.com/phonebill/phonebill/apps/internal/spantest"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// receiver is a collector that keeps the names of the spans that it receives.
type receiver struct {
	collector.UnimplementedTraceServiceServer

	mu    sync.Mutex
	names []string
}

func (r *receiver) Export(_ context.Context, request *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				r.names = append(r.names, span.GetName())
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

func TestSamplingIsParentBased(t *testing.T) {
	t.Parallel()
	const sampled, unsampled = parent, "00-" + parentID + "-00f067aa0ba902b7-00"
	tests := map[string]struct {
		ratio       float64
		traceparent string
		want        bool
	}{
		"root, all":           {1, "", true},
		"root, none":          {0, "", false},
		"sampled parent":      {0, sampled, true},
		"parent that is not":  {1, unsampled, false},
		"no valid parent":     {1, "00-nonsense", true},
		"no parent of a root": {0, "00-nonsense", false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, server, listener := &receiver{}, grpc.NewServer(), listen(t)
			collector.RegisterTraceServiceServer(server, got)
			var serving sync.WaitGroup
			serving.Go(func() { _ = server.Serve(listener) })
			cfg := telemetry.Config{OTLPEndpoint: "http://" + listener.Addr().String(), SampleRatio: tc.ratio}
			provider, err := telemetry.NewTracerProvider(t.Context(), cfg, "test", slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			ctx, span := provider.Tracer("test").Start(telemetry.Continue(t.Context(), tc.traceparent), "outer")
			_, inner := telemetry.Start(ctx, "inner", trace.SpanKindClient)
			inner.End()
			span.End()
			if err := provider.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			server.Stop()
			serving.Wait()
			want := ""
			if tc.want {
				want = "inner outer"
			}
			if names := strings.Join(got.names, " "); names != want {
				t.Errorf("exported %q, want %q", names, want)
			}
		})
	}
}

// TestCollectorWithoutAnswer ends more spans than the queue takes. Neither that nor the stop may
// wait for the collector.
func TestCollectorWithoutAnswer(t *testing.T) {
	t.Parallel()
	hanging := listen(t) // accepts connections, and never answers
	closed := listen(t)
	_ = closed.Close()
	for name, address := range map[string]net.Addr{"hanging": hanging.Addr(), "gone": closed.Addr()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			records := make(records, 100)
			cfg := telemetry.Config{OTLPEndpoint: "http://" + address.String(), SampleRatio: 1}
			provider, err := telemetry.NewTracerProvider(t.Context(), cfg, "test", telemetry.NewLogger(records, "test", slog.LevelInfo, 0))
			if err != nil {
				t.Fatal(err)
			}
			for range 20_000 {
				_, span := provider.Tracer("test").Start(t.Context(), "request")
				span.End()
			}
			telemetry.Flush(context.Background(), provider)
			// The export that the stop has not waited for ends by its timeout.
			select {
			case record := <-records:
				if !strings.Contains(record, "traces are lost") {
					t.Error(record)
				}
			case <-time.After(30 * time.Second):
				t.Error("the loss is not logged")
			}
			if len(records) > 0 {
				t.Errorf("logged again: %s", <-records)
			}
		})
	}
}

// records are log records. They are written by goroutines that may outlive a test.
type records chan string

func (r records) Write(record []byte) (int, error) {
	r <- string(record)
	return len(record), nil
}

func TestLinkLeadsToOtherSampledTraces(t *testing.T) {
	t.Parallel()
	spans := spantest.New(t)
	ctx, span := spans.Tracer.Start(t.Context(), "attempt")
	const other, unsampled = parent, "00-" + parentID + "-00f067aa0ba902b7-00"
	for _, traceparent := range []string{other, unsampled, telemetry.Traceparent(ctx), "", "nonsense"} {
		telemetry.Link(span, traceparent)
	}
	span.End()
	links := spans.Find("attempt").Links()
	if len(links) != 1 || links[0].SpanContext.TraceID().String() != parentID {
		t.Errorf("links %+v", links)
	}
}

func TestStartOutsideOfASampledTraceDoesNothing(t *testing.T) {
	t.Parallel()
	for name, ctx := range map[string]context.Context{
		"no trace": t.Context(), "a remote parent": telemetry.Continue(t.Context(), parent),
	} {
		got, span := telemetry.Start(ctx, "statement", trace.SpanKindClient)
		if span.IsRecording() || telemetry.TraceID(got) != telemetry.TraceID(ctx) {
			t.Errorf("%s: span %+v", name, span.SpanContext())
		}
		telemetry.Fail(span, "timeout")
		telemetry.Link(span, parent)
		span.End()
	}
}
