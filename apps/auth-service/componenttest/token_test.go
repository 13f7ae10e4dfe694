package componenttest

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/phonebill/phonebill/apps/auth-service/internal/token/tokentest"
	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
)

// claimsOf parses a token without verification.
func claimsOf(t *testing.T, text string) *jwtauth.Claims {
	t.Helper()
	claims := &jwtauth.Claims{}
	_, _, err := jwt.NewParser().ParseUnverified(text, claims)
	expect.NoError(t, err)
	return claims
}

// forge signs changed claims of a genuine token, under the genuine key id.
func forge(t *testing.T, genuine string, method jwt.SigningMethod, key any, change func(*jwtauth.Claims)) string {
	t.Helper()
	claims := claimsOf(t, genuine)
	change(claims)
	forged := jwt.NewWithClaims(method, claims)
	forged.Header["kid"] = "signer"
	text, err := forged.SignedString(key)
	expect.NoError(t, err)
	return text
}

func unchanged(*jwtauth.Claims) {}

func TestOnlyGenuineAccessTokensAreAccepted(t *testing.T) {
	t.Parallel()
	s := start(t)
	grant := s.login("user0002")
	genuine, refresh := grant.text("access_token"), grant.text("refresh_token")
	own := func(change func(*jwtauth.Claims)) string {
		return forge(t, genuine, jwt.SigningMethodES256, s.key.Private, change)
	}
	// A forgery without changes is accepted, so that each case fails only for its own change.
	s.get("/api/v1/auth/verify", own(unchanged)).want(t, http.StatusOK, "")

	for name, text := range map[string]string{
		"none":          "",
		"nonsense":      "nonsense",
		"refresh token": refresh,
		"alg none":      forge(t, genuine, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, unchanged),
		"alg HS256":     forge(t, genuine, jwt.SigningMethodHS256, []byte(tokentest.PublicSet(t, s.key)), unchanged),
		"another key":   forge(t, genuine, jwt.SigningMethodES256, tokentest.NewKey(t, "signer").Private, unchanged),
		"more rights":   tampered(t, genuine),
		"expired":       own(func(c *jwtauth.Claims) { c.ExpiresAt = jwt.NewNumericDate(time.Now().Add(-time.Minute)) }),
		"eternal":       own(func(c *jwtauth.Claims) { c.ExpiresAt = nil }),
		"other issuer":  own(func(c *jwtauth.Claims) { c.Issuer = "another issuer" }),
		"for others":    own(func(c *jwtauth.Claims) { c.Audience = jwt.ClaimStrings{"another audience"} }),
		"no session":    own(func(c *jwtauth.Claims) { c.SessionID = "" }),
		"other session": own(func(c *jwtauth.Claims) { c.SessionID = "invented" }),
		"other user":    own(func(c *jwtauth.Claims) { c.Subject = "user0001" }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.get("/api/v1/auth/verify", text).want(t, http.StatusUnauthorized, "UNAUTHENTICATED")
			s.post("/api/v1/auth/logout", text, nil).want(t, http.StatusUnauthorized, "UNAUTHENTICATED")
		})
	}
}

// tampered changes the claims of a token and keeps its signature.
func tampered(t *testing.T, genuine string) string {
	t.Helper()
	claims := claimsOf(t, genuine)
	claims.Permissions = []string{"ADMIN"}
	other, err := jwt.NewWithClaims(jwt.SigningMethodNone, claims).SignedString(jwt.UnsafeAllowNoneSignatureType)
	expect.NoError(t, err)
	parts := strings.Split(genuine, ".")
	parts[1] = strings.Split(other, ".")[1]
	return strings.Join(parts, ".")
}

func TestOnlyGenuineRefreshTokensAreAccepted(t *testing.T) {
	t.Parallel()
	s := start(t)
	grant := s.login("user0002")
	genuine := grant.text("refresh_token")
	for name, text := range map[string]string{
		"access token": grant.text("access_token"),
		"alg none":     forge(t, genuine, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, unchanged),
		"another key":  forge(t, genuine, jwt.SigningMethodES256, tokentest.NewKey(t, "signer").Private, unchanged),
		"expired": forge(t, genuine, jwt.SigningMethodES256, s.key.Private, func(c *jwtauth.Claims) {
			c.ExpiresAt = jwt.NewNumericDate(time.Now().Add(-time.Minute))
		}),
	} {
		s.refresh(text).want(t, http.StatusUnauthorized, "REFRESH_TOKEN_INVALID")
		t.Log(name)
	}
	s.refresh(genuine).want(t, http.StatusOK, "") // the forgeries have not ended the session
}

func TestPublishedKeysVerifyTokens(t *testing.T) {
	t.Parallel()
	s := start(t)
	text := s.login("user0001").text("access_token")
	a := s.get("/.well-known/jwks.json", "")
	published, err := json.Marshal(a.body)
	expect.NoError(t, err)
	if strings.Contains(string(published), `"d":`) {
		t.Fatal("a private key is published")
	}
	// The keys are fetched over HTTP, as another service does.
	keys := jwtauth.NewRemoteKeys(s.plain.Transport, s.url+"/.well-known/jwks.json", time.Now)
	verifier := jwtauth.NewVerifier(jwtauth.Config{Issuer: "phonebill-auth", Audience: "phonebill"}, keys, time.Now)
	claims, err := verifier.Verify(t.Context(), text, jwtauth.TypeAccess)
	expect.NoError(t, err)
	expect.Equal(t, claims.Subject, "user0001")
}
