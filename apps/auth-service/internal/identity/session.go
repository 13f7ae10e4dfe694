package identity

import (
	"context"
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
	// Idle is how long the session lives without being used.
	Idle time.Duration
}

// of returns the session with what u may do now, and another refresh token.
func (s Session) of(u User, refreshID string) Session {
	s.UserID, s.Lines, s.Permissions, s.RefreshID = u.ID, u.Lines(), u.Permissions, refreshID
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
	// Refresh is how long a refresh token is valid, and with it, at most, a
	// session in which nobody refreshes.
	Refresh time.Duration
}

// Sessions are the use cases of login, refresh and logout. It is safe for
// concurrent use.
type Sessions struct {
	SessionsParams
	turns turns
}

// SessionsParams is what Sessions needs.
type SessionsParams struct {
	Credentials Credentials
	Passwords   Passwords
	Tokens      Tokens
	Index       SessionIndex
	Store       SessionStore
	Recorder    Recorder
	Lifetimes   Lifetimes
	Now         func() time.Time
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
