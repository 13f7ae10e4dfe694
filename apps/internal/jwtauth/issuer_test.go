package jwtauth_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // otter logs reloads that fail
	// The clean-up goroutine of an otter cache ends when the cache is garbage collected.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/maypok86/otter/v2.periodicCleanUp[...]"))
}

var cfg = jwtauth.Config{Issuer: "phonebill-auth", Audience: "phonebill"}

const tokenAge = 30 * time.Minute

// issuer signs tokens and is the transport to its JWKS endpoint, which can fail.
type issuer struct {
	t testing.TB

	mu      sync.Mutex
	keys    map[string]*ecdsa.PrivateKey
	extra   []jwkset.JWKMarshal // published unchanged
	down    bool
	slow    time.Duration
	answer  func() *http.Response // replaces the key set if not nil
	fetches int
}

func newIssuer(t testing.TB, kids ...string) *issuer {
	t.Helper()
	i := &issuer{t: t, keys: map[string]*ecdsa.PrivateKey{}}
	for _, kid := range kids {
		i.addKey(kid)
	}
	return i
}

func newKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (i *issuer) addKey(kid string) {
	i.t.Helper()
	key := newKey(i.t, elliptic.P256())
	i.set(func() { i.keys[kid] = key })
}

// set changes the issuer's fields under its lock.
func (i *issuer) set(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

// fetched returns the number of fetches since the last call.
func (i *issuer) fetched() (n int) {
	i.set(func() { n, i.fetches = i.fetches, 0 })
	return n
}

// RoundTrip implements http.RoundTripper as the issuer's JWKS endpoint.
func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	i.mu.Lock()
	i.fetches++
	down, slow, answer, set := i.down, i.slow, i.answer, i.published()
	i.mu.Unlock()
	bubble.Advance(slow)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if down {
		return nil, errors.New("connection refused")
	}
	if answer != nil {
		return answer(), nil
	}
	return response(http.StatusOK, set), nil
}

func (i *issuer) published() []byte {
	set := jwkset.JWKSMarshal{Keys: i.extra}
	for kid, key := range i.keys {
		set.Keys = append(set.Keys, publish(i.t, kid, key.Public()))
	}
	text, err := json.Marshal(set)
	if err != nil {
		i.t.Error(err)
	}
	return text
}

func publish(t testing.TB, kid string, key crypto.PublicKey) jwkset.JWKMarshal {
	t.Helper()
	jwk, err := jwkset.NewJWKFromKey(key, jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: kid}})
	if err != nil {
		t.Error(err)
	}
	return jwk.Marshal()
}

func response(status int, body []byte) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}
}

// claims returns the claims of a valid access token issued now.
func claims(now time.Time) *jwtauth.Claims {
	return &jwtauth.Claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: cfg.Issuer, Audience: jwt.ClaimStrings{cfg.Audience}, Subject: "testuser01", ID: "jti",
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(tokenAge)),
		},
		SessionID: "s1", Type: jwtauth.TypeAccess, CustomerID: "CUST001",
		Lines: []string{"01012345678"}, Permissions: []string{"BILL_INQUIRY", "PRODUCT_CHANGE"},
	}
}

// token returns a token with claims, signed by the key kid.
func (i *issuer) token(kid string, c *jwtauth.Claims) string {
	i.t.Helper()
	var key *ecdsa.PrivateKey
	i.set(func() { key = i.keys[kid] })
	return sign(i.t, jwt.SigningMethodES256, kid, key, c)
}

func sign(t testing.TB, method jwt.SigningMethod, kid string, key any, c *jwtauth.Claims) string {
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

// remote returns the issuer's keys, fetched from it.
func (i *issuer) remote() *jwtauth.RemoteKeys {
	return jwtauth.NewRemoteKeys(i, "http://auth/.well-known/jwks.json", time.Now)
}

// static returns the issuer's current keys, without fetches.
func (i *issuer) static() jwtauth.Keys {
	set, err := readSet(i)
	if err != nil {
		i.t.Fatal(err)
	}
	return set
}
