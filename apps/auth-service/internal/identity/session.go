package identity

import (
	"context"
	"crypto/rand"
	"errors"
	"time"
)

// Session is the result of a login.
type Session struct {
	ID          string
	UserID      string
	Lines       []string // digits
	Permissions []string
	// RefreshID is the id of the refresh token that has not been used yet.
	RefreshID string
	// UsedRefreshID is the id of the refresh token that was used last, at RefreshedAt.
	UsedRefreshID string
	RefreshedAt   time.Time
	// Idle is the lifetime without use; EndsAt is the maximum lifetime's end.
	Idle   time.Duration
	EndsAt time.Time
	// UsedAt is the time of the last use, with a resolution of a tenth of Idle. The SessionStore
	// updates it.
	UsedAt time.Time
	// Origin is used by the SessionIndex only.
	Origin Origin
}

// Origin is how a session was opened.
type Origin struct {
	At        time.Time
	Client    Client
	AutoLogin bool
}

// over reports whether the session has reached its maximum lifetime.
func (s Session) over(now time.Time) bool { return !now.Before(s.EndsAt) }

// of returns the session with the current lines and permissions of u.
func (s Session) of(u User) Session {
	s.UserID, s.Lines, s.Permissions = u.ID, u.Lines(), u.Permissions
	return s
}

// refreshed returns the session after its refresh token was exchanged for next at now.
func (s Session) refreshed(next string, now time.Time) Session {
	s.UsedRefreshID, s.RefreshedAt, s.RefreshID = s.RefreshID, now, next
	return s
}

// Errors of a SessionStore, besides ErrSessionStore.
var (
	ErrNoSession      = errors.New("identity: no such session")
	ErrSessionChanged = errors.New("identity: session changed concurrently")
)

// TokenPair is an access token and a refresh token.
type TokenPair struct {
	Access, Refresh string
	ExpiresIn       time.Duration // of the access token
}

// RefreshToken are the claims of a valid refresh token.
type RefreshToken struct {
	ID, SessionID string
}

// Grant is the result of a login or a refresh.
type Grant struct {
	TokenPair
	User User
}

// Lifetimes are the lifetimes of sessions and refresh tokens.
type Lifetimes struct {
	// Idle and AutoLoginIdle are the lifetimes of a session without use.
	Idle, AutoLoginIdle time.Duration
	// Absolute and AutoLoginAbsolute are the maximum lifetimes of a session.
	Absolute, AutoLoginAbsolute time.Duration
	// Refresh is the lifetime of a refresh token. It also bounds a session that is not refreshed.
	Refresh time.Duration
	// Grace is how long after its first use a refresh token is accepted again, for a client that
	// sends two refreshes at once.
	Grace time.Duration
}

// begin returns a new session that starts at now.
func (l Lifetimes) begin(now time.Time, autoLogin bool, from Client) Session {
	session := Session{
		ID: rand.Text(), RefreshID: rand.Text(), Idle: l.Idle, EndsAt: now.Add(l.Absolute),
		Origin: Origin{At: now, Client: from, AutoLogin: autoLogin},
	}
	if autoLogin {
		session.Idle, session.EndsAt = l.AutoLoginIdle, now.Add(l.AutoLoginAbsolute)
	}
	return session
}

// Sessions are the use cases of login, refresh and logout. It is safe for concurrent use.
type Sessions struct {
	SessionsParams
	locks keyedLock
}

// SessionsParams are the dependencies of Sessions.
type SessionsParams struct {
	Guard     *Guard
	Tokens    Tokens
	Index     SessionIndex
	Store     SessionStore
	History   LoginHistory
	Recorder  Recorder
	Lifetimes Lifetimes
	Now       func() time.Time
}

// NewSessions returns the use cases.
func NewSessions(params SessionsParams) *Sessions { return &Sessions{SessionsParams: params} }

// Logout ends a session for all services. It returns nil for one that has ended already, and
// ErrSessionStore if the store is unavailable.
func (s *Sessions) Logout(ctx context.Context, id string) error {
	return s.end(ctx, id, EndLogout)
}

// end ends a session in the store, which is authoritative, and then in the index. If the database
// is unavailable, the row stays in the index until it expires.
func (s *Sessions) end(ctx context.Context, id string, reason EndReason) error {
	if err := s.Store.End(ctx, id); err != nil {
		return err
	}
	s.Recorder.SessionsEnded(reason, 1)
	_ = s.Index.Close(ctx, id)
	return nil
}
