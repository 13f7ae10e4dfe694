package jwtauth_test

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
)

func readSet(i *issuer) (jwtauth.LocalKeys, error) {
	var set jwkset.JWKSMarshal
	if err := json.Unmarshal(i.published(), &set); err != nil {
		return nil, err
	}
	keys, err := jwtauth.ParseKeySet(set)
	return func(context.Context) (map[string]crypto.PublicKey, error) { return keys, err }, err
}

func TestVerifyAcceptsValidTokens(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "k1", "k2")
	verifier := jwtauth.NewVerifier(cfg, i.static(), time.Now)
	want := claims(time.Now())
	for _, kid := range []string{"k1", "k2"} {
		token := i.token(kid, want)
		for range 2 { // the second time from the cache
			got, err := verifier.Verify(t.Context(), token, jwtauth.TypeAccess)
			if err != nil {
				t.Fatal(err)
			}
			if got.Subject != want.Subject || got.SessionID != want.SessionID || got.CustomerID != want.CustomerID {
				t.Errorf("got %+v", got)
			}
			if diff := cmp.Diff([][]string{want.Lines, want.Permissions}, [][]string{got.Lines, got.Permissions}); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
		}
	}
}

func TestVerifyRejectsInvalidTokens(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "k1")
	verifier := jwtauth.NewVerifier(cfg, i.static(), time.Now)
	for name, token := range badTokens(t, i) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 2 {
				if _, err := verifier.Verify(t.Context(), token, jwtauth.TypeAccess); !errors.Is(err, jwtauth.ErrInvalidToken) {
					t.Errorf("got %v", err)
				}
			}
		})
	}
}

// badTokens returns malformed, forged, expired and foreign tokens.
func badTokens(t *testing.T, i *issuer) map[string]string {
	t.Helper()
	now := time.Now()
	good := i.token("k1", claims(now))
	parts := strings.Split(good, ".")
	changed := func(change func(c *jwtauth.Claims)) string {
		c := claims(now)
		change(c)
		return i.token("k1", c)
	}
	payload := func(c *jwtauth.Claims) string {
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	admin := claims(now)
	admin.Permissions = []string{"ADMIN"}
	public, err := x509.MarshalPKIXPublicKey(i.keys["k1"].Public())
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"empty":                        "",
		"no token":                     "a.b.c",
		"unsigned":                     parts[0] + "." + parts[1] + ".",
		"no signature":                 parts[0] + "." + parts[1],
		"changed payload":              parts[0] + "." + payload(admin) + "." + parts[2],
		"signature by another key":     sign(t, jwt.SigningMethodES256, "k1", newKey(t, elliptic.P256()), claims(now)),
		"alg none":                     sign(t, jwt.SigningMethodNone, "k1", jwt.UnsafeAllowNoneSignatureType, admin),
		"HS256 with public key":        sign(t, jwt.SigningMethodHS256, "k1", public, admin),
		"HS256 with public key in PEM": sign(t, jwt.SigningMethodHS256, "k1", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), admin),
		"ES384":                        sign(t, jwt.SigningMethodES384, "k1", newKey(t, elliptic.P384()), admin),
		"unknown kid":                  sign(t, jwt.SigningMethodES256, "k9", i.keys["k1"], claims(now)),
		"no kid":                       sign(t, jwt.SigningMethodES256, "", i.keys["k1"], claims(now)),
		"other issuer":                 changed(func(c *jwtauth.Claims) { c.Issuer = "other" }),
		"no issuer":                    changed(func(c *jwtauth.Claims) { c.Issuer = "" }),
		"other audience":               changed(func(c *jwtauth.Claims) { c.Audience = jwt.ClaimStrings{"other"} }),
		"no audience":                  changed(func(c *jwtauth.Claims) { c.Audience = nil }),
		"expired":                      changed(func(c *jwtauth.Claims) { c.ExpiresAt = jwt.NewNumericDate(now.Add(-time.Second)) }),
		"never expires":                changed(func(c *jwtauth.Claims) { c.ExpiresAt = nil }),
		"issued in the future":         changed(func(c *jwtauth.Claims) { c.IssuedAt = jwt.NewNumericDate(now.Add(time.Minute)) }),
		"not valid yet":                changed(func(c *jwtauth.Claims) { c.NotBefore = jwt.NewNumericDate(now.Add(time.Minute)) }),
		"refresh token":                changed(func(c *jwtauth.Claims) { c.Type = jwtauth.TypeRefresh }),
		"no type":                      changed(func(c *jwtauth.Claims) { c.Type = "" }),
		"no session":                   changed(func(c *jwtauth.Claims) { c.SessionID = "" }),
		"no user":                      changed(func(c *jwtauth.Claims) { c.Subject = "" }),
	}
}

