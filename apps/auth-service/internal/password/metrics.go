package password

import "github.com/prometheus/client_golang/prometheus"

// metrics are the metrics of a Hasher.
type metrics struct {
	seconds    prometheus.Histogram
	refused    prometheus.Counter
	retryAfter prometheus.Histogram
}

// newMetrics registers metrics with reg, and those of the queue.
func newMetrics(reg prometheus.Registerer, q *queue) metrics {
	m := metrics{
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "phonebill_auth_password_hash_seconds",
			Help:    "Time to compute one argon2id hash, without queueing.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 9),
		}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "phonebill_auth_password_refused_total",
			Help: "Hashes refused because the queue was full or the wait too long.",
		}),
	}
	m.retryAfter = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "phonebill_auth_password_retry_after_seconds",
		Help:    "Retry-After of refused callers.",
		Buckets: prometheus.ExponentialBuckets(1, 2, 7),
	})
	reg.MustRegister(m.seconds, m.refused, m.retryAfter)
	reg.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "phonebill_auth_password_waiting",
			Help: "Callers in the queue for hashing.",
		}, func() float64 { return q.read(func() int { return len(q.waiting) }) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "phonebill_auth_password_away",
			Help: "Refused callers whose place in the queue is kept.",
		}, func() float64 { return q.read(func() int { return len(q.away) }) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "phonebill_auth_password_lapsed_total",
			Help: "Kept places whose callers did not return in time.",
		}, func() float64 { return q.read(func() int { return q.lapsed }) }),
	)
	return m
}

// read returns a number of the queue's state after expired places are removed.
func (q *queue) read(number func() int) float64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sweepLocked()
	return float64(number())
}
