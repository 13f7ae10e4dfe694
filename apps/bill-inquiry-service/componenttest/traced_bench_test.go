package componenttest

import (
	"bytes"
	"context"
	"net"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
)

// BenchmarkTracedWarmInquiry measures what traces cost a warm inquiry (see BenchmarkWarmInquiry). One
// service takes turns in exporting no traces, because the clients decide so, every tenth, as in
// production, and all, because the clients decide so. The collector runs in this process: its work
// counts as cost too. The results are medians of the rounds, divided by those without traces:
//
//	tenth-ratio, all-ratio   throughput
//	tenth-cpu, all-cpu       CPU time of the process for each request, with that of the export
//
//	make bench ONLY="-bench=TracedWarmInquiry -benchtime=9x ./apps/bill-inquiry-service/componenttest"
func BenchmarkTracedWarmInquiry(b *testing.B) {
	const clients, parent = 64, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-"
	w := newLoggingWorld(b, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+collect(b), "OTEL_TRACES_SAMPLER_ARG=0.1")
	tenth := inquiryRequest(w.login(line).token)
	decided := func(flags string) []byte {
		return bytes.Replace(tenth, []byte("User-Agent"), []byte("traceparent: "+parent+flags+"\r\nUser-Agent"), 1)
	}
	swarms := map[string]*swarm{}
	for name, request := range map[string][]byte{"none": decided("00"), "tenth": tenth, "all": decided("01")} {
		swarms[name] = newSwarm(b, w.server.Addr(), clients, request)
		swarms[name].warmUp(b)
	}
	throughput, cpu := map[string][]float64{}, map[string][]float64{}
	for b.Loop() {
		round := map[string]usage{}
		for name, s := range swarms { // in random order
			round[name] = s.exportedTurn(b)
		}
		for name, used := range round {
			throughput[name] = append(throughput[name], round["none"].took/used.took)
			cpu[name] = append(cpu[name], used.cpu/round["none"].cpu)
		}
	}
	b.ReportMetric(0, "ns/op") // a round is no operation of interest
	for _, name := range []string{"tenth", "all"} {
		b.ReportMetric(median(throughput[name]), name+"-ratio")
		b.ReportMetric(median(cpu[name]), name+"-cpu")
	}
	b.ReportMetric(0.9, "min:tenth-ratio")
}

// exportedTurn is a turn whose CPU time includes that of the export of its last spans.
func (s *swarm) exportedTurn(b *testing.B) usage {
	b.Helper()
	before := consumed(b)
	used := s.turn(b)
	<-time.After(1500 * time.Millisecond) // spans wait for up to a second
	used.cpu = (consumed(b).cpu - before.cpu) / used.requests
	return used
}

// discard is a collector that drops what it receives.
type discard struct {
	collector.UnimplementedTraceServiceServer
}

// Export implements collector.TraceServiceServer.
func (discard) Export(context.Context, *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	return &collector.ExportTraceServiceResponse{}, nil
}

// collect starts a collector and returns its address.
func collect(b *testing.B) string {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := grpc.NewServer()
	collector.RegisterTraceServiceServer(server, discard{})
	go func() { _ = server.Serve(listener) }()
	b.Cleanup(server.Stop)
	return listener.Addr().String()
}
