package session

import (
	"context"
	"errors"
	"time"
)

// permitAttempts is how often Permit tries to write after concurrent changes.
const permitAttempts = 5

// Permit replaces the permissions of a live session without extending it. It returns
// ErrEnded, ErrUnavailable, or ErrConflict after permitAttempts concurrent changes.
func (s *Store) Permit(ctx context.Context, id string, permissions []string, now time.Time) error {
	for range permitAttempts {
		record, etag, err := s.Get(ctx, id)
		if err != nil {
			return err
		}
		remaining := record.lifetime() - now.Sub(record.TouchedAt)
		if remaining <= 0 {
			return ErrEnded // the store, whose TTLs are in seconds, may still have it
		}
		record.Permissions = permissions
		// Written even if unchanged, so that concurrent updates with the old ETag fail.
		err = s.write(ctx, id, record, etag, min(remaining, record.lifetime()))
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return ErrConflict
}
