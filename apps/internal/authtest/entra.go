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

// Entra stands in for a tenant of Microsoft Entra ID: it tells by OpenID Connect
// Discovery where its keys are, and signs access tokens with one of them.
type Entra struct {
	t      testing.TB
	now    func() time.Time
	server *httptest.Server

	mu      sync.Mutex
	issuer  string
	keys    map[string]crypto.Signer // published
	fetches int
	away    bool
}

// EntraKeyID is the id of the key that an Entra begins with.
const EntraKeyID = "entra-key"

// entraAudience is the API's id at an Entra.
const entraAudience = "6e74172b-be56-4843-9ff4-e66a39bb12e3"

// entraPath is that of a tenant.
const entraPath = "/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0"

// NewEntra returns a tenant that the test can reach, with one key.
func NewEntra(t testing.TB, now func() time.Time) *Entra {
	t.Helper()
	e := &Entra{t: t, now: now, keys: map[string]crypto.Signer{}}
	router := mux.NewRouter()
	router.Handle(entraPath+"/.well-known/openid-configuration", httpjson.Handler(e.discovery))
	router.Handle("/keys", httpjson.Handler(e.published))
	e.server = httptest.NewServer(router)
	t.Cleanup(e.server.Close)
	e.issuer = e.server.URL + entraPath
	e.AddKey(EntraKeyID)
	return e
}

// Config is what a service needs to know of it.
func (e *Entra) Config() jwtauth.OIDCConfig {
	return jwtauth.OIDCConfig{
		Issuer: e.server.URL + entraPath, Audience: entraAudience,
		Roles: jwtauth.Roles{"Admin": {"ADMIN"}, "User": nil, "ServiceAccount": nil},
	}
}

// KeysURL is where its keys are.
func (e *Entra) KeysURL() string { return e.server.URL + "/keys" }

// AddKey makes it publish another RSA key.
func (e *Entra) AddKey(kid string) {
	e.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		e.t.Fatalf("authtest: %v", err)
	}
	e.Publish(kid, key)
}

// Publish makes it publish another key.
func (e *Entra) Publish(kid string, key crypto.Signer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.keys[kid] = key
}

// SayIssuer makes its discovery document name another issuer.
func (e *Entra) SayIssuer(issuer string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.issuer = issuer
}

// GoAway makes it answer 503 to everything, or come back.
func (e *Entra) GoAway(away bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.away = away
}

// Fetches returns how often it was asked for keys, or where they are.
func (e *Entra) Fetches() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.fetches
}

// Claims returns those of an access token of version 2.0 for the API, as Entra
// ID gives them to somebody with roles who uses a client.
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

// Sign returns claims as a token by the key called kid.
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

// Token returns an access token of somebody with roles.
func (e *Entra) Token(objectID string, roles ...string) string {
	e.t.Helper()
	return e.Sign(EntraKeyID, e.Claims(objectID, roles...))
}

func (e *Entra) discovery(w http.ResponseWriter, _ *http.Request) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fetches++
	if e.away {
		w.WriteHeader(http.StatusServiceUnavailable)
		return nil
	}
	return httpjson.Write(w, http.StatusOK, map[string]any{
		"issuer": e.issuer, "jwks_uri": e.KeysURL(), "id_token_signing_alg_values_supported": []string{"RS256"},
	})
}

// published adds to each key the issuer, as Entra ID does.
func (e *Entra) published(w http.ResponseWriter, _ *http.Request) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fetches++
	if e.away {
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
