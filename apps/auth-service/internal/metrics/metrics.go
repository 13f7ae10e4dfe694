// Package metrics counts the events that the domain reports.
package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
)

// Recorder is an identity.Recorder that exports Prometheus counters.
type Recorder struct {
	logins    *prometheus.CounterVec
	refreshes *prometheus.CounterVec
	started   prometheus.Counter
	ended     *prometheus.CounterVec
}

var _ identity.Recorder = (*Recorder)(nil)

// New returns a Recorder that registers its counters with registerer.
func New(registerer prometheus.Registerer) *Recorder {
	r := &Recorder{
		logins: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "phonebill_auth_logins_total",
			Help: "Attempts to log in, by outcome: success, rejected, locked, busy or error.",
		}, []string{"outcome"}),
		refreshes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "phonebill_auth_refreshes_total",
			Help: "Attempts to refresh a session, by outcome: success, rejected, reused, expired, busy or error.",
		}, []string{"outcome"}),
		started: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "phonebill_auth_sessions_started_total",
			Help: "Sessions opened.",
		}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "phonebill_auth_sessions_ended_total",
			Help: "Sessions ended before they expired, by reason: logout, password_change, token_reuse, user_gone, suspended, expired or by_user.",
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
