// Package metrics counts what happens to inquiries and to what waits for KOS.
package metrics

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/postgres"
)

// Metrics implements bill.Meter.
type Metrics struct {
	answers    *prometheus.CounterVec
	fetches    *prometheus.CounterVec
	waited     *prometheus.HistogramVec
	prefetches *prometheus.CounterVec
	waiting    *prometheus.GaugeVec
	oldest     *prometheus.GaugeVec
}

var _ bill.Meter = (*Metrics)(nil)

// New registers the metrics.
func New(registerer prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	}
	m := &Metrics{
		answers: counter("phonebill_inquiry_answers_total",
			"Inquiries, by how they were answered: fresh, stale, refused, accepted, in_progress, full or unavailable.", "how"),
		fetches: counter("phonebill_inquiry_fetches_total",
			"Questions brought to KOS that had waited in line, by class and outcome.", "class", "outcome"),
		waited: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "phonebill_inquiry_wait_seconds",
			Help:    "How long questions waited in line until KOS had answered, by class.",
			Buckets: []float64{.5, 1, 2, 4, 8, 15, 30, 60, 120, 300, 600, 1200},
		}, []string{"class"}),
		prefetches: counter("phonebill_prefetches_total",
			"What may be needed soon, by why (login, nightly, hot) and outcome: enqueued, known, waiting, full, failed, fetched or used.",
			"reason", "outcome"),
		waiting: gauge("phonebill_inquiries_waiting", "Questions that wait in line, of all replicas, by endpoint and class.", "endpoint", "class"),
		oldest:  gauge("phonebill_inquiries_oldest_waiting_seconds", "Age of the oldest question in line, by endpoint and class.", "endpoint", "class"),
	}
	registerer.MustRegister(m.answers, m.fetches, m.waited, m.prefetches, m.waiting, m.oldest)
	return m
}

// Answered implements bill.Meter.
func (m *Metrics) Answered(how bill.Answer) { m.answers.WithLabelValues(string(how)).Inc() }

// Fetched implements bill.Meter.
func (m *Metrics) Fetched(class bill.Class, outcome string, waited time.Duration) {
	m.fetches.WithLabelValues(class.String(), outcome).Inc()
	if waited > 0 {
		m.waited.WithLabelValues(class.String()).Observe(waited.Seconds())
	}
}

// Prefetched implements bill.Meter.
func (m *Metrics) Prefetched(reason, outcome string) {
	m.prefetches.WithLabelValues(reason, outcome).Inc()
}

// Line is what is looked at. See postgres.Queue.
type Line interface {
	Waiting(ctx context.Context) ([]postgres.Waiting, error)
}

const (
	watchEvery = 5 * time.Second
	watchLimit = 2 * time.Second
)

// Watch keeps the gauges up to date until ctx ends.
func (m *Metrics) Watch(ctx context.Context, line Line, log *slog.Logger) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		if err := m.look(ctx, line); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "line not measured", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (m *Metrics) look(ctx context.Context, line Line) error {
	ctx, cancel := context.WithTimeout(ctx, watchLimit)
	defer cancel()
	waiting, err := line.Waiting(ctx)
	if err != nil {
		return err
	}
	m.waiting.Reset()
	m.oldest.Reset()
	for _, w := range waiting {
		m.waiting.WithLabelValues(string(w.Endpoint), w.Class.String()).Set(float64(w.Count))
		m.oldest.WithLabelValues(string(w.Endpoint), w.Class.String()).Set(w.Oldest.Seconds())
	}
	return nil
}
