package sidecar_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"

	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

const (
	appTimeout = 300 * time.Millisecond
	trip       = 3 // failures
)

// policies are the test's own. The services' component tests cover those in
// resiliency/.
var policies = fmt.Sprintf(`apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {name: test}
spec:
  policies:
    timeouts: {quick: %s}
    circuitBreakers:
      quick: {maxRequests: 1, timeout: 60s, trip: consecutiveFailures >= %d}
  targets:
    apps:
      upstream: {timeout: quick}
      fragile: {timeout: quick, circuitBreaker: quick}
      cancelled: {timeout: quick, circuitBreaker: quick}
      absent: {timeout: quick}
`, appTimeout, trip)

// upstream starts an app whose responses depend on the path.
func upstream(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/echo":
			w.Header().Set("X-Seen", strings.Join([]string{r.Method, r.URL.RawQuery, r.Header.Get("Authorization"), r.Header.Get("Traceparent")}, " "))
			_, _ = w.Write(body)
		case "/slow":
			<-time.After(appTimeout / 3)
		case "/hang":
			<-r.Context().Done()
		case "/large":
			w.WriteHeader(http.StatusBadGateway)
			_, _ = w.Write([]byte(strings.Repeat("x", 40<<10)))
		default: // "/404/…"
			var status int
			_, _ = fmt.Sscanf(r.URL.Path, "/%d/", &status)
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, `{"success":false,"error":{"code":"APP_%d"}}`, status)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func TestInvoker(t *testing.T) {
	t.Parallel()
	url := upstream(t).URL
	dapr := daprtest.Start(t, daprtest.Options{
		AppID: "invoke-test",
		Resources: []string{
			policies,
			daprtest.HTTPEndpoint("upstream", url),
			daprtest.HTTPEndpoint("fragile", url),
			daprtest.HTTPEndpoint("cancelled", url),
			daprtest.HTTPEndpoint("absent", "http://"+unusedAddress(t)),
		},
	})
	client := dapr.Client()
	t.Run("request", func(t *testing.T) { testRequest(t, client.Invoker("upstream")) })
	t.Run("responses of the app", func(t *testing.T) { testResponses(t, client.Invoker("upstream")) })
	t.Run("large error", func(t *testing.T) {
		t.Parallel()
		if _, text := roundTrip(t, client.Invoker("upstream"), "/large"); len(text) != 40<<10 {
			t.Errorf("%d bytes", len(text))
		}
	})
	t.Run("timeout", func(t *testing.T) {
		t.Parallel()
		wantReason(t, client.Invoker("upstream"), "/hang", sidecar.Timeout)
	})
	t.Run("caller's own deadline", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), appTimeout/10)
		defer cancel()
		_, err := client.Invoker("upstream").RoundTrip(request(ctx, t, "/hang"))
		if fault := wantInvokeError(t, err, sidecar.Timeout); !errors.Is(fault, context.DeadlineExceeded) {
			t.Errorf("got %v", fault)
		}
	})
	t.Run("cancelled calls", func(t *testing.T) { testCancellation(t, client.Invoker("cancelled")) })
	t.Run("circuit breaker", func(t *testing.T) { testBreaker(t, client.Invoker("fragile")) })
	t.Run("unreachable app", func(t *testing.T) {
		t.Parallel()
		wantReason(t, client.Invoker("absent"), "/", sidecar.Unreachable)
	})
	t.Run("unreachable sidecar", func(t *testing.T) {
		t.Parallel()
		_, port, _ := net.SplitHostPort(unusedAddress(t))
		var cfg sidecar.Config
		_, _ = fmt.Sscan(port, &cfg.HTTPPort)
		alone, err := sidecar.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = alone.Close() }()
		wantReason(t, alone.Invoker("upstream"), "/", sidecar.Unreachable)
	})
}

