// Package token issues and verifies the access tokens of KOS's clients.
package token

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/settings"
)

const (
	issuer   = "kos"
	audience = "kos-api"
)

// ErrDenied is returned for refused credentials and tokens, without a reason that would help an
// attacker.
var ErrDenied = errors.New("token: denied")

// Authority issues and verifies tokens.
type Authority struct {
	settings *settings.Settings
	now      func() time.Time
}

// NewAuthority returns an Authority with those settings.
func NewAuthority(s *settings.Settings, now func() time.Time) Authority {
	return Authority{s, now}
}

// Issue returns a token for the client, or ErrDenied for a wrong secret. A wrong secret and an
// unknown client take the same time.
func (a Authority) Issue(clientID, secret string) (string, error) {
	accepted := 0
	for _, client := range a.settings.Clients {
		same := equal(secret, client.Secret) | equal(secret, client.PreviousSecret)
		accepted |= same & subtle.ConstantTimeCompare([]byte(clientID), []byte(client.ID))
	}
	if accepted != 1 || secret == "" {
		return "", ErrDenied
	}
	now := a.now()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
		Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: clientID,
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(a.settings.Token.TTL())),
	})
	signed, err := token.SignedString(a.settings.Token.SigningKey)
	if err != nil {
		return "", fmt.Errorf("token: sign: %w", err)
	}
	return signed, nil
}

// equal compares two texts in constant time, regardless of their contents and lengths. It returns 1
// if they are equal.
func equal(given, known string) int {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(known))
	return subtle.ConstantTimeCompare(a[:], b[:])
}

// Verify returns the client of the token. It returns ErrDenied for a token that is forged or
// expired, or whose client is no longer registered.
func (a Authority) Verify(text string) (clientID string, err error) {
	var claims jwt.RegisteredClaims
	_, err = jwt.ParseWithClaims(text, &claims,
		func(*jwt.Token) (any, error) { return a.settings.Token.SigningKey, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithExpirationRequired(),
		jwt.WithTimeFunc(a.now))
	if err != nil {
		return "", ErrDenied
	}
	for _, client := range a.settings.Clients {
		if client.ID == claims.Subject {
			return client.ID, nil
		}
	}
	return "", ErrDenied
}
