package identity

import (
	"context"
	"crypto/rand"
	"errors"
)

// Causes of an ErrRefreshToken.
var (
	errReused  = errors.New("identity: refresh token used before")
	errExpired = errors.New("identity: session has lasted as long as it may")
)

// refreshAttempts bounds how often a refresh starts over because the session
// changed meanwhile. Mostly that is a service that prolonged its life.
const refreshAttempts = 5

// Refresh exchanges a refresh token for a new pair. The token is good for one
// use; presenting it again ends the session, because one of two holders has
// stolen it. But a moment after its use it may be one client that asked twice:
// then the second answer brings the same new refresh token, by its id. It
// returns ErrRefreshToken, or a TooManyRequests or Unavailable problem.
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
	done, err := s.turns.take(ctx, token.SessionID)
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

// exchange makes one attempt to replace token by a refresh token of the id
// next. It returns ErrSessionChanged if somebody else was faster, or if the
// session was written but the store's answer got lost and the sidecar wrote
// again: then the following attempt finds next in its place.
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
	used := session.RefreshID == token.ID // for the first time, that is
	if !used && session.RefreshID != next && !s.inGrace(session, token) {
		return Grant{}, s.refuse(ctx, session.ID, EndTokenReuse, errReused)
	}
	user, err := s.holder(ctx, session)
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

// inGrace reports whether token was used a moment ago.
func (s *Sessions) inGrace(session Session, token RefreshToken) bool {
	return session.UsedRefreshID == token.ID && s.Now().Sub(session.RefreshedAt) < s.Lifetimes.Grace
}

// holder returns the user of a session, who goes on with it. What the user may
// do is read anew: that is how a change gets into tokens.
func (s *Sessions) holder(ctx context.Context, session Session) (User, error) {
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
