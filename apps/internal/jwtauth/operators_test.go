package jwtauth_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/authtest"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	"github.com/phonebill/phonebill/apps/internal/session"
)

// abe is the object id of an operator.
const abe = "690222be-ff1a-4d56-abd1-7e4f7d38e474"

// both is a service that accepts the tokens of our issuer and of an Entra.
type both struct {
	t        *testing.T
	ours     *authtest.Issuer
	entra    *authtest.Entra
	auth     *jwtauth.Authenticator
	sessions sessions
}

func newBoth(t *testing.T, state sessions) *both {
	t.Helper()
	b := &both{t: t, ours: authtest.NewIssuer(t, time.Now), entra: authtest.NewEntra(t, time.Now), sessions: state}
	verifier := jwtauth.NewVerifier(b.ours.Config, b.ours.Keys(), time.Now)
	b.auth = jwtauth.NewAuthenticator(verifier, b.sessions, prometheus.NewRegistry()).Admit(jwtauth.NewOperators(b.entra.Config(), time.Now))
	return b
}

// authenticate returns the principal of a request with token, and the response.
func (b *both) authenticate(token string) (jwtauth.Principal, *httptest.ResponseRecorder) {
	b.t.Helper()
	var as jwtauth.Principal
	rec := send(b.auth.Middleware(principal), "Bearer "+token)
	if rec.Code == http.StatusOK {
		if err := json.Unmarshal(rec.Body.Bytes(), &as); err != nil {
			b.t.Fatal(err)
		}
	}
	return as, rec
}

func TestOperatorsHaveThePermissionsOfTheirRoles(t *testing.T) {
	t.Parallel()
	b := newBoth(t, sessions{record: live})
	app := b.entra.Claims(abe, "ServiceAccount") // an application without a user
	delete(app, "scp")
	app["idtyp"], app["azpacr"] = "app", "1"
	v1 := b.entra.Claims(abe, "Admin")
	delete(v1, "azp")
	v1["appid"], v1["ver"] = "5f2b6a2e-0c3f-4f9c-9c56-0a2d2d6f6b11", "1.0"
	es256 := newIssuer(t, "ec").keys["ec"]
	b.entra.Publish("ec", es256)
	for name, c := range map[string]struct {
		token       string
		permissions []string
	}{
		"administrator": {b.entra.Token(abe, "Admin"), []string{"ADMIN"}},
		"several roles": {b.entra.Token(abe, "User", "Admin", "Admin", "Gardener"), []string{"ADMIN"}},
		"user":          {b.entra.Token(abe, "User"), nil},
		"service":       {b.entra.Sign(authtest.EntraKeyID, app), nil},
		"version 1.0":   {b.entra.Sign(authtest.EntraKeyID, v1), []string{"ADMIN"}},
		"ES256":         {b.entra.Sign("ec", b.entra.Claims(abe, "Admin")), []string{"ADMIN"}},
		"upper-case id": {b.entra.Token("690222BE-FF1A-4D56-ABD1-7E4F7D38E474", "Admin"), []string{"ADMIN"}},
	} {
		got, rec := b.authenticate(c.token)
		want := jwtauth.Principal{UserID: "entra:" + abe, Permissions: c.permissions}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %d %s (-want +got):\n%s", name, rec.Code, rec.Body, diff)
		}
	}
	ours, rec := b.authenticate(b.ours.Token(t, jwtauth.Principal{UserID: live.UserID, SessionID: "s1"}))
	if ours.UserID != live.UserID {
		t.Errorf("our own token: %d %s", rec.Code, rec.Body)
	}
}

func TestInvalidOperatorTokensAreRejected(t *testing.T) {
	t.Parallel()
	b := newBoth(t, sessions{record: live})
	for name, token := range badOperatorTokens(t, b) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, rec := b.authenticate(token)
			wantProblem(t, rec, http.StatusUnauthorized, "UNAUTHENTICATED")
		})
	}
}

