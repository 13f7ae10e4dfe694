package token

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
)

// Config says what tokens are signed with and how long they are valid.
type Config struct {
	// KeySecret is the secret that holds the signing key set.
	KeySecret  string        `env:"TOKEN_KEY_SECRET" envDefault:"jwt-signing-key"`
	AccessTTL  time.Duration `env:"TOKEN_ACCESS_TTL" envDefault:"30m"`
	RefreshTTL time.Duration `env:"TOKEN_REFRESH_TTL" envDefault:"24h"`
	// KeyLead is how long a new key is published before it signs. It covers the
	// time after which every replica sees a changed secret and every verifier
	// reads the published keys again.
	KeyLead time.Duration `env:"TOKEN_KEY_LEAD" envDefault:"10m"`
}

// Validate refuses an empty name and lifetimes that make no sense.
func (c *Config) Validate() error {
	var faults []error
	if c.KeySecret == "" {
		faults = append(faults, errors.New("TOKEN_KEY_SECRET must not be empty"))
	}
	if c.AccessTTL < time.Second || c.RefreshTTL < c.AccessTTL {
		faults = append(faults, errors.New("TOKEN_ACCESS_TTL must be at least 1s and TOKEN_REFRESH_TTL no shorter"))
	}
	if c.KeyLead < 0 {
		faults = append(faults, errors.New("TOKEN_KEY_LEAD must not be negative"))
	}
	return errors.Join(faults...)
}

// Issuer signs tokens and reads refresh tokens back. It is safe for concurrent
// use.
type Issuer struct {
	cfg      Config
	names    jwtauth.Config
	keys     *Keys
	verifier *jwtauth.Verifier
	now      func() time.Time
}

var _ identity.Tokens = (*Issuer)(nil)

// NewIssuer returns an Issuer that signs with keys, as and for whom names says.
func NewIssuer(cfg Config, names jwtauth.Config, keys *Keys, verifier *jwtauth.Verifier, now func() time.Time) *Issuer {
	return &Issuer{cfg: cfg, names: names, keys: keys, verifier: verifier, now: now}
}

// Issue implements identity.Tokens. It returns ErrNoKey while there is no
// signing key.
func (i *Issuer) Issue(ctx context.Context, u identity.User, s identity.Session) (identity.TokenPair, error) {
	key, err := i.keys.sign(ctx)
	if err != nil {
		return identity.TokenPair{}, err
	}
	accessTTL := i.within(s, i.cfg.AccessTTL)
	access := i.claims(s, jwtauth.TypeAccess, rand.Text(), accessTTL)
	access.CustomerID, access.Lines, access.Permissions = u.CustomerID, s.Lines, s.Permissions
	refresh := i.claims(s, jwtauth.TypeRefresh, s.RefreshID, i.within(s, i.cfg.RefreshTTL))

	pair := identity.TokenPair{ExpiresIn: accessTTL}
	if pair.Access, err = key.sign(access); err != nil {
		return identity.TokenPair{}, err
	}
	if pair.Refresh, err = key.sign(refresh); err != nil {
		return identity.TokenPair{}, err
	}
	return pair, nil
}

// within returns how long a token is valid that may last for ttl but not longer
// than its session.
func (i *Issuer) within(s identity.Session, ttl time.Duration) time.Duration {
	return min(ttl, max(s.EndsAt.Sub(i.now()), time.Second))
}

// claims returns what a token of either type says of a session. A refresh token
// says no more: whatever else there is to know is read anew when it is used.
func (i *Issuer) claims(s identity.Session, typ, id string, ttl time.Duration) jwtauth.Claims {
	now := i.now()
	return jwtauth.Claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: i.names.Issuer, Audience: jwt.ClaimStrings{i.names.Audience}, Subject: s.UserID, ID: id,
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(ttl)),
		},
		Type: typ, SessionID: s.ID,
	}
}

func (s signer) sign(claims jwtauth.Claims) (string, error) {
	t := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	t.Header["kid"] = s.id
	signed, err := t.SignedString(s.key)
	if err != nil {
		return "", fmt.Errorf("sign %s token: %w", claims.Type, err)
	}
	return signed, nil
}

// ReadRefresh implements identity.Tokens. It returns ErrNoKey while there are
// no keys and identity.ErrRefreshToken for whatever is no refresh token of
// ours, signed with a key of the set and unexpired.
func (i *Issuer) ReadRefresh(ctx context.Context, text string) (identity.RefreshToken, error) {
	claims, err := i.verifier.Verify(ctx, text, jwtauth.TypeRefresh)
	switch {
	case errors.Is(err, jwtauth.ErrNoKeys):
		return identity.RefreshToken{}, ErrNoKey.WithCause(err)
	case err != nil:
		return identity.RefreshToken{}, identity.ErrRefreshToken.WithCause(err)
	}
	return identity.RefreshToken{ID: claims.ID, SessionID: claims.SessionID}, nil
}
