// Package metrics has the counters of inquiries and prefetches.
package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
)

// Metrics implements bill.Meter.
type Metrics struct {
	answers    *prometheus.CounterVec
	prefetches *prometheus.CounterVec
}

var _ bill.Meter = (*Metrics)(nil)

// New registers the metrics.
func New(registerer prometheus.Registerer) *Metrics {
	m := &Metrics{
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "phonebill_inquiry_answers_total",
			Help: "Inquiries, by how they were answered: fresh, stale, refused, accepted, in_progress, full or unavailable.",
		}, []string{"how"}),
		prefetches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "phonebill_prefetches_total",
			Help: "What may be needed soon, by why (login, nightly, hot) and outcome: enqueued, known, waiting, full, failed, fetched or used.",
		}, []string{"reason", "outcome"}),
	}
	registerer.MustRegister(m.answers, m.prefetches)
	return m
}

// Answered implements bill.Meter.
func (m *Metrics) Answered(how bill.Answer) { m.answers.WithLabelValues(string(how)).Inc() }

// Prefetched implements bill.Meter.
func (m *Metrics) Prefetched(reason, outcome string) {
	m.prefetches.WithLabelValues(reason, outcome).Inc()
}
