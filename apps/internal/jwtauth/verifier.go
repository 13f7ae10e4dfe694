// Package jwtauth authenticates requests: it verifies access tokens with the
// issuer's published keys, in process, and looks up their sessions.
package jwtauth

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/maypok86/otter/v2"
)

// The values of the typ claim.
const (
	TypeAccess  = "access"
	TypeRefresh = "refresh"
)

// Claims are the claims of our tokens.
type Claims struct {
	jwt.RegisteredClaims
	SessionID   string   `json:"sid"`
	Type        string   `json:"typ"`
	CustomerID  string   `json:"cid,omitempty"`
	Lines       []string `json:"lines,omitempty"`
	Permissions []string `json:"permissions,omitempty"`
}

// ErrInvalidToken is returned for a token that is malformed, forged or expired, or
// has the wrong issuer, audience or type.
var ErrInvalidToken = errors.New("jwtauth: invalid token")

// Config holds the issuer and audience of accepted tokens.
type Config struct {
	Issuer   string `env:"TOKEN_ISSUER" envDefault:"phonebill-auth"`
	Audience string `env:"TOKEN_AUDIENCE" envDefault:"phonebill"`
}

const (
	// verifiedAge is how long a verified token is cached. Verifying an ES256
	// signature costs more than the rest of a request that hits all caches.
	verifiedAge = 30 * time.Second
	// maxVerified is the size of the cache; a token has about 700 bytes.
	maxVerified = 5_000
)

// Verifier verifies our own tokens. It is safe for concurrent use.
type Verifier struct {
	keys     Keys
	now      func() time.Time
	parser   *jwt.Parser
	verified *otter.Cache[string, *Claims]
}

// NewVerifier returns a verifier of ES256 tokens of cfg's issuer and audience,
// signed by one of keys.
func NewVerifier(cfg Config, keys Keys, now func() time.Time) *Verifier {
	return &Verifier{
		keys:   keys,
		now:    now,
		parser: newParser(cfg, now, jwt.SigningMethodES256),
		verified: otter.Must(&otter.Options[string, *Claims]{
			MaximumSize:      maxVerified,
			ExpiryCalculator: otter.ExpiryWriting[string, *Claims](verifiedAge),
		}),
	}
}

// Verify returns the claims of a token of type typ. They are shared and must not be
// modified. It returns ErrInvalidToken, or ErrNoKeys if the issuer's keys cannot be
// fetched.
func (v *Verifier) Verify(ctx context.Context, token, typ string) (*Claims, error) {
	claims, ok := v.verified.GetIfPresent(token)
	if !ok {
		var err error
		if claims, err = v.parse(ctx, token); err != nil {
			return nil, err
		}
		v.verified.Set(token, claims)
	}
	if claims.Type != typ || !v.now().Before(claims.ExpiresAt.Time) {
		return nil, ErrInvalidToken
	}
	return claims, nil
}

func (v *Verifier) parse(ctx context.Context, token string) (*Claims, error) {
	claims := &Claims{}
	if err := verify(ctx, v.parser, v.keys, token, claims); err != nil {
		return nil, err
	}
	if claims.SessionID == "" || claims.Subject == "" {
		return nil, ErrInvalidToken
	}
	return claims, nil
}

// newParser returns a parser of tokens of cfg's issuer and audience.
func newParser(cfg Config, now func() time.Time, methods ...jwt.SigningMethod) *jwt.Parser {
	algorithms := make([]string, len(methods))
	for i, method := range methods {
		algorithms[i] = method.Alg()
	}
	return jwt.NewParser(
		jwt.WithValidMethods(algorithms),
		jwt.WithIssuer(cfg.Issuer),
		jwt.WithAudience(cfg.Audience),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(5*time.Second), // clock skew
		jwt.WithTimeFunc(now),
		jwt.WithStrictDecoding(),
	)
}

// verify verifies token with keys and decodes it into claims. It returns
// ErrInvalidToken or ErrNoKeys.
func verify(ctx context.Context, parser *jwt.Parser, keys Keys, token string, claims jwt.Claims) error {
	// base64 ignores CR and LF, but a token must have only one valid encoding.
	if strings.ContainsAny(token, "\r\n") {
		return ErrInvalidToken
	}
	_, err := parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		if kid == "" {
			return nil, ErrUnknownKey
		}
		return keys.Key(ctx, kid)
	})
	if errors.Is(err, ErrNoKeys) {
		return err
	}
	if err != nil {
		return ErrInvalidToken
	}
	return nil
}
