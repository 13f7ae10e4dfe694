// Package session stores sessions. The auth service creates and ends them; all
// services check them. A session is a record in the shared state store. Without the
// record, the session's tokens are invalid.
package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// Record is the stored state of a session.
type Record struct {
	UserID string `json:"userId"`
	// Permissions are the current permissions. A revocation changes them here, while
	// issued tokens still contain the old ones.
	Permissions []string `json:"permissions"`
	// Lines are the digits of the user's line numbers.
	Lines []string `json:"lines"`
	// RefreshID is the id of the current refresh token.
	RefreshID string `json:"refreshId"`
	// UsedRefreshID is the id of the previous refresh token, used at RefreshedAt, or
	// "".
	UsedRefreshID string    `json:"usedRefreshId,omitempty"`
	RefreshedAt   time.Time `json:"refreshedAt,omitzero"`
	// Idle is how long the session lives without use.
	Idle time.Duration `json:"idle"`
	// TouchedAt is when the session was last extended.
	TouchedAt time.Time `json:"touchedAt"`
	// EndsAt is when the session ends regardless of use; zero means never.
	EndsAt time.Time `json:"endsAt,omitzero"`
	// Ended is the tombstone of a session ended by End.
	Ended bool `json:"ended,omitempty"`
}

// expired reports whether a session has reached its end at now.
func (r Record) expired(now time.Time) bool { return !r.EndsAt.IsZero() && !now.Before(r.EndsAt) }

// lifetime returns how long the session lives after TouchedAt without use.
func (r Record) lifetime() time.Duration {
	if r.EndsAt.IsZero() {
		return r.Idle
	}
	return max(min(r.Idle, r.EndsAt.Sub(r.TouchedAt)), time.Second) // a TTL of 0 would never expire
}

// tombstone is the TTL of the tombstone of an ended session. If the record were
// deleted, a concurrent extension could restore it, since Redis accepts any ETag for
// a missing key. It is longer than the timeout of a call.
const tombstone = time.Minute

// endAttempts is how often End tries to write after concurrent changes.
const endAttempts = 5

// The errors of a Store.
var (
	ErrEnded       = errors.New("session: ended or unknown")
	ErrConflict    = errors.New("session: changed concurrently")
	ErrUnavailable = errors.New("session: store unavailable")
)

// State is the state store of a Store.
type State interface {
	Get(ctx context.Context, key string) (value []byte, etag string, err error)
	SetIf(ctx context.Context, key string, value []byte, etag string, ttl time.Duration) error
}

var _ State = (*sidecar.State)(nil)

// Store reads and writes sessions by id.
type Store struct{ state State }

// NewStore returns a store on state.
func NewStore(state State) *Store { return &Store{state: state} }

// Get returns a session and its ETag. It returns ErrEnded or ErrUnavailable.
func (s *Store) Get(ctx context.Context, id string) (Record, string, error) {
	value, etag, err := s.state.Get(ctx, id)
	if err != nil {
		return Record{}, "", translate(err)
	}
	var record Record
	if err := json.Unmarshal(value, &record); err != nil {
		return Record{}, "", fmt.Errorf("session: read: %w", err)
	}
	if record.Ended {
		return Record{}, "", ErrEnded
	}
	return record, etag, nil
}

// Create creates a session with a new id. It returns ErrConflict if the id exists, or
// ErrUnavailable.
func (s *Store) Create(ctx context.Context, id string, record Record) error {
	return s.Update(ctx, id, record, "")
}

// Update replaces a session and extends it by record.Idle, but not beyond
// record.EndsAt. It returns ErrConflict if its ETag is not etag, or ErrUnavailable.
func (s *Store) Update(ctx context.Context, id string, record Record, etag string) error {
	return s.write(ctx, id, record, etag, record.lifetime())
}

// End ends a session. It returns nil if the session has already ended,
// ErrUnavailable, or ErrConflict after endAttempts concurrent changes.
func (s *Store) End(ctx context.Context, id string) error {
	for range endAttempts {
		_, etag, err := s.Get(ctx, id)
		if errors.Is(err, ErrEnded) {
			return nil
		}
		if err != nil {
			return err
		}
		err = s.write(ctx, id, Record{Ended: true}, etag, tombstone)
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return ErrConflict
}

// Health is a health.Check of the state store.
func (s *Store) Health(ctx context.Context) error {
	_, _, err := s.Get(ctx, "health") // session ids are random
	if err == nil || errors.Is(err, ErrEnded) {
		return nil
	}
	return ErrUnavailable
}

func (s *Store) write(ctx context.Context, id string, record Record, etag string, ttl time.Duration) error {
	value, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("session: write: %w", err)
	}
	return translate(s.state.SetIf(ctx, id, value, etag, ttl))
}

func translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sidecar.ErrNotFound):
		return ErrEnded
	case errors.Is(err, sidecar.ErrConflict):
		return ErrConflict
	case errors.Is(err, sidecar.ErrUnavailable):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}
