package token_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/settings"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/token"
)

var noon = time.Date(2026, 1, 17, 12, 0, 0, 0, time.UTC)

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func newSettings() *settings.Settings {
	return &settings.Settings{
		Clients: []settings.Client{
			{ID: "auth-service", Secret: "secret-of-auth-00"},
			{ID: "bill-inquiry-service", Secret: "secret-of-bill-00"},
		},
		Token: settings.Token{SigningKey: []byte(strings.Repeat("k", 32)), TTLSeconds: 60},
	}
}

func issue(t *testing.T, s *settings.Settings) string {
	t.Helper()
	text, err := token.NewAuthority(s, at(noon)).Issue("bill-inquiry-service", "secret-of-bill-00")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTokenIdentifiesItsClientUntilExpiry(t *testing.T) {
	t.Parallel()
	s := newSettings()
	text := issue(t, s)
	client, err := token.NewAuthority(s, at(noon.Add(59*time.Second))).Verify(text)
	if err != nil || client != "bill-inquiry-service" {
		t.Errorf("got %q, %v", client, err)
	}
	if _, err := token.NewAuthority(s, at(noon.Add(60*time.Second))).Verify(text); !errors.Is(err, token.ErrDenied) {
		t.Errorf("expired: %v", err)
	}
}

func TestIssueAcceptsBothSecretsDuringRotation(t *testing.T) {
	t.Parallel()
	s := newSettings()
	s.Clients[0].PreviousSecret = "secret-before-00"
	for _, secret := range []string{"secret-of-auth-00", "secret-before-00"} {
		if _, err := token.NewAuthority(s, at(noon)).Issue("auth-service", secret); err != nil {
			t.Errorf("%s: %v", secret, err)
		}
	}
	if _, err := token.NewAuthority(s, at(noon)).Issue("bill-inquiry-service", "secret-before-00"); !errors.Is(err, token.ErrDenied) {
		t.Errorf("another's previous secret: %v", err)
	}
}

func TestIssueRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ client, secret string }{
		"wrong secret":     {"auth-service", "secret-of-auth-01"},
		"another's secret": {"auth-service", "secret-of-bill-00"},
		"unknown client":   {"billing", "secret-of-bill-00"},
		"nothing":          {"", ""},
		"no secret":        {"auth-service", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := token.NewAuthority(newSettings(), at(noon)).Issue(tc.client, tc.secret)
			if !errors.Is(err, token.ErrDenied) || text != "" {
				t.Errorf("got %q, %v", text, err)
			}
		})
	}
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	claims := func(change func(*jwt.RegisteredClaims)) jwt.RegisteredClaims {
		c := jwt.RegisteredClaims{
			Issuer: "kos", Audience: jwt.ClaimStrings{"kos-api"}, Subject: "auth-service",
			ExpiresAt: jwt.NewNumericDate(noon.Add(time.Minute)),
		}
		change(&c)
		return c
	}
	key := newSettings().Token.SigningKey
	sign := func(method jwt.SigningMethod, key any, c jwt.RegisteredClaims) string {
		text, err := jwt.NewWithClaims(method, c).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	same := func(*jwt.RegisteredClaims) {}
	valid := sign(jwt.SigningMethodHS256, key, claims(same))
	if _, err := token.NewAuthority(newSettings(), at(noon)).Verify(valid); err != nil {
		t.Fatalf("valid token: %v", err)
	}
	for name, text := range map[string]string{
		"no token":         "",
		"no signature":     sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(same)),
		"another key":      sign(jwt.SigningMethodHS256, []byte("another"), claims(same)),
		"another method":   sign(jwt.SigningMethodHS512, key, claims(same)),
		"another issuer":   sign(jwt.SigningMethodHS256, key, claims(func(c *jwt.RegisteredClaims) { c.Issuer = "phonebill" })),
		"another audience": sign(jwt.SigningMethodHS256, key, claims(func(c *jwt.RegisteredClaims) { c.Audience = nil })),
		"never expires":    sign(jwt.SigningMethodHS256, key, claims(func(c *jwt.RegisteredClaims) { c.ExpiresAt = nil })),
		"unknown client":   sign(jwt.SigningMethodHS256, key, claims(func(c *jwt.RegisteredClaims) { c.Subject = "billing" })),
		"tampered":         valid[:len(valid)-2] + "xx",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, err := token.NewAuthority(newSettings(), at(noon)).Verify(text)
			if !errors.Is(err, token.ErrDenied) || client != "" {
				t.Errorf("got %q, %v", client, err)
			}
		})
	}
}

func TestRemovedClientIsDeniedAtOnce(t *testing.T) {
	t.Parallel()
	s := newSettings()
	text := issue(t, s)
	s.Clients = s.Clients[:1]
	if _, err := token.NewAuthority(s, at(noon)).Verify(text); !errors.Is(err, token.ErrDenied) {
		t.Errorf("got %v", err)
	}
}