// badOperatorTokens returns invalid tokens: forged, of another issuer, or of
// another kind.
func badOperatorTokens(t *testing.T, b *both) map[string]string {
	t.Helper()
	now := time.Now()
	changed := func(name string, value any) string {
		claims := b.entra.Claims(abe, "Admin")
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
		return b.entra.Sign(authtest.EntraKeyID, claims)
	}
	other := authtest.NewEntra(t, time.Now) // another tenant
	inOurName := b.ours.Claims(jwtauth.Principal{UserID: live.UserID, SessionID: "s1"})
	asAbe := inOurName
	asAbe.Issuer, asAbe.Audience = b.entra.Config().Issuer, jwt.ClaimStrings{b.entra.Config().Audience}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	b.entra.Publish("known", key)
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	admin := b.entra.Claims(abe, "Admin")
	return map[string]string{
		"other tenant":               other.Token(abe, "Admin"),
		"forged by other tenant":     other.Sign(authtest.EntraKeyID, admin),
		"no issuer":                  changed("iss", nil),
		"issuer with a suffix":       changed("iss", b.entra.Config().Issuer+"/"),
		"other audience":             changed("aud", "00000003-0000-0000-c000-000000000000"),
		"no audience":                changed("aud", nil),
		"expired":                    changed("exp", now.Add(-time.Minute).Unix()),
		"never expires":              changed("exp", nil),
		"not valid yet":              changed("nbf", now.Add(time.Minute).Unix()),
		"no nbf":                     changed("nbf", nil),
		"issued in the future":       changed("iat", now.Add(time.Minute).Unix()),
		"no iat":                     changed("iat", nil),
		"no oid":                     changed("oid", nil),
		"malformed oid":              changed("oid", "root"),
		"roles is no array":          changed("roles", "Admin"),
		"ID token":                   changed("azp", nil),
		"ID token with a nonce":      changed("nonce", "n"),
		"ID token of a hybrid flow":  changed("c_hash", "h"),
		"ID token beside another":    changed("at_hash", "h"),
		"alg none":                   signAny(t, jwt.SigningMethodNone, "known", jwt.UnsafeAllowNoneSignatureType, admin),
		"HS256 with the public key":  signAny(t, jwt.SigningMethodHS256, "known", public, admin),
		"PS256":                      signAny(t, jwt.SigningMethodPS256, "known", key, admin),
		"RS512":                      signAny(t, jwt.SigningMethodRS512, "known", key, admin),
		"no kid":                     signAny(t, jwt.SigningMethodRS256, "", key, admin),
		"unknown kid":                signAny(t, jwt.SigningMethodRS256, "unknown", key, admin),
		"our key in their name":      b.ours.Sign(t, asAbe),
		"our key, all else theirs":   b.ours.Sign(t, admin),
		"their key in our name":      b.entra.Sign(authtest.EntraKeyID, inOurName),
		"their key by our key's id":  signAny(t, jwt.SigningMethodRS256, authtest.KeyID, key, inOurName),
		"their audience in our name": b.entra.Sign(authtest.EntraKeyID, jwt.MapClaims{"iss": b.ours.Config.Issuer, "aud": b.entra.Config().Audience, "oid": abe, "exp": now.Add(time.Hour).Unix()}),
	}
}

// signAny signs any claims by any method.
func signAny(t *testing.T, method jwt.SigningMethod, kid string, key any, c jwt.Claims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, c)
	if kid != "" {
		token.Header["kid"] = kid
	}
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestIssuersCannotForgeEachOthersTokens even if both publish an ES256 key with
// the same id.
func TestIssuersCannotForgeEachOthersTokens(t *testing.T) {
	t.Parallel()
	b := newBoth(t, sessions{record: live})
	b.entra.Publish(authtest.KeyID, newIssuer(t, "ec").keys["ec"])
	admin := b.ours.Claims(jwtauth.Principal{UserID: live.UserID, SessionID: "s1"})
	for name, token := range map[string]string{
		"their key, our claims": b.entra.Sign(authtest.KeyID, admin),
		"our key, their claims": b.ours.Sign(t, b.entra.Claims(abe, "Admin")),
	} {
		_, rec := b.authenticate(token)
		t.Log(name)
		wantProblem(t, rec, http.StatusUnauthorized, "UNAUTHENTICATED")
	}
	if as, rec := b.authenticate(b.entra.Sign(authtest.KeyID, b.entra.Claims(abe, "Admin"))); !as.Has("ADMIN") {
		t.Errorf("their key, their claims: %d %s", rec.Code, rec.Body)
	}
}

