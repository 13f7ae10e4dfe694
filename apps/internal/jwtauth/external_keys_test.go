package jwtauth_test

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/phonebill/phonebill/apps/internal/authtest"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
)

// clock is a clock that a test advances.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Now()} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// skipPause advances the clock until an unknown key id may cause a fetch again.
func (c *clock) skipPause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(unknownPause)
}

func wantOperator(t *testing.T, operators *jwtauth.Operators, token string, want error) {
	t.Helper()
	if _, err := operators.Verify(t.Context(), token); !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

func TestExternalKeysAreRotated(t *testing.T) {
	t.Parallel()
	c := newClock()
	entra := authtest.NewEntra(t, c.Now)
	operators := jwtauth.NewOperators(entra.Config(), c.Now)
	wantOperator(t, operators, entra.Token(abe, "Admin"), nil)
	if n := entra.Fetches(); n != 2 {
		t.Errorf("%d fetches, want 2 (discovery and keys)", n)
	}
	entra.AddKey("next")
	c.skipPause()
	wantOperator(t, operators, entra.Sign("next", entra.Claims(abe, "Admin")), nil)
	wantOperator(t, operators, entra.Token(abe, "Admin"), nil) // the old key is still published
	if n := entra.Fetches(); n != 4 {
		t.Errorf("%d fetches, want 4", n)
	}
}

func TestConfiguredJWKSURLSkipsDiscovery(t *testing.T) {
	t.Parallel()
	entra := authtest.NewEntra(t, time.Now)
	entra.SetIssuer("https://other.example") // not read
	cfg := entra.Config()
	cfg.JWKSURL = entra.KeysURL()
	wantOperator(t, jwtauth.NewOperators(cfg, time.Now), entra.Token(abe, "Admin"), nil)
	if n := entra.Fetches(); n != 1 {
		t.Errorf("%d fetches, want 1", n)
	}
}

// TestExternalIssuerOutage checks that operators get 503 without a fetch for each
// request, that our own tokens still work, and that cached keys stay valid.
func TestExternalIssuerOutage(t *testing.T) {
	t.Parallel()
	b := newBoth(t, sessions{record: live})
	b.entra.GoAway(true)
	for range 20 {
		_, rec := b.authenticate(b.entra.Token(abe, "Admin"))
		wantProblem(t, rec, http.StatusServiceUnavailable, "AUTH_UNAVAILABLE")
		if as, rec := b.authenticate(b.ours.Token(t, jwtauth.Principal{UserID: live.UserID, SessionID: "s1"})); as.UserID != live.UserID {
			t.Errorf("ours: %d %s", rec.Code, rec.Body)
		}
	}
	if n := b.entra.Fetches(); n > 2 {
		t.Errorf("%d fetches, want at most 2", n)
	}

	c := newClock()
	operators := jwtauth.NewOperators(b.entra.Config(), c.Now)
	if err := operators.Health(t.Context()); !errors.Is(err, jwtauth.ErrNoKeys) {
		t.Errorf("health: %v", err)
	}
	b.entra.GoAway(false)
	c.skipPause()
	if err := operators.Health(t.Context()); err != nil {
		t.Errorf("health after recovery: %v", err)
	}
	b.entra.GoAway(true)
	wantOperator(t, operators, b.entra.Token(abe, "Admin"), nil)
	if err := operators.Health(t.Context()); err != nil {
		t.Errorf("health with cached keys: %v", err)
	}
}

func TestFloodOfUnknownKeyIDsIsNotForwardedToExternalIssuer(t *testing.T) {
	t.Parallel()
	c := newClock()
	entra := authtest.NewEntra(t, c.Now)
	operators := jwtauth.NewOperators(entra.Config(), c.Now)
	good := entra.Token(abe, "Admin")
	wantOperator(t, operators, good, nil)
	before := entra.Fetches()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c.skipPause()
	var group sync.WaitGroup
	for n := range 20 {
		token := signAny(t, jwt.SigningMethodRS256, fmt.Sprintf("unknown-%d", n), key, entra.Claims(abe, "Admin"))
		for range 10 {
			group.Go(func() {
				_, err := operators.Verify(t.Context(), token)
				// ErrNoKeys if too many requests are waiting.
				if !errors.Is(err, jwtauth.ErrInvalidToken) && !errors.Is(err, jwtauth.ErrNoKeys) {
					t.Errorf("got %v", err)
				}
				wantOperator(t, operators, good, nil)
			})
		}
	}
	group.Wait()
	if n := entra.Fetches() - before; n != 2 {
		t.Errorf("%d fetches, want 2", n)
	}
	entra.AddKey("next")
	c.skipPause()
	wantOperator(t, operators, entra.Sign("next", entra.Claims(abe, "Admin")), nil)
}

func TestHungExternalIssuerBlocksFewRequests(t *testing.T) {
	t.Parallel()
	const limit = 32
	requested, release := make(chan struct{}, 1), make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		requested <- struct{}{}
		<-release
	}))
	defer hanging.Close()
	entra := authtest.NewEntra(t, time.Now)
	cfg := entra.Config()
	cfg.JWKSURL = hanging.URL
	operators := jwtauth.NewOperators(cfg, time.Now)
	token := entra.Token(abe, "Admin")
	ended := make(chan error, 2*limit)
	for range 2 * limit {
		go func() {
			_, err := operators.Verify(t.Context(), token)
			ended <- err
		}()
	}
	<-requested
	for n := range 2 * limit {
		if n == limit {
			close(release) // only the requests that hold a slot are left
		}
		if err := <-ended; !errors.Is(err, jwtauth.ErrNoKeys) || (n < limit) != strings.Contains(err.Error(), "too many") {
			t.Errorf("request %d: %v", n+1, err)
		}
	}
}

