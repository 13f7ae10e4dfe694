package jwtauth

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/bearer"
	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/internal/session"
)

// The errors of the middleware.
var (
	ErrUnauthenticated = problem.New(problem.Unauthenticated, "UNAUTHENTICATED", "로그인이 필요합니다.")
	ErrPermission      = problem.New(problem.Forbidden, "PERMISSION_DENIED", "이 서비스를 이용할 권한이 없습니다.")
	// ErrNoSession is returned to operators, who have no session, by operations on
	// sessions and accounts.
	ErrNoSession       = problem.New(problem.Forbidden, "SESSION_REQUIRED", "PhoneBill 계정으로 로그인한 사용자만 이용할 수 있습니다.")
	ErrAuthUnavailable = problem.New(problem.Unavailable, "AUTH_UNAVAILABLE", "일시적으로 로그인 정보를 확인할 수 없습니다. 잠시 후 다시 시도해 주세요.").After(5 * time.Second)
	// ErrSessionUnavailable is returned for writes while the session store is
	// unavailable.
	ErrSessionUnavailable = problem.New(problem.Unavailable, "SESSION_STORE_UNAVAILABLE", "일시적으로 로그인 정보를 처리할 수 없습니다. 잠시 후 다시 시도해 주세요.").After(5 * time.Second)
)

// EndedSession is the cause of an ErrUnauthenticated for a valid token whose
// session has ended. The token may be an old or a stolen one.
type EndedSession struct{ UserID, SessionID string }

// Error implements error.
func (*EndedSession) Error() string { return "jwtauth: session has ended" }

// Sessions looks up live sessions.
type Sessions interface {
	// Get returns a session, session.ErrEnded or session.ErrUnavailable.
	Get(ctx context.Context, id string) (session.Record, error)
}

var _ Sessions = (*session.Cached)(nil)

// Authenticator authenticates requests and adds the Principal to their contexts.
type Authenticator struct {
	verifier  *Verifier
	sessions  Sessions
	degraded  prometheus.Counter
	operators *Operators // nil if only our own tokens are accepted
}

// NewAuthenticator returns an authenticator. Its metric counts the requests that
// were accepted without a look-up of their session.
func NewAuthenticator(verifier *Verifier, sessions Sessions, registerer prometheus.Registerer) *Authenticator {
	degraded := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "phonebill_auth_degraded_requests_total",
		Help: "Requests accepted by their token alone while the session store was unavailable.",
	})
	registerer.MustRegister(degraded)
	return &Authenticator{verifier: verifier, sessions: sessions, degraded: degraded}
}

// Admit makes a accept the tokens of operators too, if not nil, and returns a. It
// must be called before the first request.
func (a *Authenticator) Admit(operators *Operators) *Authenticator {
	a.operators = operators
	return a
}

// Middleware answers 401 to requests without a valid access token of a live
// session. While the session store is unavailable, it accepts the token alone; add
// RefuseDegraded where that is not enough. Operators have no session: their
// permissions are those of their token until it expires.
func (a *Authenticator) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		principal, err := a.authenticate(r)
		r = r.WithContext(WithPrincipal(r.Context(), principal)) // set even on errors, for the audit trail
		if err != nil {
			challenge(w.Header(), r, err)
			httpjson.Fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// challenge sets WWW-Authenticate if the request has a token that is invalid (RFC
// 6750, section 3.1).
func challenge(header http.Header, r *http.Request, err error) {
	if len(r.Header.Values("Authorization")) > 0 && problem.From(err).Kind == problem.Unauthenticated {
		header.Set("WWW-Authenticate", `Bearer error="invalid_token"`)
	}
}

// authenticate returns the principal of a request. With an error, the principal has
// at most a UserID.
func (a *Authenticator) authenticate(r *http.Request) (Principal, error) {
	token, err := bearer.Token(r.Header)
	if err != nil {
		return Principal{}, ErrUnauthenticated.WithCause(err)
	}
	if a.operators != nil && a.operators.Matches(token) {
		principal, err := a.operators.Verify(r.Context(), token)
		return principal, toProblem(err)
	}
	claims, err := a.verifier.Verify(r.Context(), token, TypeAccess)
	if err != nil {
		return Principal{}, toProblem(err)
	}
	return a.principal(r.Context(), claims)
}

// toProblem returns the problem for an error from verifying a token.
func toProblem(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrNoKeys):
		return ErrAuthUnavailable.WithCause(err)
	case errors.Is(err, ErrNoRole):
		return ErrPermission.WithCause(err)
	}
	return ErrUnauthenticated.WithCause(err)
}

func (a *Authenticator) principal(ctx context.Context, claims *Claims) (Principal, error) {
	principal := Principal{
		UserID:      claims.Subject,
		CustomerID:  claims.CustomerID,
		Lines:       claims.Lines,
		Permissions: claims.Permissions,
		SessionID:   claims.SessionID,
	}
	record, err := a.sessions.Get(ctx, claims.SessionID)
	switch {
	case err == nil && record.UserID == claims.Subject:
		principal.Lines, principal.Permissions = record.Lines, record.Permissions
		return principal, nil
	case err == nil, errors.Is(err, session.ErrEnded):
		return Principal{}, ErrUnauthenticated.WithCause(&EndedSession{UserID: claims.Subject, SessionID: claims.SessionID})
	case errors.Is(err, session.ErrUnavailable):
		a.degraded.Inc()
		principal.Degraded = true
		return principal, nil
	}
	return Principal{}, err
}

// Require answers 403 to principals without permission.
func Require(permission string) mux.MiddlewareFunc {
	return check(func(p Principal) error {
		if !p.Has(permission) {
			return ErrPermission
		}
		return nil
	})
}

// RefuseDegraded answers 503 while the session store is unavailable. Every route
// that writes must use it.
func RefuseDegraded(next http.Handler) http.Handler {
	return check(func(p Principal) error {
		if p.Degraded {
			return ErrSessionUnavailable
		}
		return nil
	})(next)
}

// RequireSession answers 403 to principals without a session, which are operators.
// Every route on sessions and accounts must use it.
func RequireSession(next http.Handler) http.Handler {
	return check(func(p Principal) error {
		if p.SessionID == "" {
			return ErrNoSession
		}
		return nil
	})(next)
}

func check(condition func(Principal) error) mux.MiddlewareFunc {
	return func(next http.Handler) http.Handler {
		return httpjson.Handler(func(w http.ResponseWriter, r *http.Request) error {
			if err := condition(From(r.Context())); err != nil {
				return err
			}
			next.ServeHTTP(w, r)
			return nil
		})
	}
}
