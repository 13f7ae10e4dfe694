package identitytest

import (
	"context"
	"time"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
)

// attempts are the consecutive failures of an id.
type attempts struct {
	count  int
	last   time.Time
	locked time.Time // end of the lock-out, if after last
}

// CountAttempt implements identity.Attempts.
func (m *Memory) CountAttempt(_ context.Context, id string) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, held := m.now(), m.attempts[id]
	switch {
	case m.fault != nil:
		return 0, m.fault
	case held.locked.After(now):
		return 0, identity.ErrLocked
	case !held.locked.IsZero(), !now.Before(held.last.Add(identity.FailureLifetime)):
		held = attempts{}
	}
	held.count, held.last = held.count+1, now
	if held.count >= identity.MaxFailures {
		held.locked = now.Add(identity.LockTime)
	}
	m.attempts[id] = held
	return held.count, nil
}

// Reset implements identity.Attempts.
func (m *Memory) Reset(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fault == nil {
		delete(m.attempts, id)
	}
	return m.fault
}
