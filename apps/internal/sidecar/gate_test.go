package sidecar_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

func TestGateLetsOnlyTheSidecarThrough(t *testing.T) {
	t.Parallel()
	const near, mapped, far = "127.0.0.1:40000", "[::ffff:127.0.0.1]:40000", "10.0.0.7:40000"
	for name, tc := range map[string]struct {
		token, shown, peer string
		status             int
	}{
		"its token":                    {"secret", "secret", near, http.StatusNoContent},
		"its token, from another host": {"secret", "secret", far, http.StatusNoContent},
		"no token":                     {"secret", "", near, http.StatusForbidden},
		"another token":                {"secret", "secreT", near, http.StatusForbidden},
		"a part of the token":          {"secret", "secre", near, http.StatusForbidden},
		"none set, same host":          {"", "", near, http.StatusNoContent},
		"none set, same host, IPv6":    {"", "", "[::1]:40000", http.StatusNoContent},
		"none set, same host, mapped":  {"", "", mapped, http.StatusNoContent},
		"none set, another host":       {"", "", far, http.StatusForbidden},
		"none set, but one is shown":   {"", "secret", far, http.StatusForbidden},
		"none set, no address":         {"", "", "", http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gate := sidecar.NewGate(sidecar.Config{AppToken: tc.token})
			served := gate.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusNoContent)
			}))
			r := httptest.NewRequest(http.MethodPost, "/events/something", http.NoBody)
			r.RemoteAddr = tc.peer
			r.Header.Set("dapr-api-token", tc.shown)
			answer := httptest.NewRecorder()
			served.ServeHTTP(answer, r)
			if answer.Code != tc.status {
				t.Errorf("got %d, want %d", answer.Code, tc.status)
			}
			if refused := strings.Contains(answer.Body.String(), "INTERNAL_ONLY"); refused != (tc.status == http.StatusForbidden) {
				t.Errorf("answer %s", answer.Body)
			}
		})
	}
}
