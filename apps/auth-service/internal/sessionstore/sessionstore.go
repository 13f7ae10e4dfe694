// Package sessionstore keeps this service's sessions in the store that all
// services share.
package sessionstore

import (
	"context"
	"errors"
	"time"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/internal/session"
)

// Store is the shared store in the words of the domain. It is safe for
// concurrent use.
type Store struct {
	store  *session.Store
	cached *session.Cached
	now    func() time.Time
}

var (
	_ identity.SessionStore = (*Store)(nil)
	_ identity.LiveSessions = (*Store)(nil)
)

// New returns a Store. What it changes, cached forgets.
func New(store *session.Store, cached *session.Cached, now func() time.Time) *Store {
	return &Store{store: store, cached: cached, now: now}
}

// Create implements identity.SessionStore.
func (s *Store) Create(ctx context.Context, created identity.Session) error {
	err := s.store.Create(ctx, created.ID, s.record(created))
	if errors.Is(err, session.ErrConflict) {
		return nil // ids are drawn at random: it is ours, and the sidecar wrote it twice
	}
	return translate(err)
}

// Get implements identity.SessionStore. It asks the store itself: the cache may
// be seconds old.
func (s *Store) Get(ctx context.Context, id string) (identity.Session, string, error) {
	record, version, err := s.store.Get(ctx, id)
	if err != nil {
		return identity.Session{}, "", translate(err)
	}
	return identity.Session{
		ID: id, UserID: record.UserID, Lines: record.Lines, Permissions: record.Permissions,
		RefreshID: record.RefreshID, UsedRefreshID: record.UsedRefreshID, RefreshedAt: record.RefreshedAt,
		Idle: record.Idle, EndsAt: record.EndsAt, UsedAt: record.TouchedAt,
	}, version, nil
}

// Update implements identity.SessionStore.
func (s *Store) Update(ctx context.Context, changed identity.Session, version string) error {
	defer s.cached.Forget(changed.ID)
	return translate(s.store.Update(ctx, changed.ID, s.record(changed), version))
}

// Permit implements identity.LiveSessions.
func (s *Store) Permit(ctx context.Context, id string, permissions []string) error {
	defer s.cached.Forget(id)
	return insisted(s.store.Permit(ctx, id, permissions, s.now()))
}

// End implements identity.SessionStore.
func (s *Store) End(ctx context.Context, id string) error {
	defer s.cached.Forget(id)
	return insisted(s.store.End(ctx, id))
}

// insisted translates the error of what was tried several times.
func insisted(err error) error {
	err = translate(err)
	if errors.Is(err, identity.ErrSessionChanged) {
		return identity.ErrSessionStore.WithCause(err)
	}
	return err
}

func (s *Store) record(from identity.Session) session.Record {
	return session.Record{
		UserID: from.UserID, Permissions: from.Permissions, Lines: from.Lines,
		RefreshID: from.RefreshID, UsedRefreshID: from.UsedRefreshID, RefreshedAt: from.RefreshedAt,
		Idle: from.Idle, EndsAt: from.EndsAt, TouchedAt: s.now(),
	}
}

func translate(err error) error {
	switch {
	case errors.Is(err, session.ErrEnded):
		return identity.ErrNoSession
	case errors.Is(err, session.ErrConflict):
		return identity.ErrSessionChanged
	case errors.Is(err, session.ErrUnavailable):
		return identity.ErrSessionStore.WithCause(err)
	}
	return err
}
