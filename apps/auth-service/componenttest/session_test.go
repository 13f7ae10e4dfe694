package componenttest

import (
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/session"
)

func TestLoginRefreshLogout(t *testing.T) {
	t.Parallel()
	s := start(t)
	first := s.login("user0001")
	expect.Equal(t, first.text("customer_id"), "CUST01")
	expect.Equal(t, s.get("/api/v1/auth/verify", first.text("access_token")).text("user_id"), "user0001")
	expect.Equal(t, s.get("/api/v1/auth/user-info", first.text("access_token")).text("user_name"), "이름 user0001")
	s.get("/api/v1/users/user0002", first.text("access_token")).want(t, http.StatusForbidden, "FORBIDDEN")

	second := s.refresh(first.text("refresh_token"))
	second.want(t, http.StatusOK, "")
	for _, token := range []string{first.text("access_token"), second.text("access_token")} {
		s.get("/api/v1/auth/permissions", token).want(t, http.StatusOK, "")
	}
	elsewhere := s.otherService()
	if _, _, err := elsewhere.Get(t.Context(), s.sessionOf(second)); err != nil {
		t.Errorf("another service does not see the session: %v", err)
	}

	s.post("/api/v1/auth/logout", second.text("access_token"), nil).want(t, http.StatusOK, "")
	if _, _, err := elsewhere.Get(t.Context(), s.sessionOf(second)); !errors.Is(err, session.ErrEnded) {
		t.Errorf("another service sees: %v", err)
	}
	for _, token := range []string{first.text("access_token"), second.text("access_token")} {
		s.get("/api/v1/auth/verify", token).want(t, http.StatusUnauthorized, "UNAUTHENTICATED")
	}
	s.refresh(second.text("refresh_token")).want(t, http.StatusUnauthorized, "REFRESH_TOKEN_INVALID")
}

// otherService returns another service's view of sessions, without a cache.
func (s *system) otherService() *session.Store {
	s.t.Helper()
	return session.NewStore(s.dapr.Client().State("session-store"))
}

// sessionOf returns the session id in an answer with tokens.
func (s *system) sessionOf(a answer) string {
	s.t.Helper()
	return claimsOf(s.t, a.text("access_token")).SessionID
}

func TestSessionLifetimes(t *testing.T) {
	t.Parallel()
	s := start(t)
	for autoLogin, want := range map[bool]time.Duration{false: 30 * time.Minute, true: 24 * time.Hour} {
		a := s.post("/api/v1/auth/login", "", form{"userId": "user0001", "password": password, "autoLogin": autoLogin})
		record, _, err := s.otherService().Get(t.Context(), s.sessionOf(a))
		expect.NoError(t, err)
		expect.Equal(t, record.Idle, want)
		expect.Equal(t, record.Lines, []string{"01077770001"})
	}
}

func TestReusedRefreshTokenEndsTheSession(t *testing.T) {
	t.Parallel()
	s := start(t, "SESSION_REFRESH_GRACE=0s")
	first, other := s.login("user0001"), s.login("user0001")
	second := s.refresh(first.text("refresh_token"))
	second.want(t, http.StatusOK, "")

	s.refresh(first.text("refresh_token")).want(t, http.StatusUnauthorized, "REFRESH_TOKEN_INVALID")
	s.refresh(second.text("refresh_token")).want(t, http.StatusUnauthorized, "REFRESH_TOKEN_INVALID")
	s.get("/api/v1/auth/verify", second.text("access_token")).want(t, http.StatusUnauthorized, "UNAUTHENTICATED")
	s.get("/api/v1/auth/verify", other.text("access_token")).want(t, http.StatusOK, "")
}

// TestParallelRefreshesSucceed also checks that other clients are not affected by the sidecar's
// circuit breaker, which counts conflicts as failures of the store.
func TestParallelRefreshesSucceed(t *testing.T) {
	t.Parallel()
	s := start(t)
	first := s.login("user0001")
	token := first.text("refresh_token")
	var (
		group  sync.WaitGroup
		mu     sync.Mutex
		tokens = make(map[string]string) // by token id
	)
	for range 16 {
		group.Go(func() {
			a := s.refresh(token)
			a.want(t, http.StatusOK, "")
			mu.Lock()
			defer mu.Unlock()
			tokens[claimsOf(t, a.text("refresh_token")).ID] = a.text("refresh_token")
		})
	}
	group.Wait()
	expect.Equal(t, len(tokens), 1)
	for _, next := range tokens {
		s.refresh(next).want(t, http.StatusOK, "")
	}
	// The last but one token is outside the grace period.
	s.refresh(token).want(t, http.StatusUnauthorized, "REFRESH_TOKEN_INVALID")
	s.get("/api/v1/auth/verify", first.text("access_token")).want(t, http.StatusUnauthorized, "UNAUTHENTICATED")
	s.login("user0001")
}

func TestRefreshBringsNewPermissions(t *testing.T) {
	t.Parallel()
	s := start(t)
	first := s.login("user0001")
	_, err := s.database.Pool.Exec(t.Context(), "DELETE FROM user_permission WHERE user_id = 'user0001' AND permission = 'PRODUCT_CHANGE'")
	expect.NoError(t, err)
	second := s.refresh(first.text("refresh_token"))
	expect.Equal(t, claimsOf(t, second.text("access_token")).Permissions, []string{"BILL_INQUIRY"})
	check := s.post("/api/v1/auth/permissions/check", second.text("access_token"), form{"serviceType": "PRODUCT_CHANGE"})
	expect.Equal(t, check.body["has_permission"], any(false))
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	s := start(t)
	here, there := s.login("user0001"), s.login("user0001")
	const path, changed = "/api/v1/auth/change-password", "battery staple 2!"
	s.post(path, here.text("access_token"), form{"currentPassword": changed, "newPassword": changed + "!"}).
		want(t, http.StatusBadRequest, "CURRENT_PASSWORD_WRONG")
	s.post(path, here.text("access_token"), form{"currentPassword": password, "newPassword": changed}).want(t, http.StatusOK, "")

	s.get("/api/v1/auth/verify", here.text("access_token")).want(t, http.StatusOK, "")
	s.refresh(here.text("refresh_token")).want(t, http.StatusOK, "")
	s.get("/api/v1/auth/verify", there.text("access_token")).want(t, http.StatusUnauthorized, "UNAUTHENTICATED")
	s.refresh(there.text("refresh_token")).want(t, http.StatusUnauthorized, "REFRESH_TOKEN_INVALID")
	s.post("/api/v1/auth/login", "", form{"userId": "user0001", "password": password}).want(t, http.StatusUnauthorized, "AUTH_001")
	s.post("/api/v1/auth/login", "", form{"userId": "user0001", "password": changed}).want(t, http.StatusOK, "")
}

func TestAdministratorSeesOtherUsers(t *testing.T) {
	t.Parallel()
	s := start(t)
	root := s.login("root0001").text("access_token")
	expect.Equal(t, s.get("/api/v1/users/user0001", root).text("line_number"), "01077770001")
	s.get("/api/v1/users/absent", root).want(t, http.StatusNotFound, "USER_NOT_FOUND")
}
