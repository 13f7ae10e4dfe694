// Package metrics counts what happens to plan changes.
package metrics

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/postgres"
)

// Metrics implements change.Meter.
type Metrics struct {
	finished *prometheus.CounterVec
	duration *prometheus.HistogramVec
	attempts *prometheus.CounterVec
	waiting  *prometheus.GaugeVec
	oldest   prometheus.Gauge
}

var _ change.Meter = (*Metrics)(nil)

// New registers the metrics.
func New(registerer prometheus.Registerer) *Metrics {
	m := &Metrics{
		finished: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "phonebill_changes_finished_total",
			Help: "Plan changes that became final, by status and result code.",
		}, []string{"status", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "phonebill_change_duration_seconds",
			Help:    "Time from a change's acceptance to its end, by status.",
			Buckets: []float64{.25, .5, 1, 2, 4, 8, 15, 30, 60, 120, 300, 900, 3600, 86400},
		}, []string{"status"}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "phonebill_change_attempts_total",
			Help: "How often changes were looked after, by what that led to.",
		}, []string{"step"}),
		waiting: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "phonebill_changes_waiting",
			Help: "Accepted changes that are not final, of all replicas, by status and what they wait for.",
		}, []string{"status", "reason"}),
		oldest: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "phonebill_changes_oldest_waiting_seconds",
			Help: "Age of the oldest accepted change that is not final; 0 if there is none.",
		}),
	}
	registerer.MustRegister(m.finished, m.duration, m.attempts, m.waiting, m.oldest)
	return m
}

// Attempted implements change.Meter.
func (m *Metrics) Attempted(step change.Step) { m.attempts.WithLabelValues(string(step)).Inc() }

// Finished implements change.Meter.
func (m *Metrics) Finished(status change.Status, resultCode string, took time.Duration) {
	m.finished.WithLabelValues(string(status), clamp(resultCode)).Inc()
	m.duration.WithLabelValues(string(status)).Observe(took.Seconds())
}

// clamp keeps the carrier from inventing label values.
func clamp(code string) string {
	switch code {
	case "0000", "2001", "2002", "2003", "2004", "2005", "2006", "2099", "EXPIRED":
		return code
	}
	return "other"
}

// Queue is what is looked at. See postgres.Queue.
type Queue interface {
	Waiting(ctx context.Context) ([]postgres.Waiting, error)
}

const (
	watchEvery = 5 * time.Second
	watchLimit = 2 * time.Second
)

// Watch keeps the gauges of the queue up to date until ctx ends.
func (m *Metrics) Watch(ctx context.Context, queue Queue, log *slog.Logger, now func() time.Time) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		if err := m.look(ctx, queue, now()); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "queue not measured", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (m *Metrics) look(ctx context.Context, queue Queue, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, watchLimit)
	defer cancel()
	waiting, err := queue.Waiting(ctx)
	if err != nil {
		return err
	}
	m.waiting.Reset()
	oldest := now
	for _, w := range waiting {
		m.waiting.WithLabelValues(string(w.Status), reason(w.Reason)).Set(float64(w.Count))
		if w.Oldest.Before(oldest) {
			oldest = w.Oldest
		}
	}
	m.oldest.Set(now.Sub(oldest).Seconds())
	return nil
}

// reason names the absence of one: the change is on its way.
func reason(r change.Reason) string {
	if r == change.NotWaiting {
		return "NONE"
	}
	return string(r)
}
