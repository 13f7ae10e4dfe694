package outbox

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// Metrics has the metrics of the events that are due and not published yet.
type Metrics struct {
	pool   *pgxpool.Pool
	events prometheus.Gauge
	oldest prometheus.Gauge
}

// NewMetrics registers the metrics of the outbox in pool's database.
func NewMetrics(pool *pgxpool.Pool, registerer prometheus.Registerer) *Metrics {
	m := &Metrics{
		pool: pool,
		events: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "phonebill_outbox_events", Help: "Events that are due and not published yet. Each replica exports the total.",
		}),
		oldest: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "phonebill_outbox_oldest_seconds", Help: "Time since the oldest event that is not published was due; 0 if there is none.",
		}),
	}
	registerer.MustRegister(m.events, m.oldest)
	return m
}

// Watch keeps the gauges up to date until ctx ends.
func (m *Metrics) Watch(ctx context.Context, log *slog.Logger) {
	telemetry.Measure(ctx, log, "outbox", m.measure)
}

// Each failed attempt schedules the job anew; its first error says when it was due. An
// event of a plan that begins later is not due.
const due = `
SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(due))::float8, 0)
FROM (SELECT coalesce((errors[1]->>'at')::timestamptz, scheduled_at) AS due
      FROM river_job
      WHERE kind = $1 AND state IN ('available', 'pending', 'retryable', 'running', 'scheduled')) AS job
WHERE due <= clock_timestamp()`

func (m *Metrics) measure(ctx context.Context) error {
	var events, oldest float64
	if err := m.pool.QueryRow(ctx, due, announceArgs{}.Kind()).Scan(&events, &oldest); err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	m.events.Set(events)
	m.oldest.Set(oldest)
	return nil
}
