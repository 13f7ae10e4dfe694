package outbox_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/jobs"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/outbox"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/postgres"
)

// An event that the broker does not take was due at its first attempt. One of a plan that
// begins later, and one that is published, do not count.
func TestMetricsOfTheOutbox(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, postgres.Migrations(), pgtest.Step{Name: jobs.Version, Apply: jobs.Migrate}).Pool
	const insert = `INSERT INTO river_job (args, kind, max_attempts, state, scheduled_at, finalized_at, errors) VALUES
		('{"requestId":"1"}', 'announce_change', 9, 'retryable', now() + interval '3 s', NULL,
			ARRAY[jsonb_build_object('at', now() - interval '1 h'), jsonb_build_object('at', now())]),
		('{"requestId":"2"}', 'announce_change', 9, 'available', now() - interval '1 min', NULL, NULL),
		('{"requestId":"3"}', 'announce_change', 9, 'scheduled', now() + interval '1 day', NULL, NULL),
		('{"requestId":"4"}', 'announce_change', 9, 'completed', now() - interval '1 day', now(), NULL),
		('{}', 'forget_keys', 9, 'available', now() - interval '1 day', NULL, NULL)`
	if _, err := pool.Exec(t.Context(), insert); err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	metrics := outbox.NewMetrics(pool, registry)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); metrics.Watch(ctx, slog.New(slog.DiscardHandler)) }()
	defer func() { stop(); <-done }()

	deadline := time.After(30 * time.Second)
	for gauge(t, registry, "phonebill_outbox_events") != 2 {
		select {
		case <-deadline:
			t.Fatalf("%g events are due", gauge(t, registry, "phonebill_outbox_events"))
		case <-time.After(20 * time.Millisecond):
		}
	}
	if oldest := gauge(t, registry, "phonebill_outbox_oldest_seconds"); oldest < 3600 || oldest > 3700 {
		t.Errorf("the oldest is %g s old", oldest)
	}
}

// gauge returns the value of a gauge without labels.
func gauge(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}
