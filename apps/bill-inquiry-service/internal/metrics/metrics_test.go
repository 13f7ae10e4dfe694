package metrics_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/metrics"
)

func TestCounters(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	m := metrics.New(registry)
	m.Answered(bill.Fresh)
	m.Answered(bill.Fresh)
	m.Answered(bill.Stale)
	m.Prefetched("login", "enqueued")
	want := strings.NewReader(`
# HELP phonebill_inquiry_answers_total Inquiries, by how they were answered: fresh, stale, refused, accepted, in_progress, full or unavailable.
# TYPE phonebill_inquiry_answers_total counter
phonebill_inquiry_answers_total{how="fresh"} 2
phonebill_inquiry_answers_total{how="stale"} 1
# HELP phonebill_prefetches_total What may be needed soon, by why (login, nightly, hot) and outcome: enqueued, known, waiting, full, failed, fetched or used.
# TYPE phonebill_prefetches_total counter
phonebill_prefetches_total{outcome="enqueued",reason="login"} 1
`)
	err := testutil.GatherAndCompare(registry, want, "phonebill_inquiry_answers_total", "phonebill_prefetches_total")
	if err != nil {
		t.Error(err)
	}
}
