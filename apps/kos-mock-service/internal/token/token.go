// Package token issues and verifies the bearer tokens of KOS's callers.
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

// ErrDenied is returned for credentials and tokens that are not accepted. It
// does not say why: the caller must not learn which part was wrong.
var ErrDenied = errors.New("token: denied")

// Authority knows the registered clients and the key of their tokens.
type Authority struct {
	settings *settings.Settings
	now      func() time.Time
}

// NewAuthority returns the authority under those settings.
func NewAuthority(s *settings.Settings, now func() time.Time) Authority {
	return Authority{s, now}
}

// Issue returns a token for the client, or ErrDenied if the secret is none of
// the client's. A wrong secret and an unknown client take the same time.
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

// equal returns 1 for the same text, 0 otherwise, without telling by its time
// how much of it is the same or how long it is.
func equal(given, known string) int {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(known))
	return subtle.ConstantTimeCompare(a[:], b[:])
}

// Verify returns the client that the token was issued to, or ErrDenied if it
// is not ours, has expired, or the client is no longer registered.
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
