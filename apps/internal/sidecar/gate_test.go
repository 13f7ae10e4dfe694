package sidecar_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

func TestGateAcceptsTheSidecarOnly(t *testing.T) {
	t.Parallel()
	const local, mapped, remote = "127.0.0.1:40000", "[::ffff:127.0.0.1]:40000", "10.0.0.7:40000"
	for name, tc := range map[string]struct {
		token, sent, peer string
		status            int
	}{
		"token":                        {"secret", "secret", local, http.StatusNoContent},
		"token from another host":      {"secret", "secret", remote, http.StatusNoContent},
		"no token":                     {"secret", "", local, http.StatusForbidden},
		"wrong token":                  {"secret", "secreT", local, http.StatusForbidden},
		"prefix of the token":          {"secret", "secre", local, http.StatusForbidden},
		"none configured, loopback":    {"", "", local, http.StatusNoContent},
		"none configured, IPv6":        {"", "", "[::1]:40000", http.StatusNoContent},
		"none configured, IPv4-mapped": {"", "", mapped, http.StatusNoContent},
		"none configured, other host":  {"", "", remote, http.StatusForbidden},
		"none configured, one sent":    {"", "secret", remote, http.StatusForbidden},
		"none configured, no address":  {"", "", "", http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gate := sidecar.NewGate(sidecar.Config{AppToken: tc.token})
			served := gate.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusNoContent)
			}))
			r := httptest.NewRequest(http.MethodPost, "/events/something", nil)
			r.RemoteAddr = tc.peer
			r.Header.Set("dapr-api-token", tc.sent)
			rec := httptest.NewRecorder()
			served.ServeHTTP(rec, r)
			if rec.Code != tc.status {
				t.Errorf("got %d, want %d", rec.Code, tc.status)
			}
			if refused := strings.Contains(rec.Body.String(), "INTERNAL_ONLY"); refused != (tc.status == http.StatusForbidden) {
				t.Errorf("answer %s", rec.Body)
			}
		})
	}
}
