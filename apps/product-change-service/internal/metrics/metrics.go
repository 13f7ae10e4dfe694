// Package metrics has the metrics of plan changes and prefetches.
package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// Metrics implements change.Meter and product.Meter.
type Metrics struct {
	finished   *prometheus.CounterVec
	duration   *prometheus.HistogramVec
	prefetched *prometheus.CounterVec
}

var (
	_ change.Meter  = (*Metrics)(nil)
	_ product.Meter = (*Metrics)(nil)
)

// New registers the metrics.
func New(registerer prometheus.Registerer) *Metrics {
	m := &Metrics{
		finished: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "phonebill_changes_finished_total",
			Help: "Plan changes that became final, by status and result code: that of KOS, EXPIRED (no answer for 24 hours) or other.",
		}, []string{"status", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "phonebill_change_duration_seconds",
			Help:    "Time from a change's acceptance to its end, by status.",
			Buckets: []float64{.25, .5, 1, 2, 4, 8, 15, 30, 60, 120, 300, 900, 3600, 86400},
		}, []string{"status"}),
		prefetched: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "phonebill_subscriber_prefetches_total",
			Help: "Prefetches of subscribers, by reason (login, hot, preload) and outcome: enqueued, waiting, known, full, failed or fetched.",
		}, []string{"reason", "outcome"}),
	}
	registerer.MustRegister(m.finished, m.duration, m.prefetched)
	// Exported as 0 from the start: Prometheus does not see the increase to a first value.
	for _, code := range []string{"EXPIRED", other} {
		m.finished.WithLabelValues(string(change.Failed), code)
	}
	return m
}

// Finished implements change.Meter.
func (m *Metrics) Finished(status change.Status, resultCode string, took time.Duration) {
	m.finished.WithLabelValues(string(status), clamp(resultCode)).Inc()
	m.duration.WithLabelValues(string(status)).Observe(took.Seconds())
}

// Prefetched implements product.Meter.
func (m *Metrics) Prefetched(reason, outcome string) {
	m.prefetched.WithLabelValues(reason, outcome).Inc()
}

// other is the label value of unknown codes.
const other = "other"

// clamp returns a result code as a label value, and other for an unknown code.
func clamp(code string) string {
	switch code {
	case "0000", "2001", "2002", "2003", "2004", "2005", "2006", "2099", "EXPIRED":
		return code
	}
	return other
}
