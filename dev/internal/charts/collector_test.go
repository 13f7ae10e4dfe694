package charts

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/phonebill/phonebill/dev/internal/otlp"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/testvar"
)

// collectorLimit bounds the start of a collector and the arrival of what it exports.
const collectorLimit = time.Minute

// collectorConfig writes the collector's configuration of the system with values to a file.
func collectorConfig(t *testing.T, values ...string) (path string) {
	t.Helper()
	all := template(t, "phonebill", append(arguments("prod"), "--set", strings.Join(values, ","))...)
	for _, one := range all.of("ConfigMap") {
		if one.name() == "otel-collector" {
			path = filepath.Join(t.TempDir(), "config.yaml")
			if err := os.WriteFile(path, []byte(one.text("data", "config.yaml")), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if path == "" {
		t.Fatal("no configuration of the collector is rendered")
	}
	return path
}

func TestCollectorForAzureMonitorIsValid(t *testing.T) {
	t.Parallel()
	path := collectorConfig(t, "collector.exporter=azuremonitor")
	secret := filepath.Join(filepath.Dir(path), "connection-string")
	if err := os.WriteFile(secret, []byte("InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=https://example.org/\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	rewrite(t, path, "/secrets/connection-string", secret)
	cmd := exec.CommandContext(t.Context(), testvar.Get(t, "PHONEBILL_TEST_COLLECTOR"), "validate", "--config=file:"+path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// rewrite replaces a text in a file, which contains it.
func rewrite(t *testing.T, path, before, after string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(content, []byte(before)) {
		t.Fatalf("no %s in %s", before, content)
	}
	if err := os.WriteFile(path, bytes.ReplaceAll(content, []byte(before), []byte(after)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// startCollector starts a collector with the chart's configuration that exports to a receiver, on
// free ports, and returns the address at which it receives traces.
func startCollector(t *testing.T, receiver *otlp.Receiver) (address string) {
	t.Helper()
	path := collectorConfig(t, "collector.exporter=otlp", "collector.otlpInsecure=true", "collector.otlpEndpoint="+receiver.Address(),
		"collector.decisionWait=1s", "collector.spansPerSecond=10")
	addresses := make([]string, 2)
	for i, port := range []string{"4317", "13133"} {
		free, err := proc.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		addresses[i] = fmt.Sprintf("127.0.0.1:%d", free)
		rewrite(t, path, "0.0.0.0:"+port, addresses[i])
	}
	var log bytes.Buffer
	cmd := exec.Command(testvar.Get(t, "PHONEBILL_TEST_COLLECTOR"), "--config=file:"+path)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the collector's log:\n%s", log.Bytes())
		}
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("collector: %v\n%s", err, log.Bytes())
		}
	})
	arrives(t, "the collector's readiness", func() bool { return healthy(t, "http://"+addresses[1]) })
	return addresses[0]
}

func healthy(t *testing.T, url string) bool {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func arrives(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), collectorLimit)
	defer cancel()
	if err := proc.Poll(ctx, condition); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// spanOf returns a span that ends now, the only one of its trace.
func spanOf(trace byte, took time.Duration, status tracepb.Status_StatusCode) *tracepb.Span {
	end := time.Now()
	return &tracepb.Span{
		TraceId: bytes.Repeat([]byte{trace}, 16), SpanId: bytes.Repeat([]byte{trace}, 8), Name: "GET /a",
		StartTimeUnixNano: uint64(end.Add(-took).UnixNano()), EndTimeUnixNano: uint64(end.UnixNano()),
		Status: &tracepb.Status{Code: status},
		Attributes: []*commonpb.KeyValue{
			{Key: "db.query.text", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: "line 010-1234-5678"}}},
			{Key: "http.route", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: "/a"}}},
		},
	}
}

// TestCollectorKeepsErrorsAndSlowTraces of many, and masks personal data.
func TestCollectorKeepsErrorsAndSlowTraces(t *testing.T) {
	t.Parallel()
	receiver, err := otlp.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(receiver.Close)
	conn, err := grpc.NewClient(startCollector(t, receiver), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()

	const failed, slow, others = 1, 2, 100
	spans := []*tracepb.Span{
		spanOf(failed, time.Millisecond, tracepb.Status_STATUS_CODE_ERROR),
		spanOf(slow, 2*time.Second, tracepb.Status_STATUS_CODE_UNSET),
	}
	for n := range others {
		spans = append(spans, spanOf(byte(slow+1+n), time.Millisecond, tracepb.Status_STATUS_CODE_UNSET))
	}
	_, err = collector.NewTraceServiceClient(conn).Export(t.Context(), &collector.ExportTraceServiceRequest{
		ResourceSpans: []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{{Spans: spans}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, trace := range []byte{failed, slow} {
		id := hex.EncodeToString(bytes.Repeat([]byte{trace}, 16))
		arrives(t, "trace "+id, func() bool { return len(receiver.Of(id)) == 1 })
	}
	if n := len(receiver.Spans()); n > others/2 {
		t.Errorf("%d of %d traces are kept", n, len(spans))
	}
	for _, span := range receiver.Spans() {
		text := span.String()
		if strings.Contains(text, "1234") || !strings.Contains(text, "line ****") || !strings.Contains(text, `"/a"`) {
			t.Error(text)
		}
	}
}
