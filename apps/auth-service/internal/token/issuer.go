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

// Config sets the signing keys and the lifetimes of tokens.
type Config struct {
	// KeySecret is the secret that contains the signing key set.
	KeySecret  string        `env:"TOKEN_KEY_SECRET" envDefault:"jwt-signing-key"`
	AccessTTL  time.Duration `env:"TOKEN_ACCESS_TTL" envDefault:"30m"`
	RefreshTTL time.Duration `env:"TOKEN_REFRESH_TTL" envDefault:"24h"`
	// KeyLead is the time between the publication of a new key and its first signature. It must
	// cover the delay until all replicas see a changed secret and all verifiers reload the
	// published keys.
	KeyLead time.Duration `env:"TOKEN_KEY_LEAD" envDefault:"10m"`
}

// Validate returns an error for an empty name and for inconsistent lifetimes.
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

// Issuer signs tokens and verifies refresh tokens. It is safe for concurrent use.
type Issuer struct {
	cfg      Config
	names    jwtauth.Config
	keys     *Keys
	verifier *jwtauth.Verifier
	now      func() time.Time
}

var _ identity.Tokens = (*Issuer)(nil)

// NewIssuer returns an Issuer that signs with keys, with the issuer and audience in names.
func NewIssuer(cfg Config, names jwtauth.Config, keys *Keys, verifier *jwtauth.Verifier, now func() time.Time) *Issuer {
	return &Issuer{cfg: cfg, names: names, keys: keys, verifier: verifier, now: now}
}

// Issue implements identity.Tokens. It returns ErrNoKey if there is no signing key.
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

// within limits ttl to the rest of the session's lifetime.
func (i *Issuer) within(s identity.Session, ttl time.Duration) time.Duration {
	return min(ttl, max(s.EndsAt.Sub(i.now()), time.Second))
}

// claims returns the claims that both token types share. A refresh token contains no others,
// because everything else is read again when it is used.
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

// ReadRefresh implements identity.Tokens. It returns ErrNoKey if there are no keys, and
// identity.ErrRefreshToken for anything that is not an unexpired refresh token signed with a key of
// the set.
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
