package jwtauth_test

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/MicahParks/jwkset"

	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
)

// unknownPause is the minimum time between fetches for unknown key ids.
const unknownPause = 2 * time.Second

// withRemote runs test with RemoteKeys in a synctest bubble.
func withRemote(t *testing.T, test func(i *issuer, keys *jwtauth.RemoteKeys)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t, "k1")
		test(i, i.remote())
		bubble.Advance(time.Minute) // background refreshes end
	})
}

func wantKey(t testing.TB, keys jwtauth.Keys, kid string, want error) {
	t.Helper()
	key, err := keys.Key(t.Context(), kid)
	if !errors.Is(err, want) || (want == nil && (err != nil || key == nil)) {
		t.Errorf("key %s: %v, %v; want %v", kid, key, err, want)
	}
}

func TestKeysAreFetchedOnceAtFirstUse(t *testing.T) {
	t.Parallel()
	withRemote(t, func(i *issuer, keys *jwtauth.RemoteKeys) {
		if n := i.fetched(); n != 0 {
			i.t.Errorf("%d fetches before the first use", n)
		}
		i.set(func() { i.slow = 100 * time.Millisecond })
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() { wantKey(i.t, keys, "k1", nil) })
		}
		group.Wait()
		if n := i.fetched(); n != 1 {
			i.t.Errorf("%d fetches", n)
		}
	})
}

func TestIssuerOutageAtStart(t *testing.T) {
	t.Parallel()
	withRemote(t, func(i *issuer, keys *jwtauth.RemoteKeys) {
		i.set(func() { i.down = true })
		verifier := jwtauth.NewVerifier(cfg, keys, time.Now)
		defer verifier.StopGoroutines()
		token := i.token("k1", claims(time.Now()))
		if _, err := verifier.Verify(i.t.Context(), token, jwtauth.TypeAccess); !errors.Is(err, jwtauth.ErrNoKeys) {
			i.t.Errorf("got %v", err)
		}
		if err := keys.Health(i.t.Context()); !errors.Is(err, jwtauth.ErrNoKeys) {
			i.t.Errorf("health: %v", err)
		}
		i.set(func() { i.down = false })
		if err := keys.Health(i.t.Context()); err != nil {
			i.t.Errorf("health: %v", err)
		}
		if _, err := verifier.Verify(i.t.Context(), token, jwtauth.TypeAccess); err != nil {
			i.t.Errorf("after recovery: %v", err)
		}
	})
}

func TestCachedKeysStayValidDuringOutage(t *testing.T) {
	t.Parallel()
	withRemote(t, func(i *issuer, keys *jwtauth.RemoteKeys) {
		wantKey(i.t, keys, "k1", nil)
		i.set(func() { i.down = true })
		i.fetched()
		const outage = time.Hour
		for range int(outage / time.Second) {
			bubble.Advance(time.Second)
			wantKey(i.t, keys, "k1", nil)
		}
		if n := i.fetched(); n == 0 || n > int(outage/(10*time.Second)) {
			i.t.Errorf("%d fetches in an hour", n)
		}
	})
}

func TestNewKeyIsFetchedAtItsFirstUse(t *testing.T) {
	t.Parallel()
	withRemote(t, func(i *issuer, keys *jwtauth.RemoteKeys) {
		wantKey(i.t, keys, "k1", nil)
		i.addKey("k2")
		wantKey(i.t, keys, "k2", nil)
		wantKey(i.t, keys, "k1", nil)
		if n := i.fetched(); n != 2 {
			i.t.Errorf("%d fetches", n)
		}
	})
}

func TestWithdrawnKeyIsDropped(t *testing.T) {
	t.Parallel()
	withRemote(t, func(i *issuer, keys *jwtauth.RemoteKeys) {
		i.addKey("k2")
		wantKey(i.t, keys, "k1", nil)
		i.set(func() { delete(i.keys, "k1") })
		bubble.Advance(5 * time.Minute)
		wantKey(i.t, keys, "k2", nil) // starts a refresh in the background
		synctest.Wait()
		wantKey(i.t, keys, "k1", jwtauth.ErrUnknownKey)
	})
}

func TestFloodOfUnknownKeyIDsIsNotForwarded(t *testing.T) {
	t.Parallel()
	withRemote(t, func(i *issuer, keys *jwtauth.RemoteKeys) {
		wantKey(i.t, keys, "k1", nil)
		i.fetched()
		i.set(func() { i.slow = 100 * time.Millisecond })
		const flood = time.Minute
		var group sync.WaitGroup
		for second := range int(flood / time.Second) {
			for n := range 20 {
				group.Go(func() { wantKey(i.t, keys, fmt.Sprintf("unknown-%d-%d", second, n), jwtauth.ErrUnknownKey) })
			}
			wantKey(i.t, keys, "k1", nil)
			bubble.Advance(time.Second)
		}
		group.Wait()
		if n := i.fetched(); n == 0 || n > int(flood/unknownPause) {
			i.t.Errorf("%d fetches in a minute", n)
		}
		i.addKey("k2")
		bubble.Advance(unknownPause)
		wantKey(i.t, keys, "k2", nil)
	})
}

