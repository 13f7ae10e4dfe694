package authtest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/mux"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
)

// Entra is a fake tenant of Microsoft Entra ID. It serves an OpenID Connect
// Discovery document and a JWKS, and signs access tokens.
type Entra struct {
	t      testing.TB
	now    func() time.Time
	server *httptest.Server

	mu      sync.Mutex
	issuer  string
	keys    map[string]crypto.Signer // published
	fetches int
	down    bool // answers 503
}

// EntraKeyID is the id of the first key of an Entra.
const EntraKeyID = "entra-key"

// entraAudience is the application id of the API.
const entraAudience = "6e74172b-be56-4843-9ff4-e66a39bb12e3"

// entraPath is the path of the tenant's issuer URL.
const entraPath = "/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0"

// NewEntra starts a tenant with one key. It is closed when the test ends.
func NewEntra(t testing.TB, now func() time.Time) *Entra {
	t.Helper()
	e := &Entra{t: t, now: now, keys: map[string]crypto.Signer{}}
	router := mux.NewRouter()
	router.Handle(entraPath+"/.well-known/openid-configuration", httpjson.Handler(e.discovery))
	router.Handle("/keys", httpjson.Handler(e.jwks))
	e.server = httptest.NewServer(router)
	t.Cleanup(e.server.Close)
	e.issuer = e.server.URL + entraPath
	e.AddKey(EntraKeyID)
	return e
}

// Config returns the configuration of a service that accepts the tenant's tokens.
func (e *Entra) Config() jwtauth.OIDCConfig {
	return jwtauth.OIDCConfig{
		Issuer: e.server.URL + entraPath, Audience: entraAudience,
		Roles: jwtauth.Roles{"Admin": {"ADMIN"}, "User": nil, "ServiceAccount": nil},
	}
}

// KeysURL returns the URL of the JWKS.
func (e *Entra) KeysURL() string { return e.server.URL + "/keys" }

// AddKey publishes a new RSA key with the id kid.
func (e *Entra) AddKey(kid string) {
	e.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		e.t.Fatalf("authtest: %v", err)
	}
	e.Publish(kid, key)
}

// Publish publishes key with the id kid.
func (e *Entra) Publish(kid string, key crypto.Signer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.keys[kid] = key
}

// SetIssuer sets the issuer that the discovery document names.
func (e *Entra) SetIssuer(issuer string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.issuer = issuer
}

// GoAway sets whether all requests are answered with 503.
func (e *Entra) GoAway(down bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.down = down
}

// Fetches returns the number of requests for the discovery document or the JWKS.
func (e *Entra) Fetches() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.fetches
}

// Claims returns the claims of a version 2.0 access token for the API, as Entra
// ID issues it to a user with roles.
func (e *Entra) Claims(objectID string, roles ...string) jwt.MapClaims {
	now := e.now()
	return jwt.MapClaims{
		"iss": e.server.URL + entraPath, "aud": entraAudience, "ver": "2.0",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(75 * time.Minute).Unix(),
		"oid": objectID, "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ", "tid": "72f988bf-86f1-41af-91ab-2d7cd011db47",
		"azp": "5f2b6a2e-0c3f-4f9c-9c56-0a2d2d6f6b11", "azpacr": "0", "scp": "access_as_user", "roles": roles,
		"name": "Abe Lincoln", "preferred_username": "abeli@example.com", "uti": rand.Text(),
	}
}

// Sign returns a token with claims, signed by the key kid.
func (e *Entra) Sign(kid string, claims jwt.Claims) string {
	e.t.Helper()
	e.mu.Lock()
	key := e.keys[kid]
	e.mu.Unlock()
	method := jwt.SigningMethod(jwt.SigningMethodRS256)
	if _, ok := key.(*rsa.PrivateKey); !ok {
		method = jwt.SigningMethodES256
	}
	token := jwt.NewWithClaims(method, claims)
	token.Header["kid"] = kid
	text, err := token.SignedString(key)
	if err != nil {
		e.t.Fatalf("authtest: %v", err)
	}
	return text
}

// Token returns a signed access token of a user with roles.
func (e *Entra) Token(objectID string, roles ...string) string {
	e.t.Helper()
	return e.Sign(EntraKeyID, e.Claims(objectID, roles...))
}

func (e *Entra) discovery(w http.ResponseWriter, _ *http.Request) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fetches++
	if e.down {
		w.WriteHeader(http.StatusServiceUnavailable)
		return nil
	}
	return httpjson.Write(w, http.StatusOK, map[string]any{
		"issuer": e.issuer, "jwks_uri": e.KeysURL(), "id_token_signing_alg_values_supported": []string{"RS256"},
	})
}

// jwks serves the keys. Each has a member "issuer", as Entra ID's have.
func (e *Entra) jwks(w http.ResponseWriter, _ *http.Request) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fetches++
	if e.down {
		w.WriteHeader(http.StatusServiceUnavailable)
		return nil
	}
	type key struct {
		jwkset.JWKMarshal
		Issuer string `json:"issuer"`
	}
	keys := []key{}
	for kid, private := range e.keys {
		jwk, err := jwkset.NewJWKFromKey(private.Public(), jwkset.JWKOptions{
			Metadata: jwkset.JWKMetadataOptions{KID: kid, USE: jwkset.UseSig},
		})
		if err != nil {
			return err
		}
		keys = append(keys, key{jwk.Marshal(), e.server.URL + entraPath})
	}
	return httpjson.Write(w, http.StatusOK, map[string]any{"keys": keys})
}