func TestInvalidDiscoveryDocuments(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		want    string
		publish func(base string, w http.ResponseWriter)
	}{
		"another issuer": {"another issuer", func(base string, w http.ResponseWriter) {
			_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, base+"/other", base+"/keys")
		}},
		"all tenants": {"another issuer", func(base string, w http.ResponseWriter) {
			_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, base+"/{tenantid}/v2.0", base+"/keys")
		}},
		"keys over http": {"jwks_uri must begin with https", func(base string, w http.ResponseWriter) {
			_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":"http://keys.example/keys"}`, base)
		}},
		"no jwks_uri": {"jwks_uri must be", func(base string, w http.ResponseWriter) { _, _ = fmt.Fprintf(w, `{"issuer":%q}`, base) }},
		"redirect": {"status 302", func(base string, w http.ResponseWriter) {
			w.Header().Set("Location", base+"/elsewhere")
			w.WriteHeader(http.StatusFound)
		}},
		"no JSON": {"invalid character", func(_ string, w http.ResponseWriter) { _, _ = w.Write([]byte("<html>")) }},
		"too long": {"unexpected EOF", func(base string, w http.ResponseWriter) {
			_, _ = fmt.Fprintf(w, `{"x":%q,"issuer":%q,"jwks_uri":%q}`, strings.Repeat("x", 1<<20), base, base+"/keys")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var base string
			fetched := make(chan string, 10)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fetched <- r.URL.Path
				c.publish(base, w)
			}))
			defer server.Close()
			base = server.URL
			entra := authtest.NewEntra(t, time.Now)
			claims := entra.Claims(abe, "Admin")
			claims["iss"] = base
			cfg := entra.Config()
			cfg.Issuer = base
			_, err := jwtauth.NewOperators(cfg, time.Now).Verify(t.Context(), entra.Sign(authtest.EntraKeyID, claims))
			if !errors.Is(err, jwtauth.ErrNoKeys) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want text %q", err, c.want)
			}
			if path := <-fetched; path != "/.well-known/openid-configuration" || len(fetched) != 0 {
				t.Errorf("fetched %s and %d others", path, len(fetched))
			}
		})
	}
}

func TestShortRSAKeysAreRejected(t *testing.T) {
	t.Parallel()
	entra := authtest.NewEntra(t, time.Now)
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	entra.Publish("short", short)
	wantOperator(t, jwtauth.NewOperators(entra.Config(), time.Now), entra.Sign("short", entra.Claims(abe, "Admin")), jwtauth.ErrInvalidToken)
}
