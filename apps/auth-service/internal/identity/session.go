package identity

import (
	"context"
	"crypto/rand"
	"errors"
	"time"
)

// Session is what one login began.
type Session struct {
	ID          string
	UserID      string
	Lines       []string // digits
	Permissions []string
	// RefreshID is the id of the one refresh token that has not been used.
	RefreshID string
	// UsedRefreshID is that of the one that was used last, at RefreshedAt.
	UsedRefreshID string
	RefreshedAt   time.Time
	// Idle is how long the session lives without being used, and EndsAt when it
	// is over however much it is used.
	Idle   time.Duration
	EndsAt time.Time
	// UsedAt is when it was used last, to a tenth of Idle. The SessionStore
	// sees to it.
	UsedAt time.Time
	// Origin is for the SessionIndex only.
	Origin Origin
}

// Origin is how a session began.
type Origin struct {
	At        time.Time
	Client    Client
	AutoLogin bool
}

// over reports whether the session has lasted as long as it may.
func (s Session) over(now time.Time) bool { return !now.Before(s.EndsAt) }

// of returns the session with what u may do now.
func (s Session) of(u User) Session {
	s.UserID, s.Lines, s.Permissions = u.ID, u.Lines(), u.Permissions
	return s
}

// refreshed returns the session after its refresh token was used, at now, and
// replaced.
func (s Session) refreshed(next string, now time.Time) Session {
	s.UsedRefreshID, s.RefreshedAt, s.RefreshID = s.RefreshID, now, next
	return s
}

// Errors of a SessionStore, beside ErrSessionStore.
var (
	ErrNoSession      = errors.New("identity: no such session")
	ErrSessionChanged = errors.New("identity: session changed by somebody else")
)

// TokenPair is what a client gets.
type TokenPair struct {
	Access, Refresh string
	ExpiresIn       time.Duration // of the access token
}

// RefreshToken is what a valid refresh token says.
type RefreshToken struct {
	ID, SessionID string
}

// Grant is the answer to a login or a refresh.
type Grant struct {
	TokenPair
	User User
}

// Lifetimes are how long things last.
type Lifetimes struct {
	// Idle and AutoLoginIdle are how long a session lives without being used.
	Idle, AutoLoginIdle time.Duration
	// Absolute and AutoLoginAbsolute are how long a session lives at most.
	Absolute, AutoLoginAbsolute time.Duration
	// Refresh is how long a refresh token is valid, and with it, at most, a
	// session in which nobody refreshes.
	Refresh time.Duration
	// Grace is how long after its use a refresh token may be used once more,
	// by an honest client that asked twice at once.
	Grace time.Duration
}

// begin returns a session that begins at now.
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

// Sessions are the use cases of login, refresh and logout. It is safe for
// concurrent use.
type Sessions struct {
	SessionsParams
	turns turns
}

// SessionsParams is what Sessions needs.
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

// Logout ends a session, for every service. One that has ended is no error. It
// returns ErrSessionStore if it cannot be done now.
func (s *Sessions) Logout(ctx context.Context, id string) error {
	return s.end(ctx, id, EndLogout)
}

// end ends a session in the store, which is what counts, and then in the index.
// A row that stays there because the database is away is forgotten in time.
func (s *Sessions) end(ctx context.Context, id string, reason EndReason) error {
	if err := s.Store.End(ctx, id); err != nil {
		return err
	}
	s.Recorder.SessionsEnded(reason, 1)
	_ = s.Index.Close(ctx, id)
	return nil
}
