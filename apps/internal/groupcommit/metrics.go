package groupcommit

import "github.com/prometheus/client_golang/prometheus"

// Metrics are the metrics of a service's writers, labelled by kind of row.
type Metrics struct {
	rows    *prometheus.CounterVec
	groups  *prometheus.HistogramVec
	pending *prometheus.GaugeVec
}

// NewMetrics registers the metrics. All writers of a service share one Metrics.
func NewMetrics(registerer prometheus.Registerer) *Metrics {
	m := &Metrics{
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "phonebill_history_rows_total",
			Help: "Rows by outcome: committed, late (committed after the response), dropped (lost).",
		}, []string{"kind", "outcome"}),
		groups: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "phonebill_history_group_rows",
			Help:    "Rows per commit.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 10),
		}, []string{"kind"}),
		pending: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "phonebill_history_rows_pending",
			Help: "Rows waiting for a commit.",
		}, []string{"kind"}),
	}
	registerer.MustRegister(m.rows, m.groups, m.pending)
	return m
}

func (m *Metrics) committed(kind string, rows, late int) {
	m.rows.WithLabelValues(kind, "committed").Add(float64(rows - late))
	m.rows.WithLabelValues(kind, "late").Add(float64(late))
	m.groups.WithLabelValues(kind).Observe(float64(rows))
}

func (m *Metrics) dropped(kind string, rows int) {
	m.rows.WithLabelValues(kind, "dropped").Add(float64(rows))
}

func (m *Metrics) waiting(kind string, rows int) {
	m.pending.WithLabelValues(kind).Set(float64(rows))
}
