package identity

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"
)

// MaxOwnSessions is the maximum number of sessions that Own returns.
const MaxOwnSessions = 100

// Own returns the live sessions of the caller, newest first, at most MaxOwnSessions. It returns
// ErrSessionStore or ErrDatabase.
func (s *Sessions) Own(ctx context.Context, caller Caller) ([]Session, error) {
	indexed, err := s.Index.Sessions(ctx, caller.UserID)
	if err != nil {
		return nil, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i := range indexed {
		group.Go(func() error {
			live, _, err := s.Store.Get(ctx, indexed[i].ID)
			if errors.Is(err, ErrNoSession) || err == nil && live.over(s.Now()) {
				indexed[i].ID = "" // ended, but its row has not expired yet
				return nil
			}
			indexed[i].UsedAt, indexed[i].EndsAt = live.UsedAt, live.EndsAt
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(indexed, func(session Session) bool { return session.ID == "" }), nil
}

// EndOwn ends a session of the caller. It returns ErrSessionNotFound for an unknown session and for
// one of another user, or ErrSessionStore.
func (s *Sessions) EndOwn(ctx context.Context, caller Caller, id string) error {
	session, _, err := s.Store.Get(ctx, id)
	if errors.Is(err, ErrNoSession) || err == nil && session.UserID != caller.UserID {
		return ErrSessionNotFound
	}
	if err != nil {
		return err
	}
	return s.end(ctx, id, EndByUser)
}
