package componenttest

import (
	"net/http"
	"strings"
	"testing"
)

// BenchmarkStaleInquiry measures inquiries of one stale bill while KOS's budget is spent, so that the
// bill stays stale and each answer promises a fresher one. Warm inquiries of another bill take turns
// with them (see BenchmarkWarmInquiry). The result is the median of the rounds:
//
//	ratio   throughput of the stale inquiries divided by that of the warm ones
//
//	make bench ONLY="-bench=StaleInquiry -benchtime=5x ./apps/bill-inquiry-service/componenttest"
func BenchmarkStaleInquiry(b *testing.B) {
	const clients = 64
	w := newLoggingWorld(b)
	own := lines(2)
	swarms := make([]*swarm, len(own))
	customers := make([]*customer, len(own))
	for i, line := range own {
		customers[i] = w.login(line)
		if got := customers[i].inquire(line, ""); got.status != http.StatusOK {
			b.Fatalf("got %+v", got)
		}
		swarms[i] = newSwarm(b, w.server.Addr(), clients, inquiryOf(line, customers[i].token))
	}
	if _, err := w.db.Pool.Exec(b.Context(), "UPDATE kos_budget SET full_at = full_at + interval '1 hour'"); err != nil {
		b.Fatal(err)
	}
	customers[1].makeStale(own[1])
	warm, stale := swarms[0], swarms[1]
	warm.warmUp(b)
	var ratios []float64
	for b.Loop() {
		usual := warm.turn(b)
		ratios = append(ratios, usual.took/stale.turn(b).took)
		if body := string(stale.warmUp(b)); !strings.Contains(body, `"stale":true`) {
			b.Fatalf("not stale: %s", body)
		}
	}
	b.ReportMetric(0, "ns/op") // a round is no operation of interest
	b.ReportMetric(median(ratios), "ratio")
	b.ReportMetric(0.8, "min:ratio")
}