func TestCachedTokenExpires(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "k1")
	now := time.Now()
	verifier := jwtauth.NewVerifier(cfg, i.static(), func() time.Time { return now })
	token := i.token("k1", claims(now))
	verify := func() error {
		_, err := verifier.Verify(t.Context(), token, jwtauth.TypeAccess)
		return err
	}
	if err := verify(); err != nil {
		t.Fatal(err)
	}
	now = now.Add(tokenAge - time.Second)
	if err := verify(); err != nil {
		t.Errorf("before expiry: %v", err)
	}
	now = now.Add(time.Second)
	if err := verify(); !errors.Is(err, jwtauth.ErrInvalidToken) {
		t.Errorf("after expiry: %v", err)
	}
}

func TestCachedRefreshTokenIsNoAccessToken(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "k1")
	verifier := jwtauth.NewVerifier(cfg, i.static(), time.Now)
	refresh := claims(time.Now())
	refresh.Type = jwtauth.TypeRefresh
	token := i.token("k1", refresh)
	if _, err := verifier.Verify(t.Context(), token, jwtauth.TypeRefresh); err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.Verify(t.Context(), token, jwtauth.TypeAccess); !errors.Is(err, jwtauth.ErrInvalidToken) {
		t.Errorf("a refresh token is accepted as an access token: %v", err)
	}
}

func TestCachedTokenOfWithdrawnKeyExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t, "k1", "k2")
		keys := jwtauth.LocalKeys(func(ctx context.Context) (map[string]crypto.PublicKey, error) {
			set, err := readSet(i)
			if err != nil {
				return nil, err
			}
			return set(ctx)
		})
		verifier := jwtauth.NewVerifier(cfg, keys, time.Now)
		defer verifier.StopGoroutines()
		token := i.token("k1", claims(time.Now()))
		if _, err := verifier.Verify(t.Context(), token, jwtauth.TypeAccess); err != nil {
			t.Fatal(err)
		}
		i.set(func() { delete(i.keys, "k1") })
		bubble.Advance(30 * time.Second)
		if _, err := verifier.Verify(t.Context(), token, jwtauth.TypeAccess); !errors.Is(err, jwtauth.ErrInvalidToken) {
			t.Errorf("got %v", err)
		}
	})
}

// TestOnlyTheCanonicalEncodingIsAccepted tries other encodings of a valid token,
// which would evade caches and lists of tokens.
func TestOnlyTheCanonicalEncodingIsAccepted(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "k1")
	now := time.Now()
	verifier := jwtauth.NewVerifier(cfg, i.static(), func() time.Time { return now })
	good := i.token("k1", claims(now))
	if _, err := verifier.Verify(t.Context(), good, jwtauth.TypeAccess); err != nil {
		t.Fatal(err)
	}
	half, last := len(good)/2, good[len(good)-1]
	// A signature of 64 bytes leaves 4 bits of its last character unused.
	unused := string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[strings.IndexByte(
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", last)|1])
	for name, token := range map[string]string{
		"trailing LF": good + "\n", "CR LF inside": good[:half] + "\r\n" + good[half:], "padding": good + "==", "unused bits": good[:len(good)-1] + unused,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := verifier.Verify(t.Context(), token, jwtauth.TypeAccess); !errors.Is(err, jwtauth.ErrInvalidToken) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

func FuzzVerify(f *testing.F) {
	i := newIssuer(f, "k1")
	now := time.Now()
	verifier := jwtauth.NewVerifier(cfg, i.static(), func() time.Time { return now })
	good := i.token("k1", claims(now))
	signed := good[:strings.LastIndex(good, ".")+1]
	f.Add(good)
	f.Add(signed)
	f.Add(strings.Replace(good, ".", "..", 1))
	f.Add(good + "=")
	f.Add(sign(f, jwt.SigningMethodNone, "k1", jwt.UnsafeAllowNoneSignatureType, claims(now)))
	f.Add(`eyJhbGciOiJFUzI1NiIsImtpZCI6MX0.e30.AA`)
	f.Fuzz(func(t *testing.T, token string) {
		_, err := verifier.Verify(t.Context(), token, jwtauth.TypeAccess)
		if err == nil && !strings.HasPrefix(token, signed) {
			t.Errorf("accepted an unsigned token: %s", token)
		}
		if err != nil && !errors.Is(err, jwtauth.ErrInvalidToken) {
			t.Errorf("error is not ErrInvalidToken: %v", err)
		}
	})
}
