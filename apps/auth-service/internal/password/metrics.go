package password

import "github.com/prometheus/client_golang/prometheus"

// metrics are what a Hasher tells of its work.
type metrics struct {
	seconds    prometheus.Histogram
	refused    prometheus.Counter
	retryAfter prometheus.Histogram
}

// newMetrics returns metrics that are in reg; waiting tells how many callers
// wait for a turn.
func newMetrics(reg prometheus.Registerer, waiting func() int) metrics {
	m := metrics{
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "phonebill_auth_password_hash_seconds",
			Help:    "Time to compute one argon2id hash, without the wait for a turn.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 9),
		}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "phonebill_auth_password_refused_total",
			Help: "Hashes refused because too many were wanted at once.",
		}),
	}
	m.retryAfter = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "phonebill_auth_password_retry_after_seconds",
		Help:    "When callers for whom there was no room were to come back.",
		Buckets: prometheus.ExponentialBuckets(1, 2, 7),
	})
	reg.MustRegister(m.seconds, m.refused, m.retryAfter, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "phonebill_auth_password_waiting",
		Help: "Callers that wait for their turn at hashing.",
	}, func() float64 { return float64(waiting()) }))
	return m
}
