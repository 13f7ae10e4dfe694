package identitytest

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
)

// Sessions is an identity.SessionStore in memory.
type Sessions struct {
	mu    sync.Mutex
	live  map[string]version
	fault error
	// BeforeUpdate, if set, is called by Update before it compares versions, to provoke a race.
	BeforeUpdate func()
	// AfterUpdate, if set, is called by Update after the write; Update returns its error.
	AfterUpdate func() error
}

type version struct {
	session identity.Session
	number  int
}

var _ SessionStore = (*Sessions)(nil)

// NewSessions returns an empty store.
func NewSessions() *Sessions { return &Sessions{live: make(map[string]version)} }

// Fail makes all calls return err; nil ends that.
func (s *Sessions) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = err
}

// Lives reports whether a session is live.
func (s *Sessions) Lives(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.live[id]
	return ok
}

// Count returns the number of live sessions.
func (s *Sessions) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.live)
}

// Touch changes only the version of a session, as a service does when it extends the session.
func (s *Sessions) Touch(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.live[id]
	held.number++
	s.live[id] = held
}

// Create implements identity.SessionStore.
func (s *Sessions) Create(_ context.Context, created identity.Session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault == nil {
		s.live[created.ID] = version{session: used(created)}
	}
	return s.fault
}

// Get implements identity.SessionStore.
func (s *Sessions) Get(_ context.Context, id string) (identity.Session, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault != nil {
		return identity.Session{}, "", s.fault
	}
	held, ok := s.live[id]
	if !ok {
		return identity.Session{}, "", identity.ErrNoSession
	}
	return held.session, strconv.Itoa(held.number), nil
}

// Update implements identity.SessionStore.
func (s *Sessions) Update(_ context.Context, changed identity.Session, seen string) error {
	if s.BeforeUpdate != nil {
		s.BeforeUpdate()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault != nil {
		return s.fault
	}
	held, ok := s.live[changed.ID]
	if !ok || strconv.Itoa(held.number) != seen {
		return identity.ErrSessionChanged
	}
	s.live[changed.ID] = version{session: used(changed), number: held.number + 1}
	if s.AfterUpdate != nil {
		return s.AfterUpdate()
	}
	return nil
}

// Permit implements identity.LiveSessions.
func (s *Sessions) Permit(_ context.Context, id string, permissions []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault != nil {
		return s.fault
	}
	held, ok := s.live[id]
	if !ok {
		return identity.ErrNoSession
	}
	held.session.Permissions = permissions
	held.number++
	s.live[id] = held
	return nil
}

// End implements identity.SessionStore.
func (s *Sessions) End(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault == nil {
		delete(s.live, id)
	}
	return s.fault
}

// used returns the stored form of a session that is in use.
func used(session identity.Session) identity.Session {
	session.UsedAt, session.Origin = time.Now(), identity.Origin{}
	return session
}
