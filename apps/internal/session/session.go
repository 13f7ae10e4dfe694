// Package session is the contract about sessions between the auth service,
// which begins and ends them, and the services that honour them. A session
// lives in the shared state store under its id; when its record is gone, its
// tokens are worth nothing.
package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// Record is what the store keeps of a session.
type Record struct {
	UserID string `json:"userId"`
	// Permissions are those of now: a revocation changes them here, while the
	// tokens already given out still tell the old ones.
	Permissions []string `json:"permissions"`
	// Lines are the digits of the line numbers that the user may see.
	Lines []string `json:"lines"`
	// RefreshID is the id of the one refresh token that is still unused.
	RefreshID string `json:"refreshId"`
	// UsedRefreshID is the id of the refresh token that was used last, at
	// RefreshedAt; "" if none was.
	UsedRefreshID string    `json:"usedRefreshId,omitempty"`
	RefreshedAt   time.Time `json:"refreshedAt,omitzero"`
	// Idle is how long the session lives without being used.
	Idle time.Duration `json:"idle"`
	// TouchedAt is when its life was last prolonged.
	TouchedAt time.Time `json:"touchedAt"`
	// EndsAt is when the session is over however much it is used; zero means
	// that there is no such time.
	EndsAt time.Time `json:"endsAt,omitzero"`
	// Ended marks a session that End has ended.
	Ended bool `json:"ended,omitempty"`
}

// over reports whether a session has reached its end at now.
func (r Record) over(now time.Time) bool { return !r.EndsAt.IsZero() && !now.Before(r.EndsAt) }

// life is how long the session lives from TouchedAt on if nobody uses it.
func (r Record) life() time.Duration {
	if r.EndsAt.IsZero() {
		return r.Idle
	}
	return max(min(r.Idle, r.EndsAt.Sub(r.TouchedAt)), time.Second) // 0 would mean for ever
}

// tombstone is how long the record of an ended session stays. Were it deleted,
// a prolongation that is under way at that moment would write it again: Redis
// takes any ETag for a key that is gone. It is longer than a call may last.
const tombstone = time.Minute

// endAttempts bounds how often End loses against concurrent changes.
const endAttempts = 5

// Errors of sessions.
var (
	ErrEnded       = errors.New("session: ended or never begun")
	ErrConflict    = errors.New("session: changed by somebody else")
	ErrUnavailable = errors.New("session: store cannot be reached")
)

// State is the part of a state store that sessions need.
type State interface {
	Get(ctx context.Context, key string) (value []byte, etag string, err error)
	SetIf(ctx context.Context, key string, value []byte, etag string, ttl time.Duration) error
}

var _ State = (*sidecar.State)(nil)

// Store reads and writes sessions by their ids.
type Store struct{ state State }

// NewStore returns the store of sessions kept in state.
func NewStore(state State) *Store { return &Store{state: state} }

// Get returns a session and the ETag to change it with. It returns ErrEnded or
// ErrUnavailable.
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

// Create begins a session under an id that must be new. It returns
// ErrUnavailable.
func (s *Store) Create(ctx context.Context, id string, record Record) error {
	return s.Update(ctx, id, record, "")
}

// Update replaces a session if its ETag is still etag, and prolongs it by
// record.Idle, but not beyond record.EndsAt. It returns ErrConflict or
// ErrUnavailable.
func (s *Store) Update(ctx context.Context, id string, record Record, etag string) error {
	return s.write(ctx, id, record, etag, record.life())
}

// End ends a session. One that has ended already is no error. It returns
// ErrUnavailable, or ErrConflict if others keep changing the session.
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

// Health tells whether the store answers.
func (s *Store) Health(ctx context.Context) error {
	_, _, err := s.Get(ctx, "health") // no session's id: those are random
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
