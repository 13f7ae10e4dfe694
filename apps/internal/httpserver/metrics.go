package httpserver

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the rate, errors and duration of a service's requests.
type metrics struct {
	requests     *prometheus.CounterVec
	duration     *prometheus.HistogramVec
	satisfaction *prometheus.CounterVec
	inFlight     prometheus.Gauge
	shed         prometheus.Counter

	mu     sync.RWMutex
	series map[seriesKey]series
}

// series are the metrics of one kind of response. They are kept because the look-up of
// labels costs more than the update.
type series struct {
	requests     prometheus.Counter
	duration     prometheus.Observer
	satisfaction [satisfactions]prometheus.Counter
}

// satisfaction is a level of Apdex, https://www.apdex.org.
type satisfaction uint8

const (
	satisfied satisfaction = iota
	tolerating
	frustrated
	satisfactions
)

// Responses are satisfying up to satisfiedWithin. KOS answers within 0.2 to 0.8 s, so a
// response that waits for it may take longer and is tolerable up to toleratedWithin.
const (
	satisfiedWithin = 500 * time.Millisecond
	toleratedWithin = 4 * satisfiedWithin
)

// satisfactionWith returns the level of a response. A server error frustrates however
// fast it is; an error of the client does not.
func satisfactionWith(status int, took time.Duration) satisfaction {
	switch {
	case status >= http.StatusInternalServerError || took > toleratedWithin:
		return frustrated
	case took > satisfiedWithin:
		return tolerating
	}
	return satisfied
}

// String returns the level as a label value.
func (s satisfaction) String() string {
	return [satisfactions]string{"satisfied", "tolerating", "frustrated"}[s]
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
		satisfaction: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "phonebill_http_request_satisfaction_total",
			Help: "Requests answered, by route template and level of Apdex: satisfied (0.5 s), tolerating (2 s) or frustrated (longer, or status 5xx).",
		}, []string{"route", "level"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "phonebill_http_requests_in_flight",
			Help: "Requests being worked on now.",
		}),
		shed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "phonebill_http_requests_shed_total",
			Help: "Requests refused because too many were running.",
		}),
	}
	registerer.MustRegister(m.requests, m.duration, m.satisfaction, m.inFlight, m.shed)
	return m
}

func (m *metrics) observe(method, route string, status int, took time.Duration) {
	of := m.of(seriesKey{method, route, status})
	of.requests.Inc()
	of.duration.Observe(took.Seconds())
	of.satisfaction[satisfactionWith(status, took)].Inc()
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
	for level := range satisfactions {
		made.satisfaction[level] = m.satisfaction.WithLabelValues(key.route, level.String())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.series[key] = made
	return made
}
