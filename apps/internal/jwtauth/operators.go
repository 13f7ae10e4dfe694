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

// ErrNoRole is returned for a good token of somebody who was given none of the
// roles that are known.
var ErrNoRole = errors.New("jwtauth: no role of ours")

// operatorPrefix begins the user ids of operators. No user of ours has a colon
// in his.
const operatorPrefix = "entra:"

// Operators verifies the access tokens of operators, who have no account of
// ours but one with another issuer. It is safe for concurrent use.
type Operators struct {
	issuer string
	parser *jwt.Parser
	keys   *distantKeys
	roles  Roles
}

// NewOperators returns a verifier of tokens that cfg's issuer has signed for
// cfg's audience, or nil if there is no issuer. It fetches the issuer's keys
// when they are first needed.
func NewOperators(cfg OIDCConfig, now func() time.Time) *Operators {
	if cfg.Issuer == "" {
		return nil
	}
	return &Operators{
		issuer: cfg.Issuer,
		parser: newParser(Config{Issuer: cfg.Issuer, Audience: cfg.Audience}, now, jwt.SigningMethodRS256, jwt.SigningMethodES256),
		keys:   newDistantKeys(cfg, now),
		roles:  cfg.Roles,
	}
}

// Claimed reports whether a token says of itself that it is of this issuer.
// Nobody has checked that: it chooses whose keys and rules it is held to, and
// those of one issuer take nothing that was signed by the other.
func (o *Operators) Claimed(token string) bool {
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

// Verify returns who an access token is of: somebody without customer, lines
// and session. It returns ErrInvalidToken, ErrNoKeys if the issuer's keys cannot
// be had, or ErrNoRole together with the id of whose token it is.
func (o *Operators) Verify(ctx context.Context, token string) (Principal, error) {
	var claims operatorClaims
	if err := read(ctx, o.parser, o.keys, token, &claims); err != nil {
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

// Health tells whether the issuer's keys can be had.
func (o *Operators) Health(ctx context.Context) error { return o.keys.Health(ctx) }

// operatorClaims are those of Entra ID's tokens that we go by. The object id is
// the one id of a user or an application that is the same in every token; names
// and addresses can be changed.
type operatorClaims struct {
	jwt.RegisteredClaims
	ObjectID string   `json:"oid"`
	Roles    []string `json:"roles"`

	Client   string `json:"azp"`   // of version 2.0
	ClientV1 string `json:"appid"` // of version 1.0

	Nonce      string `json:"nonce"`
	AccessHash string `json:"at_hash"`
	CodeHash   string `json:"c_hash"`
}

// access reports whether they are of an access token. ID tokens have the same
// typ, issuer and keys, may carry roles, and where client and API are registered
// as one application have the same audience. They do not say which client has
// asked for them, which every access token does, and have claims that bind them
// to a login.
func (c *operatorClaims) access() bool {
	return (c.Client != "" || c.ClientV1 != "") && c.Nonce == "" && c.AccessHash == "" && c.CodeHash == ""
}