// testRequest checks that method, query, headers, trace and body reach the app.
func testRequest(t *testing.T, transport http.RoundTripper) {
	t.Helper()
	t.Parallel()
	const traceID = "ab000000000000000000000000000001"
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{0xab, 15: 1}, SpanID: trace.SpanID{1},
	}))
	body := `{"lineNumber":"01012345678"}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://ignored/echo?a=b", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer token")
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || string(text) != body {
		t.Errorf("echoed %q, %v", text, err)
	}
	seen := strings.Fields(resp.Header.Get("X-Seen"))
	if len(seen) != 5 {
		t.Fatalf("saw %q", seen)
	}
	if diff := cmp.Diff([]string{"POST", "a=b", "Bearer", "token", traceID}, append(seen[:4], strings.Split(seen[4], "-")[1])); diff != "" {
		t.Errorf("the app saw (-want +got):\n%s", diff)
	}
	if req.URL.Host != "ignored" || req.Header.Get("dapr-app-id") != "" {
		t.Error("the caller's request was changed")
	}
}

// testResponses checks that responses of the app with any status are returned.
func testResponses(t *testing.T, transport http.RoundTripper) {
	t.Helper()
	t.Parallel()
	for _, status := range []int{200, 201, 400, 401, 403, 404, 409, 429, 500, 502, 503} {
		resp, text := roundTrip(t, transport, fmt.Sprintf("/%d/own", status))
		want := fmt.Sprintf(`{"success":false,"error":{"code":"APP_%d"}}`, status)
		if resp.StatusCode != status || text != want || resp.Header.Get("Retry-After") != "7" {
			t.Errorf("%d: got %d %s %v", status, resp.StatusCode, text, resp.Header)
		}
	}
}

// testBreaker checks that consecutive failures open the circuit breaker.
func testBreaker(t *testing.T, transport http.RoundTripper) {
	t.Helper()
	t.Parallel()
	for range trip {
		if resp, _ := roundTrip(t, transport, "/503/breaks"); resp.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("got %d", resp.StatusCode)
		}
	}
	start := time.Now()
	wantReason(t, transport, "/503/breaks", sidecar.BreakerOpen)
	if took := time.Since(start); took > appTimeout {
		t.Errorf("the open breaker took %s", took)
	}
	// Dapr has a breaker per path for an app, but only one for an HTTPEndpoint.
	wantReason(t, transport, "/200/another", sidecar.BreakerOpen)
}

// testCancellation checks that cancelled calls do not open the circuit breaker.
func testCancellation(t *testing.T, transport http.RoundTripper) {
	t.Helper()
	t.Parallel()
	for range 3 * trip {
		ctx, cancel := context.WithTimeout(t.Context(), appTimeout/10)
		_, err := transport.RoundTrip(request(ctx, t, "/slow"))
		cancel()
		_ = wantInvokeError(t, err, sidecar.Timeout)
	}
	if resp, _ := roundTrip(t, transport, "/slow"); resp.StatusCode != http.StatusOK {
		t.Errorf("got %d", resp.StatusCode)
	}
}

func roundTrip(t *testing.T, transport http.RoundTripper, path string) (*http.Response, string) {
	t.Helper()
	resp, err := transport.RoundTrip(request(t.Context(), t, path))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return resp, string(text)
}

func wantReason(t *testing.T, transport http.RoundTripper, path string, want sidecar.Reason) {
	t.Helper()
	_, err := transport.RoundTrip(request(t.Context(), t, path))
	_ = wantInvokeError(t, err, want)
}

func wantInvokeError(t *testing.T, err error, want sidecar.Reason) error {
	t.Helper()
	fault, ok := errors.AsType[*sidecar.InvokeError](err)
	if !ok || fault.Reason != want || fault.Cause == nil {
		t.Fatalf("got %v, want reason %q", err, want)
	}
	return fault
}

func request(ctx context.Context, t *testing.T, path string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://app"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// unusedAddress returns an address on which no process listens.
func unusedAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}
