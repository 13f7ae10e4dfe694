package metrics_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/metrics"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/postgres"
)

func TestCounters(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	m := metrics.New(registry)
	m.Answered(bill.Fresh)
	m.Answered(bill.Fresh)
	m.Answered(bill.Stale)
	m.Fetched(bill.Interactive, "answered", 3*time.Second)
	m.Fetched(bill.Background, "limited", 0) // it goes on waiting
	m.Prefetched("login", "enqueued")
	want := strings.NewReader(`
# HELP phonebill_inquiry_answers_total Inquiries, by how they were answered: fresh, stale, refused, accepted, in_progress, full or unavailable.
# TYPE phonebill_inquiry_answers_total counter
phonebill_inquiry_answers_total{how="fresh"} 2
phonebill_inquiry_answers_total{how="stale"} 1
# HELP phonebill_inquiry_fetches_total Questions brought to KOS that had waited in line, by class and outcome.
# TYPE phonebill_inquiry_fetches_total counter
phonebill_inquiry_fetches_total{class="background",outcome="limited"} 1
phonebill_inquiry_fetches_total{class="interactive",outcome="answered"} 1
# HELP phonebill_prefetches_total What may be needed soon, by why (login, nightly, hot) and outcome: enqueued, known, waiting, full, failed, fetched or used.
# TYPE phonebill_prefetches_total counter
phonebill_prefetches_total{outcome="enqueued",reason="login"} 1
`)
	err := testutil.GatherAndCompare(registry, want, "phonebill_inquiry_answers_total", "phonebill_inquiry_fetches_total",
		"phonebill_prefetches_total")
	if err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(registry, "phonebill_inquiry_wait_seconds"); n != 1 || err != nil {
		t.Errorf("waits of %d classes, %v: who still waits has not waited", n, err)
	}
}

// world is the line, as it is looked at.
type world struct {
	mu      sync.Mutex
	waiting []postgres.Waiting
	err     error
}

// Waiting implements metrics.Line.
func (w *world) Waiting(context.Context) ([]postgres.Waiting, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.waiting, w.err
}

func (w *world) set(waiting []postgres.Waiting, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting, w.err = waiting, err
}

func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		registry, w := prometheus.NewRegistry(), &world{}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go metrics.New(registry).Watch(ctx, w, slog.New(slog.DiscardHandler))
		want := func(text string) {
			t.Helper()
			synctest.Wait()
			err := testutil.GatherAndCompare(registry, strings.NewReader(text), "phonebill_inquiries_waiting",
				"phonebill_inquiries_oldest_waiting_seconds")
			if err != nil {
				t.Error(err)
			}
		}
		want("")

		waiting := []postgres.Waiting{
			{Endpoint: bill.BillInquiry, Class: bill.Interactive, Count: 7, Oldest: 90 * time.Second},
			{Endpoint: bill.ProductInquiry, Class: bill.Background, Count: 1, Oldest: time.Second},
		}
		const both = `
# HELP phonebill_inquiries_oldest_waiting_seconds Age of the oldest question in line, by endpoint and class.
# TYPE phonebill_inquiries_oldest_waiting_seconds gauge
phonebill_inquiries_oldest_waiting_seconds{class="background",endpoint="product-inquiry"} 1
phonebill_inquiries_oldest_waiting_seconds{class="interactive",endpoint="bill-inquiry"} 90
# HELP phonebill_inquiries_waiting Questions that wait in line, of all replicas, by endpoint and class.
# TYPE phonebill_inquiries_waiting gauge
phonebill_inquiries_waiting{class="background",endpoint="product-inquiry"} 1
phonebill_inquiries_waiting{class="interactive",endpoint="bill-inquiry"} 7
`
		w.set(waiting, nil)
		nextLook()
		want(both)
		w.set(nil, errors.New("connection refused")) // what was seen last stays
		nextLook()
		want(both)
		w.set(nil, nil)
		nextLook()
		want("")
	})
}

// nextLook comes on the clock of the bubble that the test runs in.
func nextLook() { time.Sleep(5 * time.Second) } //nolint:forbidigo // nobody waits for it