// TestConcurrentRequestsShareTheFetchOfNewKey checks that none is rejected because
// another request is already fetching.
func TestConcurrentRequestsShareTheFetchOfNewKey(t *testing.T) {
	t.Parallel()
	withRemote(t, func(i *issuer, keys *jwtauth.RemoteKeys) {
		wantKey(i.t, keys, "k1", nil)
		i.fetched()
		i.addKey("k2")
		i.set(func() { i.slow = 100 * time.Millisecond })
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() { wantKey(i.t, keys, "k2", nil) })
		}
		group.Wait()
		if n := i.fetched(); n != 1 {
			i.t.Errorf("%d fetches", n)
		}
	})
}

// TestUnknownKeyDuringOutage expects ErrNoKeys, as the key may be a new one.
func TestUnknownKeyDuringOutage(t *testing.T) {
	t.Parallel()
	withRemote(t, func(i *issuer, keys *jwtauth.RemoteKeys) {
		wantKey(i.t, keys, "k1", nil)
		i.set(func() { i.down = true })
		wantKey(i.t, keys, "k2", jwtauth.ErrNoKeys)
		wantKey(i.t, keys, "k2", jwtauth.ErrNoKeys) // within unknownPause
		wantKey(i.t, keys, "k1", nil)
		i.set(func() { i.down = false })
		bubble.Advance(unknownPause)
		wantKey(i.t, keys, "k2", jwtauth.ErrUnknownKey)
	})
}

func TestKeyReturnsWhenContextEnds(t *testing.T) {
	t.Parallel()
	withRemote(t, func(i *issuer, keys *jwtauth.RemoteKeys) {
		wantKey(i.t, keys, "k1", nil)
		i.set(func() { i.slow = 2 * time.Second })
		ctx, cancel := context.WithTimeout(i.t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := keys.Key(ctx, "k2"); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > time.Second {
			i.t.Errorf("got %v after %s", err, time.Since(start))
		}
	})
}

func TestBadKeySets(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"status":   "",
		"garbage":  "<html>",
		"no keys":  `{"keys":[]}`,
		"too long": `{"keys":[],"x":"` + strings.Repeat("x", 1<<20) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withRemote(t, func(i *issuer, keys *jwtauth.RemoteKeys) {
				i.set(func() {
					i.answer = func() *http.Response {
						if body == "" {
							return response(http.StatusServiceUnavailable, i.published())
						}
						return response(http.StatusOK, []byte(body))
					}
				})
				wantKey(i.t, keys, "k1", jwtauth.ErrNoKeys)
			})
		})
	}
}

func TestUnsupportedKeysAreIgnored(t *testing.T) {
	t.Parallel()
	withRemote(t, func(i *issuer, keys *jwtauth.RemoteKeys) {
		i.set(func() {
			i.extra = []jwkset.JWKMarshal{
				{KID: "new", KTY: "AKP"},
				{KID: "secret", KTY: "oct", K: "c2VjcmV0"},
				publish(t, "other-curve", newKey(t, elliptic.P384()).Public()),
				publish(t, "", newKey(t, elliptic.P256()).Public()),
				publish(t, "for encryption", newKey(t, elliptic.P256()).Public()),
			}
			i.extra[len(i.extra)-1].USE = jwkset.UseEnc
		})
		wantKey(i.t, keys, "k1", nil)
		for _, kid := range []string{"new", "secret", "other-curve", "", "for encryption"} {
			wantKey(i.t, keys, kid, jwtauth.ErrUnknownKey)
		}
	})
}

func TestLocalKeys(t *testing.T) {
	t.Parallel()
	failing := jwtauth.LocalKeys(func(context.Context) (map[string]crypto.PublicKey, error) { return nil, errors.New("unavailable") })
	wantKey(t, failing, "k1", jwtauth.ErrNoKeys)
	i := newIssuer(t, "k1")
	wantKey(t, i.static(), "k1", nil)
	wantKey(t, i.static(), "k2", jwtauth.ErrUnknownKey)
}

func TestParseKeySetReturnsPublicKeysOnly(t *testing.T) {
	t.Parallel()
	private := newKey(t, elliptic.P256())
	jwk, err := jwkset.NewJWKFromKey(private, jwkset.JWKOptions{
		Marshal: jwkset.JWKMarshalOptions{Private: true}, Metadata: jwkset.JWKMetadataOptions{KID: "k1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := jwtauth.ParseKeySet(jwkset.JWKSMarshal{Keys: []jwkset.JWKMarshal{jwk.Marshal()}})
	if err != nil || !private.PublicKey.Equal(keys["k1"]) {
		t.Errorf("got %T, %v", keys["k1"], err)
	}
}
