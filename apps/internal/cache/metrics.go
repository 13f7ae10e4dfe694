package cache

import "github.com/prometheus/client_golang/prometheus"

// Metrics has the metrics of a service's caches.
type Metrics struct {
	gets   *prometheus.CounterVec
	faults *prometheus.CounterVec
}

// NewMetrics registers the metrics. One Metrics serves all caches of a service.
func NewMetrics(registerer prometheus.Registerer) *Metrics {
	m := &Metrics{
		gets: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "phonebill_cache_gets_total",
			Help: "Reads of values, by kind and the level that had the value: l1, l2 or source.",
		}, []string{"kind", "level"}),
		faults: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "phonebill_cache_l2_faults_total",
			Help: "Reads and writes of the shared cache that failed, by kind.",
		}, []string{"kind", "op"}),
	}
	registerer.MustRegister(m.gets, m.faults)
	return m
}

// export exports the reads of a kind as 0 from the start: Prometheus does not see the increase to a
// first value.
func (m *Metrics) export(kind string) {
	for _, level := range []Level{FromL1, FromL2, FromSource} {
		m.gets.WithLabelValues(kind, string(level))
	}
}

func (m *Metrics) hit(kind string, level Level) { m.gets.WithLabelValues(kind, string(level)).Inc() }
func (m *Metrics) fault(kind, op string)        { m.faults.WithLabelValues(kind, op).Inc() }
