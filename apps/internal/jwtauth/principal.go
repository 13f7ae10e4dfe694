package jwtauth

import (
	"context"
	"slices"
)

// Principal is who sends a request.
type Principal struct {
	UserID      string // of operators "entra:" and their object id
	CustomerID  string
	Lines       []string // digits
	Permissions []string
	SessionID   string // empty for operators, who have none
	// Degraded says that the session store could not be asked: the permissions
	// are those of the token, and a revocation may be missed.
	Degraded bool
}

// Owns reports whether the line with these digits is the principal's.
func (p Principal) Owns(line string) bool { return slices.Contains(p.Lines, line) }

// Has reports whether the principal has a permission.
func (p Principal) Has(permission string) bool { return slices.Contains(p.Permissions, permission) }

type principalKey struct{}

// WithPrincipal returns a context of a request that p sends.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// From returns who sends the request that ctx belongs to: the zero Principal,
// which owns nothing and may do nothing, outside Authenticator.Middleware.
func From(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}
