package budget

import (
	"context"
	"errors"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// Metrics has the metrics of a service's budgets.
type Metrics struct {
	left      *prometheus.GaugeVec
	size      *prometheus.GaugeVec
	share     *prometheus.GaugeVec
	throttled *prometheus.CounterVec
	budgets   []*Budget
}

// NewMetrics registers the metrics. One Metrics serves all budgets of a service.
func NewMetrics(registerer prometheus.Registerer) *Metrics {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"endpoint"})
	}
	m := &Metrics{
		left:  gauge("phonebill_kos_budget_left_calls", "Calls of KOS that all replicas could make at once, by endpoint."),
		size:  gauge("phonebill_kos_budget_size_calls", "Calls of KOS that all replicas could make at once after a pause, by endpoint."),
		share: gauge("phonebill_kos_budget_share_ratio", "Part of the configured rate in use, by endpoint; 1 unless KOS has answered 429."),
		throttled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "phonebill_kos_throttled_total",
			Help: "Answers of KOS with status 429, by endpoint.",
		}, []string{"endpoint"}),
	}
	registerer.MustRegister(m.left, m.size, m.share, m.throttled)
	return m
}

// Measure returns b with metrics: its 429 answers are counted, and Watch updates its
// gauges. Call it before Watch.
func (m *Metrics) Measure(b *Budget) *Budget {
	measured := *b
	measured.throttled = m.throttled.WithLabelValues(b.endpoint)
	m.size.WithLabelValues(b.endpoint).Set(float64(b.advance() / b.interval))
	m.budgets = append(m.budgets, &measured)
	return &measured
}

// Watch keeps the gauges up to date until ctx ends.
func (m *Metrics) Watch(ctx context.Context, log *slog.Logger) {
	telemetry.Measure(ctx, log, "kos budgets", m.update)
}

func (m *Metrics) update(ctx context.Context) error {
	var faults []error
	for _, b := range m.budgets {
		now, err := b.State(ctx)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		m.left.WithLabelValues(b.endpoint).Set(float64(now.Left))
		m.share.WithLabelValues(b.endpoint).Set(now.Share)
	}
	return errors.Join(faults...)
}