func TestOperatorsWithoutKnownRoleAreForbidden(t *testing.T) {
	t.Parallel()
	b := newBoth(t, sessions{record: live})
	without := b.entra.Claims(abe)
	delete(without, "roles")
	for name, token := range map[string]string{
		"no roles":     b.entra.Sign(authtest.EntraKeyID, without),
		"empty":        b.entra.Token(abe),
		"unknown role": b.entra.Token(abe, "Gardener"),
		"other case":   b.entra.Token(abe, "admin"),
		"a permission": b.entra.Token(abe, "ADMIN"),
	} {
		t.Run(name, func(t *testing.T) {
			_, rec := b.authenticate(token)
			t.Log(name)
			wantProblem(t, rec, http.StatusForbidden, "PERMISSION_DENIED")
			as, err := jwtauth.NewOperators(b.entra.Config(), time.Now).Verify(t.Context(), token)
			if diff := cmp.Diff(jwtauth.Principal{UserID: "entra:" + abe}, as); !errors.Is(err, jwtauth.ErrNoRole) || diff != "" {
				t.Errorf("%s: %v, principal (-want +got):\n%s", name, err, diff)
			}
		})
	}
}

// TestOperatorsHaveNoSession checks that operators can write during an outage of
// the session store, but not use routes that require a session.
func TestOperatorsHaveNoSession(t *testing.T) {
	t.Parallel()
	b := newBoth(t, sessions{err: session.ErrUnavailable})
	token := "Bearer " + b.entra.Token(abe, "Admin")
	write := b.auth.Middleware(jwtauth.RefuseDegraded(jwtauth.Require("ADMIN")(principal)))
	if rec := send(write, token); rec.Code != http.StatusOK {
		t.Errorf("administration: %d %s", rec.Code, rec.Body)
	}
	wantProblem(t, send(b.auth.Middleware(jwtauth.RequireSession(principal)), token), http.StatusForbidden, "SESSION_REQUIRED")
	wantProblem(t, send(b.auth.Middleware(jwtauth.Require("BILL_INQUIRY")(principal)), token), http.StatusForbidden, "PERMISSION_DENIED")

	ours := "Bearer " + b.ours.Token(t, jwtauth.Principal{UserID: live.UserID, SessionID: "s1"})
	if rec := send(b.auth.Middleware(jwtauth.RequireSession(principal)), ours); rec.Code != http.StatusOK {
		t.Errorf("ours: %d %s", rec.Code, rec.Body)
	}
}

func TestOperatorsAreRejectedWithoutIssuer(t *testing.T) {
	t.Parallel()
	entra, ours := authtest.NewEntra(t, time.Now), authtest.NewIssuer(t, time.Now)
	if operators := jwtauth.NewOperators(jwtauth.OIDCConfig{}, time.Now); operators != nil {
		t.Fatal("NewOperators without an issuer is not nil")
	}
	auth := jwtauth.NewAuthenticator(jwtauth.NewVerifier(ours.Config, ours.Keys(), time.Now), sessions{record: live}, prometheus.NewRegistry()).
		Admit(jwtauth.NewOperators(jwtauth.OIDCConfig{}, time.Now))
	wantProblem(t, send(auth.Middleware(principal), "Bearer "+entra.Token(abe, "Admin")), http.StatusUnauthorized, "UNAUTHENTICATED")
	if entra.Fetches() != 0 {
		t.Error("the issuer's keys were fetched")
	}
}

func FuzzOperators(f *testing.F) {
	now := time.Now()
	entra := authtest.NewEntra(f, func() time.Time { return now })
	operators := jwtauth.NewOperators(entra.Config(), func() time.Time { return now })
	good := entra.Token(abe, "Admin")
	f.Add(good)
	f.Add(good + "=")
	f.Add(`eyJhbGciOiJSUzI1NiIsImtpZCI6ImVudHJhLWtleSJ9.e30.AA`)
	f.Add(`eyJhbGciOiJub25lIn0.eyJpc3MiOltdfQ.`)
	f.Fuzz(func(t *testing.T, token string) {
		operators.Matches(token)
		_, err := operators.Verify(t.Context(), token)
		if err == nil && token != good {
			t.Errorf("accepted an unsigned token: %s", token)
		}
		if err != nil && !errors.Is(err, jwtauth.ErrInvalidToken) {
			t.Errorf("error is not ErrInvalidToken: %v", err)
		}
	})
}
