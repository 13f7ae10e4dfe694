package budget_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	kosbudget "github.com/phonebill/phonebill/apps/internal/kos/budget"
)

func TestMetricsOfBudgets(t *testing.T) {
	t.Parallel()
	pool, _ := pools(t)
	registry := prometheus.NewRegistry()
	metrics := kosbudget.NewMetrics(registry)
	orders := metrics.Measure(kosbudget.New(pool, "us", "product-change", kosbudget.PerMinute(16))) // two at once
	metrics.Measure(kosbudget.New(pool, "us", "products", kosbudget.PerMinute(16)))
	reserve(t, orders)
	if err := orders.Throttled(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	watching, stop := context.WithCancel(t.Context())
	defer stop()
	go metrics.Watch(watching, slog.New(slog.DiscardHandler))

	const want = `
# HELP phonebill_kos_budget_left_calls Calls of KOS that all replicas could make at once, by endpoint.
# TYPE phonebill_kos_budget_left_calls gauge
phonebill_kos_budget_left_calls{endpoint="product-change"} 0
phonebill_kos_budget_left_calls{endpoint="products"} 2
# HELP phonebill_kos_budget_share_ratio Part of the configured rate in use, by endpoint; 1 unless KOS has answered 429.
# TYPE phonebill_kos_budget_share_ratio gauge
phonebill_kos_budget_share_ratio{endpoint="product-change"} 0.5
phonebill_kos_budget_share_ratio{endpoint="products"} 1
# HELP phonebill_kos_budget_size_calls Calls of KOS that all replicas could make at once after a pause, by endpoint.
# TYPE phonebill_kos_budget_size_calls gauge
phonebill_kos_budget_size_calls{endpoint="product-change"} 2
phonebill_kos_budget_size_calls{endpoint="products"} 2
# HELP phonebill_kos_throttled_total Answers of KOS with status 429, by endpoint.
# TYPE phonebill_kos_throttled_total counter
phonebill_kos_throttled_total{endpoint="product-change"} 1
phonebill_kos_throttled_total{endpoint="products"} 0
`
	deadline := time.After(30 * time.Second)
	for testutil.GatherAndCompare(registry, strings.NewReader(want)) != nil {
		select {
		case <-deadline:
			t.Fatal(testutil.GatherAndCompare(registry, strings.NewReader(want)))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// While the database is unavailable the gauges are not updated; Watch retries.
func TestMetricsContinueWithoutDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		metrics := kosbudget.NewMetrics(registry)
		budget := metrics.Measure(kosbudget.New(away{}, "us", "products", kosbudget.PerMinute(16)))
		var log strings.Builder
		watching, stop := context.WithTimeout(t.Context(), 11*time.Second)
		defer stop()
		metrics.Watch(watching, slog.New(slog.NewTextHandler(&log, nil)))
		if looked := strings.Count(log.String(), "what=\"kos budgets\""); looked != 3 {
			t.Errorf("%d updates within 11 s", looked)
		}
		if err := budget.Throttled(t.Context(), time.Second); err == nil {
			t.Error("the database was written")
		}
		if n, err := testutil.GatherAndCount(registry); err != nil || n != 2 { // the 429 is counted, and the size is known
			t.Errorf("%d metrics, %v", n, err)
		}
	})
}
