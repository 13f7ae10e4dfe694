// Package sessionstore adapts the session store that all services share to the domain.
package sessionstore

import (
	"context"
	"errors"
	"time"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/internal/session"
)

// Store implements identity.SessionStore and identity.LiveSessions. It is safe for concurrent use.
type Store struct {
	store  *session.Store
	cached *session.Cached
	now    func() time.Time
}

var (
	_ identity.SessionStore = (*Store)(nil)
	_ identity.LiveSessions = (*Store)(nil)
)

// New returns a Store on store that invalidates changed sessions in cached.
func New(store *session.Store, cached *session.Cached, now func() time.Time) *Store {
	return &Store{store: store, cached: cached, now: now}
}

// Create implements identity.SessionStore.
func (s *Store) Create(ctx context.Context, created identity.Session) error {
	err := s.store.Create(ctx, created.ID, s.record(created))
	if errors.Is(err, session.ErrConflict) {
		return nil // ids are random, so this is our own write, repeated by the sidecar
	}
	return translate(err)
}

// Get implements identity.SessionStore. It bypasses the cache, which may be seconds old.
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
	return retried(s.store.Permit(ctx, id, permissions, s.now()))
}

// End implements identity.SessionStore.
func (s *Store) End(ctx context.Context, id string) error {
	defer s.cached.Forget(id)
	return retried(s.store.End(ctx, id))
}

// retried translates the error of an operation that was tried several times.
func retried(err error) error {
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
