// Package otlp receives traces as an OpenTelemetry collector does, by OTLP over gRPC.
package otlp

import (
	"context"
	"encoding/hex"
	"net"
	"slices"
	"sync"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // collectors compress
)

// Span is a span and the service that recorded it. The sidecar of an app has the app's name.
type Span struct {
	*tracepb.Span

	Service string
}

// Trace returns the id of the span's trace in hexadecimal.
func (s Span) Trace() string { return hex.EncodeToString(s.GetTraceId()) }

// ID returns the id of the span in hexadecimal.
func (s Span) ID() string { return hex.EncodeToString(s.GetSpanId()) }

// Parent returns the id of the span's parent in hexadecimal, or "".
func (s Span) Parent() string { return hex.EncodeToString(s.GetParentSpanId()) }

// Receiver keeps all spans that it receives.
type Receiver struct {
	collector.UnimplementedTraceServiceServer

	server  *grpc.Server
	address string
	mu      sync.Mutex
	spans   []Span
}

// Listen starts a receiver at a TCP address.
func Listen(address string) (*Receiver, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, err
	}
	r := &Receiver{server: grpc.NewServer(), address: listener.Addr().String()}
	collector.RegisterTraceServiceServer(r.server, r)
	go func() { _ = r.server.Serve(listener) }() // until Close
	return r, nil
}

// Address returns the address at which the receiver listens.
func (r *Receiver) Address() string { return r.address }

// Close stops the receiver.
func (r *Receiver) Close() { r.server.Stop() }

// Export implements collector.TraceServiceServer.
func (r *Receiver) Export(_ context.Context, request *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, resource := range request.GetResourceSpans() {
		service := ""
		for _, attribute := range resource.GetResource().GetAttributes() {
			if attribute.GetKey() == "service.name" {
				service = attribute.GetValue().GetStringValue()
			}
		}
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				r.spans = append(r.spans, Span{span, service})
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// Spans returns the spans received so far.
func (r *Receiver) Spans() []Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.spans)
}

// Of returns the spans of a trace received so far, by the time at which they began.
func (r *Receiver) Of(trace string) []Span {
	found := slices.DeleteFunc(r.Spans(), func(s Span) bool { return s.Trace() != trace })
	slices.SortStableFunc(found, func(a, b Span) int {
		return int(int64(a.GetStartTimeUnixNano()) - int64(b.GetStartTimeUnixNano())) //nolint:gosec // a difference of seconds
	})
	return found
}
