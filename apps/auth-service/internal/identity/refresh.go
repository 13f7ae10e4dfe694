package identity

import (
	"context"
	"errors"
)

// errReused is the cause of an ErrRefreshToken for a token that was used before.
var errReused = errors.New("identity: refresh token used before")

// refreshAttempts bounds how often a refresh starts over because the session
// changed meanwhile. Mostly that is a service that prolonged its life.
const refreshAttempts = 5

// Refresh exchanges a refresh token for a new pair. The token is good for one
// use; presenting it again ends the session, because one of two holders has
// stolen it. It returns ErrRefreshToken or an Unavailable problem.
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
	for range refreshAttempts {
		grant, err := s.exchange(ctx, token)
		if !errors.Is(err, ErrSessionChanged) {
			return grant, err
		}
	}
	return Grant{}, ErrSessionStore.WithCause(ErrSessionChanged)
}

// exchange makes one attempt. It returns ErrSessionChanged if somebody else was
// faster; nothing has happened then.
func (s *Sessions) exchange(ctx context.Context, token RefreshToken) (Grant, error) {
	session, version, err := s.Store.Get(ctx, token.SessionID)
	if errors.Is(err, ErrNoSession) {
		return Grant{}, ErrRefreshToken.WithCause(err)
	}
	if err != nil {
		return Grant{}, err
	}
	if session.RefreshID != token.ID {
		return Grant{}, s.refuse(ctx, token.SessionID, EndTokenReuse, errReused)
	}
	// What the user may do is read anew: that is how a change gets into tokens.
	user, err := s.Index.Extend(ctx, session.ID, s.until())
	if err == nil && user.Status != StatusActive {
		err = ErrUserNotFound
	}
	if errors.Is(err, ErrUserNotFound) {
		return Grant{}, s.refuse(ctx, session.ID, EndUserGone, err)
	}
	if err != nil {
		return Grant{}, err
	}
	return s.rotate(ctx, user, session, version)
}

// rotate signs a new pair and makes it the session's only valid one.
func (s *Sessions) rotate(ctx context.Context, user User, session Session, version string) (Grant, error) {
	next := sessionFor(user, session.ID, session.Idle)
	pair, err := s.Tokens.Issue(ctx, user, next)
	if err != nil {
		return Grant{}, err
	}
	if err := s.Store.Update(ctx, next, version); err != nil {
		return Grant{}, err
	}
	return Grant{TokenPair: pair, User: user}, nil
}

// refuse ends a session and returns ErrRefreshToken.
func (s *Sessions) refuse(ctx context.Context, id string, reason EndReason, cause error) error {
	if err := s.end(ctx, id, reason); err != nil {
		return err
	}
	return ErrRefreshToken.WithCause(cause)
}
