package jwtauth_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/authtest"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	"github.com/phonebill/phonebill/apps/internal/session"
)

// FuzzAuthorization checks that only the valid token in the syntax of RFC 6750 is
// accepted.
func FuzzAuthorization(f *testing.F) {
	issuer := authtest.NewIssuer(f, time.Now)
	kim := jwtauth.Principal{UserID: "kim", SessionID: "s1"}
	token := issuer.Token(f, kim)
	auth := jwtauth.NewAuthenticator(jwtauth.NewVerifier(issuer.Config, issuer.Keys(), time.Now),
		authtest.LiveSessions{"s1": session.Record{UserID: "kim"}}, prometheus.NewRegistry())
	handler := auth.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	for _, seed := range []string{
		"Bearer TOKEN", "bearer TOKEN", "Bearer  TOKEN", "Bearer TOKEN ", "Bearer\tTOKEN", "Basic TOKEN", "TOKEN", "", "Bearer", "Bearer ",
		"Bearer TOKEN, Bearer TOKEN", "Bearer TOKEN.", "Bearer =TOKEN", "Bearer null", "Bearer ..", "Bearer a.b.c", "Bearer\x00TOKEN",
		"BeArer TOKEN\n", "Bearer \r\nTOKEN", // once accepted
	} {
		f.Add(seed)
	}
	bearerToken := regexp.MustCompile(`^[ \t]*(?i:bearer)[ \t]+TOKEN[ \t]*$`)
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header["Authorization"] = []string{strings.Replace(header, "TOKEN", token, 1)}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		want := http.StatusUnauthorized
		if bearerToken.MatchString(header) {
			want = http.StatusNoContent
		}
		if w.Code != want {
			t.Errorf("%q answered %d, want %d", header, w.Code, want)
		}
	})
}
