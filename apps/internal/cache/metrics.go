package cache

import "github.com/prometheus/client_golang/prometheus"

// Metrics count what the caches of a service do.
type Metrics struct {
	gets     *prometheus.CounterVec
	faults   *prometheus.CounterVec
	renewals *prometheus.CounterVec
}

// NewMetrics registers the metrics. One Metrics serves all caches of a service.
func NewMetrics(registerer prometheus.Registerer) *Metrics {
	m := &Metrics{
		gets: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "phonebill_cache_gets_total",
			Help: "Values got, by kind and by the level that had them: l1, l2 or source.",
		}, []string{"kind", "level"}),
		faults: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "phonebill_cache_l2_faults_total",
			Help: "Reads and writes of the shared cache that failed, by kind.",
		}, []string{"kind", "op"}),
		renewals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "phonebill_cache_refreshes_ahead_total",
			Help: "Values asked for anew before they expired, by kind and outcome: done or failed.",
		}, []string{"kind", "outcome"}),
	}
	registerer.MustRegister(m.gets, m.faults, m.renewals)
	return m
}

func (m *Metrics) hit(kind string, level Level) { m.gets.WithLabelValues(kind, string(level)).Inc() }
func (m *Metrics) fault(kind, op string)        { m.faults.WithLabelValues(kind, op).Inc() }

func (m *Metrics) renewed(kind string, err error) {
	outcome := "done"
	if err != nil {
		outcome = "failed"
	}
	m.renewals.WithLabelValues(kind, outcome).Inc()
}
