package identity

import (
	"context"
	"crypto/rand"
	"errors"
)

// Causes of an ErrRefreshToken.
var (
	errReused  = errors.New("identity: refresh token used before")
	errExpired = errors.New("identity: session reached its maximum lifetime")
)

// refreshAttempts bounds the retries of a refresh because of concurrent changes of the session,
// mostly by a service that extends it.
const refreshAttempts = 5

// Refresh exchanges a refresh token for a new pair. A token can be used once; its reuse ends the
// session, because one of two holders must have stolen it. Within Lifetimes.Grace after the first
// use, reuse is taken for a client that sent two requests at once, and the second answer contains
// the same new refresh token id. It returns ErrRefreshToken, or a TooManyRequests or Unavailable
// problem.
func (s *Sessions) Refresh(ctx context.Context, text string) (Grant, error) {
	grant, err := s.refresh(ctx, text)
	s.Recorder.Refresh(outcome(err))
	return grant, err
}

func (s *Sessions) refresh(ctx context.Context, text string) (Grant, error) {
	token, err := s.Tokens.ReadRefresh(ctx, text)
	if err != nil {
		return Grant{}, err
	}
	done, err := s.locks.lock(ctx, token.SessionID)
	if err != nil {
		return Grant{}, err
	}
	defer done()
	next := rand.Text()
	for range refreshAttempts {
		grant, err := s.exchange(ctx, token, next)
		if !errors.Is(err, ErrSessionChanged) {
			return grant, err
		}
	}
	return Grant{}, ErrSessionStore.WithCause(ErrSessionChanged)
}

// exchange makes one attempt to replace token by a refresh token with the id next. It returns
// ErrSessionChanged if a concurrent request changed the session. It also does so if the write
// succeeded but its response was lost and the sidecar retried it; the next attempt then finds next
// in the session.
func (s *Sessions) exchange(ctx context.Context, token RefreshToken, next string) (Grant, error) {
	session, version, err := s.Store.Get(ctx, token.SessionID)
	if errors.Is(err, ErrNoSession) {
		return Grant{}, ErrRefreshToken.WithCause(err)
	}
	if err != nil {
		return Grant{}, err
	}
	if session.over(s.Now()) {
		return Grant{}, s.refuse(ctx, session.ID, EndExpired, errExpired)
	}
	used := session.RefreshID == token.ID // first use
	if !used && session.RefreshID != next && !s.inGrace(session, token) {
		return Grant{}, s.refuse(ctx, session.ID, EndTokenReuse, errReused)
	}
	user, err := s.sessionUser(ctx, session)
	if err != nil {
		return Grant{}, err
	}
	session = session.of(user)
	if used {
		session = session.refreshed(next, s.Now())
	}
	pair, err := s.Tokens.Issue(ctx, user, session)
	if err == nil && used {
		err = s.Store.Update(ctx, session, version)
	}
	if err != nil {
		return Grant{}, err
	}
	return Grant{TokenPair: pair, User: user}, nil
}

// inGrace reports whether token was used within the grace period.
func (s *Sessions) inGrace(session Session, token RefreshToken) bool {
	return session.UsedRefreshID == token.ID && s.Now().Sub(session.RefreshedAt) < s.Lifetimes.Grace
}

// sessionUser returns the current user of a session and extends the session in the index. Changed
// permissions enter the tokens this way.
func (s *Sessions) sessionUser(ctx context.Context, session Session) (User, error) {
	user, err := s.Index.Extend(ctx, session.ID, s.until(session))
	if err == nil && user.Status != StatusActive {
		err = ErrUserNotFound
	}
	if errors.Is(err, ErrUserNotFound) {
		return User{}, s.refuse(ctx, session.ID, EndUserGone, err)
	}
	return user, err
}

// refuse ends a session and returns ErrRefreshToken.
func (s *Sessions) refuse(ctx context.Context, id string, reason EndReason, cause error) error {
	if err := s.end(ctx, id, reason); err != nil {
		return err
	}
	return ErrRefreshToken.WithCause(cause)
}
