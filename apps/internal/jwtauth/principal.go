package jwtauth

import (
	"context"
	"slices"
)

// Principal is the user or operator that sends a request.
type Principal struct {
	UserID      string // for operators "entra:" and the object id
	CustomerID  string
	Lines       []string // digits
	Permissions []string
	SessionID   string // empty for operators
	// Degraded is set if the session store was unavailable: the permissions are
	// those of the token, and a revocation may be missed.
	Degraded bool
}

// Owns reports whether the principal has the line with these digits.
func (p Principal) Owns(line string) bool { return slices.Contains(p.Lines, line) }

// Has reports whether the principal has a permission.
func (p Principal) Has(permission string) bool { return slices.Contains(p.Permissions, permission) }

type principalKey struct{}

// withPrincipal is a context with a principal. It is one value, to cost one allocation.
type withPrincipal struct {
	context.Context

	principal Principal
}

// Value implements context.Context.
func (c *withPrincipal) Value(key any) any {
	if _, ok := key.(principalKey); ok {
		return &c.principal
	}
	return c.Context.Value(key)
}

// WithPrincipal returns a context with p.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return &withPrincipal{Context: ctx, principal: p}
}

// From returns the principal of ctx's request. Outside of Authenticator.Middleware
// it is the zero Principal, which has no lines and no permissions.
func From(ctx context.Context) Principal {
	if p, ok := ctx.Value(principalKey{}).(*Principal); ok {
		return *p
	}
	return Principal{}
}
