// Package httpapi serves the HTTP API of the auth service, described in api/openapi.yaml.
package httpapi

import (
	"context"
	"net/http"

	"github.com/gorilla/mux"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/throttle"
	"github.com/phonebill/phonebill/apps/auth-service/internal/token"
	"github.com/phonebill/phonebill/apps/internal/audit"
	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/internal/query"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// Sessions has the use cases of login, refresh and logout. See identity.Sessions for the errors.
type Sessions interface {
	Login(ctx context.Context, in identity.LoginRequest) (identity.Grant, error)
	Refresh(ctx context.Context, refreshToken string) (identity.Grant, error)
	Logout(ctx context.Context, sessionID string) error
}

// Own has the use cases on a user's own sessions and logins. See identity.Sessions for the errors.
type Own interface {
	Own(ctx context.Context, caller identity.Caller) ([]identity.Session, error)
	EndOwn(ctx context.Context, caller identity.Caller, id string) error
	Logins(ctx context.Context, caller identity.Caller, page, size int) (identity.LoginPage, error)
}

// Accounts has the use cases on users. See identity.Accounts for the errors.
type Accounts interface {
	Register(ctx context.Context, in identity.Registration) (identity.User, error)
	ChangePassword(ctx context.Context, caller identity.Caller, in identity.ChangePasswordRequest) error
	User(ctx context.Context, caller identity.Caller, id string) (identity.User, error)
	Registered(ctx context.Context, customerID, lineNumber string) (bool, error)
}

// Administration has the use cases of administrators. See identity.Administration for the errors.
type Administration interface {
	Users(ctx context.Context, filter identity.UserFilter) (identity.UserPage, error)
	User(ctx context.Context, id string) (identity.Member, error)
	Perform(ctx context.Context, act identity.Act) (identity.Member, error)
	Events(ctx context.Context, filter audit.Filter) ([]audit.Event, error)
}

// Keys returns the public key set.
type Keys interface {
	// Set returns the key set, or token.ErrNoKey.
	Set(ctx context.Context) (*token.Set, error)
}

// API is the service's httpserver.Registrar.
type API struct {
	sessions Sessions
	own      Own
	accounts Accounts
	admin    Administration
	keys     Keys
	auth     *jwtauth.Authenticator
	throttle *throttle.Throttle
	gate     *sidecar.Gate
}

// Params are the dependencies of an API.
type Params struct {
	Sessions Sessions
	Own      Own
	Accounts Accounts
	Admin    Administration
	Keys     Keys
	Auth     *jwtauth.Authenticator // authenticates callers
	Throttle *throttle.Throttle
	Gate     *sidecar.Gate // authenticates other services
}

// New returns the API over the use cases.
func New(p Params) *API {
	return &API{
		sessions: p.Sessions, own: p.Own, accounts: p.Accounts, admin: p.Admin, keys: p.Keys,
		auth: p.Auth, throttle: p.Throttle, gate: p.Gate,
	}
}

// Register implements httpserver.Registrar. The routes are grouped by the required authentication.
func (a *API) Register(r *mux.Router) {
	// Public.
	post(r, "/api/v1/auth/register", throttled(a.throttle.Register, all, a.register))
	post(r, "/api/v1/auth/login", a.login)
	post(r, "/api/v1/auth/refresh", throttled(a.throttle.Refresh, failed, a.refresh))

	// Public, but not routed by the ingress.
	get(r, "/.well-known/jwks.json", a.jwks)

	// Other services, through their sidecars.
	internal := r.NewRoute().Subrouter()
	internal.Use(a.gate.Middleware)
	post(internal, "/internal/registrations/check", a.checkRegistration)

	// Any valid token, of this service or of the operators' identity provider.
	user := r.NewRoute().Subrouter()
	user.Use(a.auth.Middleware)
	get(user, "/api/v1/auth/verify", a.verify)
	get(user, "/api/v1/auth/permissions", a.permissions)
	post(user, "/api/v1/auth/permissions/check", a.checkPermission)
	get(user, "/api/v1/users/{userId}", a.user)

	// Users with a session of this service, for their own accounts and sessions.
	own := user.NewRoute().Subrouter()
	own.Use(jwtauth.RequireSession)
	get(own, "/api/v1/auth/user-info", a.userInfo)
	get(own, "/api/v1/auth/sessions", a.ownSessions)
	get(own, "/api/v1/auth/login-history", a.logins, "page", "size")

	// The same, for requests that change something: the session must be known to be live.
	change := own.NewRoute().Subrouter()
	change.Use(jwtauth.RefuseDegraded)
	post(change, "/api/v1/auth/logout", a.logout)
	post(change, "/api/v1/auth/change-password", throttled(a.throttle.ChangePassword, failed, a.changePassword))
	remove(change, "/api/v1/auth/sessions/{sessionId}", a.endOwnSession)

	// Administrators in a session that is known to be live, and operators.
	admin := user.NewRoute().Subrouter()
	admin.Use(jwtauth.RefuseDegraded, jwtauth.Require(identity.PermissionAdmin))
	get(admin, "/api/v1/users", a.users, "query", "status", "page", "size")
	post(admin, "/api/v1/users/{userId}/permissions/{code}/grant", a.act(identity.ActionGrant))
	remove(admin, "/api/v1/users/{userId}/permissions/{code}", a.act(identity.ActionRevoke))
	post(admin, "/api/v1/users/{userId}/suspend", a.act(identity.ActionSuspend))
	post(admin, "/api/v1/users/{userId}/reinstate", a.act(identity.ActionReinstate))
	post(admin, "/api/v1/auth/unlock/{userId}", a.act(identity.ActionUnlock))
	get(admin, "/api/v1/auth/audit", a.events, "actor", "target", "action", "outcome", "startDate", "endDate", "size", "before")
}

// get adds a route that accepts the named query parameters.
func get(r *mux.Router, path string, h httpjson.Handler, parameters ...string) {
	r.Handle(path, query.Declare(h, parameters...)).Methods(http.MethodGet)
}

func post(r *mux.Router, path string, h httpjson.Handler) {
	r.Handle(path, h).Methods(http.MethodPost)
}

func remove(r *mux.Router, path string, h httpjson.Handler) {
	r.Handle(path, h).Methods(http.MethodDelete)
}

// caller returns the authenticated caller of r.
func caller(r *http.Request) identity.Caller {
	p := jwtauth.From(r.Context())
	return identity.Caller{
		UserID: p.UserID, SessionID: p.SessionID, Permissions: p.Permissions, Address: audit.Address(r.Context()),
	}
}

// fieldFault returns a validation error for one field.
func fieldFault(field, message string) error {
	return problem.ErrValidation.WithFields(map[string]string{field: message})
}

// done is the answer of requests that return no data.
type done struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
}
