// Package metrics counts what the domain reports.
package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
)

// Recorder is an identity.Recorder that counts for Prometheus.
type Recorder struct {
	logins    *prometheus.CounterVec
	refreshes *prometheus.CounterVec
	started   prometheus.Counter
	ended     *prometheus.CounterVec
}

var _ identity.Recorder = (*Recorder)(nil)

// New returns a Recorder whose counters are in registerer.
func New(registerer prometheus.Registerer) *Recorder {
	r := &Recorder{
		logins: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "phonebill_auth_logins_total",
			Help: "Attempts to log in, by outcome.",
		}, []string{"outcome"}),
		refreshes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "phonebill_auth_refreshes_total",
			Help: "Attempts to refresh a session, by outcome.",
		}, []string{"outcome"}),
		started: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "phonebill_auth_sessions_started_total",
			Help: "Sessions begun.",
		}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "phonebill_auth_sessions_ended_total",
			Help: "Sessions ended before their time, by reason.",
		}, []string{"reason"}),
	}
	registerer.MustRegister(r.logins, r.refreshes, r.started, r.ended)
	return r
}

// Login implements identity.Recorder.
func (r *Recorder) Login(o identity.Outcome) { r.logins.WithLabelValues(string(o)).Inc() }

// Refresh implements identity.Recorder.
func (r *Recorder) Refresh(o identity.Outcome) { r.refreshes.WithLabelValues(string(o)).Inc() }

// SessionStarted implements identity.Recorder.
func (r *Recorder) SessionStarted() { r.started.Inc() }

// SessionsEnded implements identity.Recorder.
func (r *Recorder) SessionsEnded(reason identity.EndReason, count int) {
	r.ended.WithLabelValues(string(reason)).Add(float64(count))
}
