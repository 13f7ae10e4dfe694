package queue

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// Metrics has the metrics of a service's queues.
type Metrics struct {
	attempts *prometheus.CounterVec
	waited   *prometheus.HistogramVec
	items    *prometheus.GaugeVec
	oldest   *prometheus.GaugeVec
}

// NewMetrics registers the metrics.
func NewMetrics(registerer prometheus.Registerer) *Metrics {
	labels := []string{"endpoint", "class"}
	m := &Metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "phonebill_kos_queue_attempts_total",
			Help: "Attempts of queued items, by endpoint, class and outcome: answered, given_up, unanswered, not_called, throttled, postponed, interrupted or failed.",
		}, append(labels, "outcome")),
		waited: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "phonebill_kos_queue_wait_seconds",
			Help:    "Time from the enqueue of an item to the answer of KOS, by endpoint and class.",
			Buckets: []float64{.25, .5, 1, 2, 4, 8, 15, 30, 60, 120, 300, 600, 1200, 3600, 86400},
		}, labels),
		items: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "phonebill_kos_queue_items", Help: "Queued items of all replicas, claimed ones included, by endpoint and class (interactive, background). Each replica exports the total.",
		}, labels),
		oldest: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "phonebill_kos_queue_oldest_seconds", Help: "Age of the oldest queued item of all replicas, by endpoint and class; 0 if there is none.",
		}, labels),
	}
	registerer.MustRegister(m.attempts, m.waited, m.items, m.oldest)
	return m
}

func (m *Metrics) attempted(item Item, outcome kind) {
	m.attempts.WithLabelValues(item.Endpoint, item.Class.String(), string(outcome)).Inc()
	if outcome == kindAnswered {
		m.waited.WithLabelValues(item.Endpoint, item.Class.String()).Observe(time.Since(item.EnqueuedAt).Seconds())
	}
}

// Watch keeps the gauges of a queue up to date until ctx ends.
func (m *Metrics) Watch(ctx context.Context, q *Queue, log *slog.Logger) {
	telemetry.Measure(ctx, log, "kos queue", func(ctx context.Context) error { return m.measure(ctx, q) })
}

// measure sets the gauges, to 0 for empty queues: autoscalers need the value.
func (m *Metrics) measure(ctx context.Context, q *Queue) error {
	counts, err := q.Counts(ctx)
	if err != nil {
		return err
	}
	found := map[Count]Count{}
	for _, c := range counts {
		found[Count{Endpoint: c.Endpoint, Class: c.Class}] = c
	}
	for _, endpoint := range q.names {
		for class := range Class(classes) {
			c := found[Count{Endpoint: endpoint, Class: class}]
			m.items.WithLabelValues(endpoint, class.String()).Set(float64(c.Items))
			m.oldest.WithLabelValues(endpoint, class.String()).Set(c.Oldest.Seconds())
		}
	}
	return nil
}
