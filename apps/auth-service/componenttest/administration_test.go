package componenttest

import (
	"errors"
	"net/http"
	"testing"

	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/session"
)

// TestAdministrationReachesOtherServices checks the session in the store, which other services
// cache for at most 5 s.
func TestAdministrationReachesOtherServices(t *testing.T) {
	t.Parallel()
	s := start(t)
	user, root := s.login("user0001"), s.login("root0001").text("access_token")
	elsewhere, id := s.otherService(), s.sessionOf(user)

	s.call(http.MethodDelete, "/api/v1/users/user0001/permissions/PRODUCT_CHANGE", root, nil).want(t, http.StatusOK, "")
	record, _, err := elsewhere.Get(t.Context(), id)
	expect.NoError(t, err)
	expect.Equal(t, record.Permissions, []string{"BILL_INQUIRY"})
	s.post("/api/v1/users/user0001/permissions/PRODUCT_CHANGE/grant", root, nil).want(t, http.StatusOK, "")
	record, _, err = elsewhere.Get(t.Context(), id)
	expect.NoError(t, err)
	expect.Equal(t, record.Permissions, []string{"BILL_INQUIRY", "PRODUCT_CHANGE"})

	s.get("/api/v1/users", user.text("access_token")).want(t, http.StatusForbidden, "PERMISSION_DENIED")
	s.post("/api/v1/users/user0001/suspend", root, nil).want(t, http.StatusOK, "")
	if _, _, err := elsewhere.Get(t.Context(), id); !errors.Is(err, session.ErrEnded) {
		t.Errorf("another service sees: %v", err)
	}
	s.refresh(user.text("refresh_token")).want(t, http.StatusUnauthorized, "REFRESH_TOKEN_INVALID")
	s.get("/api/v1/auth/verify", user.text("access_token")).want(t, http.StatusUnauthorized, "UNAUTHENTICATED")

	for query, want := range map[string]int{
		"actor=root0001&target=user0001&outcome=DONE":   3,
		"actor=user0001&outcome=DENIED":                 2, // the list, and the session that had ended
		"action=PERMISSION_REVOKE&target=user0001":      1,
		"actor=user0001&action=GET+%2Fapi%2Fv1%2Fusers": 1,
	} {
		s.await(func() bool {
			events, _ := s.get("/api/v1/auth/audit?"+query, root).body["events"].([]any)
			return len(events) == want
		})
	}
}
