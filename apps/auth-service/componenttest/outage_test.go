package componenttest

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/apps/internal/expect"
)

func TestServiceWaitsForItsSidecar(t *testing.T) {
	t.Parallel()
	s := prepare(t, noKOS)
	s.dapr.Kill()
	s.serve()
	s.actuator("/actuator/health", func(resp *http.Response) { expect.Equal(t, resp.StatusCode, http.StatusOK) })
	report := s.readiness()
	expect.Equal(t, report.Status, "DOWN")
	for _, name := range []string{"sidecar", "signing-keys", "database"} {
		if part := report.Components[name]; part.Status != "DOWN" || part.Reason == "" {
			t.Errorf("%s is %+v", name, part)
		}
	}
	s.get("/.well-known/jwks.json", "").wantRetryLater(t, "SIGNING_KEY_UNAVAILABLE")

	s.dapr.Restart()
	s.awaitReady()
	s.addUsers()
	s.login("user0001")
}

func TestSessionStoreOutage(t *testing.T) {
	t.Parallel()
	s := start(t)
	grant := s.login("user0001")
	access := grant.text("access_token")
	credentials := form{"userId": "user0001", "password": password}

	s.redis.Cut()
	// The session is cached as live for a moment.
	s.await(func() bool { return s.post("/api/v1/auth/logout", access, nil).code() == "SESSION_STORE_UNAVAILABLE" })
	for _, path := range []string{"/api/v1/auth/verify", "/api/v1/auth/permissions", "/api/v1/auth/user-info", "/api/v1/users/user0001"} {
		s.get(path, access).want(t, http.StatusOK, "")
	}
	s.post("/api/v1/auth/login", "", credentials).wantRetryLater(t, "SESSION_STORE_UNAVAILABLE")
	s.refresh(grant.text("refresh_token")).wantRetryLater(t, "SESSION_STORE_UNAVAILABLE")
	s.post("/api/v1/auth/logout", access, nil).wantRetryLater(t, "SESSION_STORE_UNAVAILABLE")
	s.post("/api/v1/auth/change-password", access, form{"currentPassword": password, "newPassword": "battery staple 2!"}).
		wantRetryLater(t, "SESSION_STORE_UNAVAILABLE")

	s.redis.Mend()
	s.await(func() bool { return s.post("/api/v1/auth/login", "", credentials).status == http.StatusOK })
	s.refresh(grant.text("refresh_token")).want(t, http.StatusOK, "") // nothing was lost
}

func TestDatabaseOutage(t *testing.T) {
	t.Parallel()
	s := start(t)
	grant := s.login("user0001")
	credentials := form{"userId": "user0001", "password": password}

	s.postgres.Cut()
	s.post("/api/v1/auth/login", "", credentials).wantRetryLater(t, "DATABASE_UNAVAILABLE")
	s.refresh(grant.text("refresh_token")).wantRetryLater(t, "DATABASE_UNAVAILABLE")
	s.get("/api/v1/auth/user-info", grant.text("access_token")).wantRetryLater(t, "DATABASE_UNAVAILABLE")
	s.get("/api/v1/auth/verify", grant.text("access_token")).want(t, http.StatusOK, "")
	expect.Equal(t, s.readiness().Components["database"].Status, "DOWN")
	expect.Equal(t, s.readiness().Status, "UP") // the session alone suffices

	s.postgres.Mend()
	s.await(func() bool { return s.readiness().Components["database"].Status == "UP" })
	s.refresh(grant.text("refresh_token")).want(t, http.StatusOK, "")
	s.post("/api/v1/auth/logout", grant.text("access_token"), nil).want(t, http.StatusOK, "")
}

// TestOnlyOwnSecretsCanBeRead checks the secret scopes of the development configuration: secrets of
// others are denied, also to an attacker who controls the service.
func TestOnlyOwnSecretsCanBeRead(t *testing.T) {
	t.Parallel()
	s := start(t)
	secrets := s.dapr.Client()
	for _, name := range []string{"jwt-signing-key", "database-password-auth", "kos-api-credentials-auth"} {
		if _, err := secrets.Secret(t.Context(), name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range foreign {
		if _, err := secrets.Secret(t.Context(), name); err == nil || !strings.Contains(err.Error(), "PermissionDenied") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.login("user0001")
	s.post("/api/v1/auth/login", "", form{"userId": "user0001", "password": "wrong password"})
	s.actuator("/actuator/prometheus", func(resp *http.Response) {
		text, err := io.ReadAll(resp.Body)
		expect.NoError(t, err)
		for _, line := range []string{
			`phonebill_auth_logins_total{outcome="success"} 1`,
			`phonebill_auth_logins_total{outcome="rejected"} 1`,
			`phonebill_auth_sessions_started_total 1`,
			`phonebill_auth_password_hash_seconds_count 2`,
		} {
			if !strings.Contains(string(text), line+"\n") {
				t.Errorf("%s is not there", line)
			}
		}
		if strings.Contains(string(text), "user0001") {
			t.Error("a metric contains a user id")
		}
	})
}
