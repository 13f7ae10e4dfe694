// Package metrics counts what happens to inquiries and to what waits for KOS.
package metrics

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/kosbudget"
)

// Metrics implements bill.Meter.
type Metrics struct {
	answers    *prometheus.CounterVec
	fetches    *prometheus.CounterVec
	waited     *prometheus.HistogramVec
	prefetches *prometheus.CounterVec
	throttled  *prometheus.CounterVec
	waiting    *prometheus.GaugeVec
	oldest     *prometheus.GaugeVec
	left       *prometheus.GaugeVec
	share      *prometheus.GaugeVec
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
		throttled: counter("phonebill_kos_throttled_total", "Refusals of KOS for having asked too often, by endpoint.", "endpoint"),
		waiting:   gauge("phonebill_inquiries_waiting", "Questions that wait in line, of all replicas, by endpoint and class.", "endpoint", "class"),
		oldest:    gauge("phonebill_inquiries_oldest_waiting_seconds", "Age of the oldest question in line, by endpoint and class.", "endpoint", "class"),
		left:      gauge("phonebill_kos_budget_left_calls", "Calls of KOS that all replicas could make at once, by endpoint.", "endpoint"),
		share:     gauge("phonebill_kos_budget_share_ratio", "Part of the agreed rate that KOS allows, by endpoint.", "endpoint"),
	}
	registerer.MustRegister(m.answers, m.fetches, m.waited, m.prefetches, m.throttled, m.waiting, m.oldest, m.left, m.share)
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

// Throttled counts KOS's refusals for having asked too often.
func (m *Metrics) Throttled(endpoint bill.Endpoint) {
	m.throttled.WithLabelValues(string(endpoint)).Inc()
}

// Line is what is looked at. See postgres.Queue.
type Line interface {
	Waiting(ctx context.Context) ([]postgres.Waiting, error)
}

// Budgets are looked at too. See postgres.Budgets.
type Budgets interface {
	State(ctx context.Context, endpoint bill.Endpoint) (kosbudget.State, error)
}

const (
	watchEvery = 5 * time.Second
	watchLimit = 2 * time.Second
)

// Watch keeps the gauges up to date until ctx ends.
func (m *Metrics) Watch(ctx context.Context, line Line, budgets Budgets, log *slog.Logger) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		if err := m.look(ctx, line, budgets); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "line not measured", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (m *Metrics) look(ctx context.Context, line Line, budgets Budgets) error {
	ctx, cancel := context.WithTimeout(ctx, watchLimit)
	defer cancel()
	waiting, err := line.Waiting(ctx)
	if err == nil {
		m.waiting.Reset()
		m.oldest.Reset()
	}
	for _, w := range waiting {
		m.waiting.WithLabelValues(string(w.Endpoint), w.Class.String()).Set(float64(w.Count))
		m.oldest.WithLabelValues(string(w.Endpoint), w.Class.String()).Set(w.Oldest.Seconds())
	}
	faults := []error{err}
	for _, endpoint := range []bill.Endpoint{bill.BillInquiry, bill.ProductInquiry} {
		now, err := budgets.State(ctx, endpoint)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		m.left.WithLabelValues(string(endpoint)).Set(float64(now.Left))
		m.share.WithLabelValues(string(endpoint)).Set(now.Share)
	}
	return errors.Join(faults...)
}
