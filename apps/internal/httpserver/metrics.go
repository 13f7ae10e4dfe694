package httpserver

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the rate, errors and duration of a service's requests.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	shed     prometheus.Counter

	mu     sync.RWMutex
	series map[seriesKey]series
}

// series are the metrics of one kind of response. They are kept because the look-up of
// labels costs more than the update.
type series struct {
	requests prometheus.Counter
	duration prometheus.Observer
}

type seriesKey struct {
	method, route string
	status        int
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	m := &metrics{
		series: map[seriesKey]series{},
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "phonebill_http_requests_total",
			Help: "Requests answered, by method, route template and status.",
		}, []string{"method", "route", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "phonebill_http_request_duration_seconds",
			Help:    "Time from the first byte read to the last byte written.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 8, 10},
		}, []string{"method", "route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "phonebill_http_requests_in_flight",
			Help: "Requests being worked on now.",
		}),
		shed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "phonebill_http_requests_shed_total",
			Help: "Requests refused because too many were running.",
		}),
	}
	registerer.MustRegister(m.requests, m.duration, m.inFlight, m.shed)
	return m
}

func (m *metrics) observe(method, route string, status int, took time.Duration) {
	of := m.of(seriesKey{method, route, status})
	of.requests.Inc()
	of.duration.Observe(took.Seconds())
}

// of returns the series of a key. Their number is bounded by the routes, the methods
// and the statuses that the service uses.
func (m *metrics) of(key seriesKey) series {
	m.mu.RLock()
	found, ok := m.series[key]
	m.mu.RUnlock()
	if ok {
		return found
	}
	made := series{
		requests: m.requests.WithLabelValues(key.method, key.route, strconv.Itoa(key.status)),
		duration: m.duration.WithLabelValues(key.method, key.route),
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.series[key] = made
	return made
}
