package jwtauth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// ErrNoRole is returned for a valid token that has none of the known roles.
var ErrNoRole = errors.New("jwtauth: no known role")

// operatorPrefix begins the user ids of operators. The ids of our own users have
// no colon.
const operatorPrefix = "entra:"

// Operators verifies the access tokens of system operators, whose accounts are in
// Microsoft Entra ID. It is safe for concurrent use.
type Operators struct {
	issuer string
	parser *jwt.Parser
	keys   *externalKeys
	roles  Roles
}

// NewOperators returns a verifier of the tokens of cfg's issuer for cfg's audience,
// or nil if no issuer is configured. It fetches the issuer's keys at their first use.
func NewOperators(cfg OIDCConfig, now func() time.Time) *Operators {
	if cfg.Issuer == "" {
		return nil
	}
	return &Operators{
		issuer: cfg.Issuer,
		parser: newParser(Config{Issuer: cfg.Issuer, Audience: cfg.Audience}, now, jwt.SigningMethodRS256, jwt.SigningMethodES256),
		keys:   newExternalKeys(cfg, now),
		roles:  cfg.Roles,
	}
}

// Matches reports whether the iss claim of a token, which is not verified yet, is
// this issuer. It selects the verifier, and each verifier accepts only tokens that
// its own issuer has signed.
func (o *Operators) Matches(token string) bool {
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return false
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	return json.Unmarshal(text, &claims) == nil && claims.Issuer == o.issuer
}

// Verify returns the principal of an access token, which has no customer, lines or
// session. It returns ErrInvalidToken, ErrNoKeys if the issuer's keys cannot be
// fetched, or ErrNoRole with a principal that has only a UserID.
func (o *Operators) Verify(ctx context.Context, token string) (Principal, error) {
	var claims operatorClaims
	if err := verify(ctx, o.parser, o.keys, token, &claims); err != nil {
		return Principal{}, err
	}
	id, err := uuid.Parse(claims.ObjectID)
	if err != nil || claims.IssuedAt == nil || claims.NotBefore == nil || !claims.access() {
		return Principal{}, ErrInvalidToken
	}
	principal := Principal{UserID: operatorPrefix + id.String()}
	permissions, known := o.roles.permissions(claims.Roles)
	if !known {
		return principal, ErrNoRole
	}
	principal.Permissions = permissions
	return principal, nil
}

// Health is a health.Check of the issuer's keys.
func (o *Operators) Health(ctx context.Context) error { return o.keys.Health(ctx) }

// operatorClaims are the claims of Entra ID's tokens that we read. The object id
// identifies a user or an application in all tokens; names and e-mail addresses
// can change.
type operatorClaims struct {
	jwt.RegisteredClaims
	ObjectID string   `json:"oid"`
	Roles    []string `json:"roles"`

	Client   string `json:"azp"`   // version 2.0
	ClientV1 string `json:"appid"` // version 1.0

	Nonce      string `json:"nonce"`
	AccessHash string `json:"at_hash"`
	CodeHash   string `json:"c_hash"`
}

// access reports whether the claims are those of an access token. ID tokens have
// the same typ, issuer and keys, may have roles, and have the same audience if
// client and API are one application. Unlike access tokens they do not name the
// client, or have claims that bind them to a login.
func (c *operatorClaims) access() bool {
	return (c.Client != "" || c.ClientV1 != "") && c.Nonce == "" && c.AccessHash == "" && c.CodeHash == ""
}
