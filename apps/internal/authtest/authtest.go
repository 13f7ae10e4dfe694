// Package authtest signs tokens as the auth service does. Only tests may
// import it; the end-to-end suite checks it against the real service.
package authtest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	"github.com/phonebill/phonebill/apps/internal/session"
)

// KeyID is the id of an Issuer's key.
const KeyID = "test-key"

// Issuer signs tokens with its own key.
type Issuer struct {
	Config jwtauth.Config
	key    *ecdsa.PrivateKey
	now    func() time.Time
}

// NewIssuer returns an issuer with a new key, whose tokens are valid from now().
func NewIssuer(t testing.TB, now func() time.Time) *Issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("authtest: %v", err)
	}
	return &Issuer{Config: jwtauth.Config{Issuer: "phonebill-auth", Audience: "phonebill"}, key: key, now: now}
}

// Claims returns the claims of an access token of p, valid for half an hour.
func (i *Issuer) Claims(p jwtauth.Principal) jwtauth.Claims {
	now := i.now()
	return jwtauth.Claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: i.Config.Issuer, Audience: jwt.ClaimStrings{i.Config.Audience}, Subject: p.UserID, ID: rand.Text(),
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(30 * time.Minute)),
		},
		SessionID: p.SessionID, Type: jwtauth.TypeAccess,
		CustomerID: p.CustomerID, Lines: p.Lines, Permissions: p.Permissions,
	}
}

// Sign returns a signed token with claims.
func (i *Issuer) Sign(t testing.TB, claims jwt.Claims) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	token.Header["kid"] = KeyID
	text, err := token.SignedString(i.key)
	if err != nil {
		t.Fatalf("authtest: %v", err)
	}
	return text
}

// Token returns a signed access token of p.
func (i *Issuer) Token(t testing.TB, p jwtauth.Principal) string {
	t.Helper()
	return i.Sign(t, i.Claims(p))
}

// Keys returns the issuer's public keys.
func (i *Issuer) Keys() jwtauth.Keys {
	return jwtauth.LocalKeys(func(context.Context) (map[string]crypto.PublicKey, error) {
		return map[string]crypto.PublicKey{KeyID: i.key.Public()}, nil
	})
}

// ServeHTTP answers every path with the public keys as a JWKS.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	httpjson.Handler(func(w http.ResponseWriter, _ *http.Request) error {
		jwk, err := jwkset.NewJWKFromKey(i.key.Public(), jwkset.JWKOptions{
			Metadata: jwkset.JWKMetadataOptions{KID: KeyID, ALG: jwkset.AlgES256, USE: jwkset.UseSig},
		})
		if err != nil {
			return err
		}
		return httpjson.Write(w, http.StatusOK, jwkset.JWKSMarshal{Keys: []jwkset.JWKMarshal{jwk.Marshal()}})
	}).ServeHTTP(w, r)
}

// LiveSessions are live sessions by id.
type LiveSessions map[string]session.Record

// Get implements jwtauth.Sessions.
func (s LiveSessions) Get(_ context.Context, id string) (session.Record, error) {
	record, ok := s[id]
	if !ok {
		return session.Record{}, session.ErrEnded
	}
	return record, nil
}
