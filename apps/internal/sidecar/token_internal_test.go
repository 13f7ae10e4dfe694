package sidecar

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

const token = "t0ken"

func TestCallsCarryTheTokenAndTheTrace(t *testing.T) {
	t.Parallel()
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{0xab, 15: 1}, SpanID: trace.SpanID{7: 2},
	}))
	var sent metadata.MD
	invoke := func(ctx context.Context, _ string, _, _ any, _ *grpc.ClientConn, _ ...grpc.CallOption) error {
		sent, _ = metadata.FromOutgoingContext(ctx)
		return nil
	}
	if err := callMetadata(token)(ctx, "method", nil, nil, nil, invoke); err != nil {
		t.Fatal(err)
	}
	want := metadata.Pairs("dapr-api-token", token, "traceparent", "00-ab000000000000000000000000000001-0000000000000002-00")
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
}

func TestInvocationsCarryTheToken(t *testing.T) {
	t.Parallel()
	seen := make(chan http.Header, 1)
	dapr := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header }))
	defer dapr.Close()
	client, err := New(Config{HTTPPort: dapr.Listener.Addr().(*net.TCPAddr).Port, GRPCPort: 1, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	resp, err := (&http.Client{Transport: client.Invoker("other")}).Get("http://other/")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	header := <-seen
	if header.Get("dapr-api-token") != token || header.Get("dapr-app-id") != "other" {
		t.Errorf("sent %v", header)
	}
}

// TestInvocationsCarryText sends a header as some browsers do, in the encoding of their system.
func TestInvocationsCarryText(t *testing.T) {
	t.Parallel()
	given := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://other/", http.NoBody)
	given.Header["User-Agent"] = []string{"caf\xe9", "브라우저\xed\xa0\x80"}
	sent := (&invoker{app: "other"}).redirect(given)
	if diff := cmp.Diff([]string{"caf\uFFFD", "브라우저\uFFFD"}, sent.Header["User-Agent"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if given.Header.Get("User-Agent") != "caf\xe9" {
		t.Error("the caller's request is changed")
	}
}
