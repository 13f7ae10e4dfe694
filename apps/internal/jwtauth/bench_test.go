package jwtauth_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/jwtauth"
)

// BenchmarkMiddleware measures a request whose token and session are cached.
func BenchmarkMiddleware(b *testing.B) {
	i := newIssuer(b, "k1")
	auth := jwtauth.NewAuthenticator(jwtauth.NewVerifier(cfg, i.static(), time.Now), sessions{record: live}, prometheus.NewRegistry())
	handler := auth.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+i.token("k1", claims(time.Now())))
	rec := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		handler.ServeHTTP(rec, r)
	}
	if rec.Code != http.StatusOK {
		b.Fatal(rec.Code)
	}
}

// BenchmarkSignature measures a token that is not cached. It has no subject, so it
// is rejected after its signature is verified and never enters the cache.
func BenchmarkSignature(b *testing.B) {
	i := newIssuer(b, "k1")
	verifier := jwtauth.NewVerifier(cfg, i.static(), time.Now)
	noSubject := claims(time.Now())
	noSubject.Subject = ""
	token := i.token("k1", noSubject)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := verifier.Verify(b.Context(), token, jwtauth.TypeAccess); !errors.Is(err, jwtauth.ErrInvalidToken) {
			b.Fatal(err)
		}
	}
}
