package metrics_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/metrics"
)

func TestRecorder(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	r := metrics.New(registry)
	r.Login(identity.OutcomeSuccess)
	r.Login(identity.OutcomeRejected)
	r.Login(identity.OutcomeRejected)
	r.Refresh(identity.OutcomeReused)
	r.SessionStarted()
	r.SessionsEnded(identity.EndPasswordChange, 3)
	want := `
		# HELP phonebill_auth_logins_total Attempts to log in, by outcome: success, rejected, locked, busy or error.
		# TYPE phonebill_auth_logins_total counter
		phonebill_auth_logins_total{outcome="rejected"} 2
		phonebill_auth_logins_total{outcome="success"} 1
		# HELP phonebill_auth_refreshes_total Attempts to refresh a session, by outcome: success, rejected, reused, expired, busy or error.
		# TYPE phonebill_auth_refreshes_total counter
		phonebill_auth_refreshes_total{outcome="reused"} 1
		# HELP phonebill_auth_sessions_ended_total Sessions ended before they expired, by reason: logout, password_change, token_reuse, user_gone, suspended, expired or by_user.
		# TYPE phonebill_auth_sessions_ended_total counter
		phonebill_auth_sessions_ended_total{reason="password_change"} 3
		# HELP phonebill_auth_sessions_started_total Sessions opened.
		# TYPE phonebill_auth_sessions_started_total counter
		phonebill_auth_sessions_started_total 1
	`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	if faults, err := testutil.GatherAndLint(registry); err != nil || len(faults) > 0 {
		t.Errorf("names: %v, %v", faults, err)
	}
}
