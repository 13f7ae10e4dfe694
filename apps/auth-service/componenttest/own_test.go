package componenttest

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/expect"
)

// rows returns a list member of the body.
func (a answer) rows(name string) []map[string]any {
	list, _ := a.body[name].([]any)
	rows := make([]map[string]any, len(list))
	for i := range list {
		rows[i], _ = list[i].(map[string]any)
	}
	return rows
}

func TestUsersSeeAndEndTheirSessions(t *testing.T) {
	t.Parallel()
	s := start(t)
	const path = "/api/v1/auth/sessions"
	here := s.at("203.0.113.1").login("user0001")
	there := s.at("2001:db8::7").post("/api/v1/auth/login", "", form{"userId": "user0001", "password": password, "autoLogin": true})
	stranger := s.login("user0002")

	rows := s.get(path, here.text("access_token")).rows("sessions")
	expect.Equal(t, len(rows), 2)
	for i, want := range []struct {
		a         answer
		address   string
		autoLogin bool
		lasts     time.Duration
	}{{there, "2001:db8::7", true, 720 * time.Hour}, {here, "203.0.113.1", false, 12 * time.Hour}} {
		expect.Equal(t, rows[i]["session_id"], any(s.sessionOf(want.a)))
		expect.Equal(t, rows[i]["address"], any(want.address))
		expect.Equal(t, rows[i]["auto_login"], any(want.autoLogin))
		expect.Equal(t, rows[i]["current"], any(!want.autoLogin))
		expect.Equal(t, rows[i]["user_agent"], any("Go-http-client/1.1"))
		created, used := instant(t, rows[i]["created_at"]), instant(t, rows[i]["last_used_at"])
		expect.Equal(t, instant(t, rows[i]["ends_at"]).Sub(created).Round(time.Second), want.lasts)
		if age := time.Since(used); age < 0 || age > time.Minute {
			t.Errorf("it was last used at %v", used)
		}
	}

	other := path + "/" + s.sessionOf(there)
	s.call(http.MethodDelete, other, stranger.text("access_token"), nil).want(t, http.StatusNotFound, "SESSION_NOT_FOUND")
	s.call(http.MethodDelete, path+"/none", here.text("access_token"), nil).want(t, http.StatusNotFound, "SESSION_NOT_FOUND")
	s.get("/api/v1/auth/verify", there.text("access_token")).want(t, http.StatusOK, "")
	s.call(http.MethodDelete, other, here.text("access_token"), nil).want(t, http.StatusOK, "")
	s.get("/api/v1/auth/verify", there.text("access_token")).want(t, http.StatusUnauthorized, "UNAUTHENTICATED")
	expect.Equal(t, len(s.get(path, here.text("access_token")).rows("sessions")), 1)
}

func instant(t *testing.T, value any) time.Time {
	t.Helper()
	text, _ := value.(string)
	at, err := time.Parse(time.RFC3339Nano, text)
	expect.NoError(t, err)
	return at
}

func TestUsersSeeTheirLoginHistory(t *testing.T) {
	t.Parallel()
	s := start(t)
	const path = "/api/v1/auth/login-history"
	guesses(s, "user0001", 5)
	s.at("203.0.113.9").tryLogin("user0001", password)
	s.tryLogin("unknown01", "wrong password")
	_, err := s.database.Pool.Exec(t.Context(), "DELETE FROM login_attempt")
	expect.NoError(t, err)
	access := s.at("203.0.113.1").login("user0001").text("access_token")
	stranger := s.login("user0002").text("access_token")

	var a answer
	s.await(func() bool { // the last entries are written in the background
		a = s.get(path+"?size=3", access)
		return a.body["total_items"] == 7.0
	})
	var got []any
	for _, row := range a.rows("logins") {
		got = append(got, row["outcome"])
	}
	expect.Equal(t, got, []any{"SUCCESS", "REFUSED", "LOCKED"})
	expect.Equal(t, a.rows("logins")[0]["address"], any("203.0.113.1"))
	expect.Equal(t, a.rows("logins")[1]["address"], any("203.0.113.9"))
	expect.Equal(t, a.body["has_next"], any(true))
	expect.Equal(t, len(s.get(path+"?size=3&page=3", access).rows("logins")), 1)
	expect.Equal(t, len(s.get(path, stranger).rows("logins")), 1)
	s.get(path+"?page=11&size=100", access).want(t, http.StatusBadRequest, "VALIDATION_ERROR")
	s.get(path, "").want(t, http.StatusUnauthorized, "UNAUTHENTICATED")

	var kept string
	expect.NoError(t, s.database.Pool.QueryRow(t.Context(),
		"SELECT coalesce(string_agg(h::text, ' '), '') FROM login_history h WHERE user_id IS NULL").Scan(&kept))
	if kept == "" || strings.Contains(kept, "absent01") {
		t.Errorf("history contains an unknown id: %q", kept)
	}
}
