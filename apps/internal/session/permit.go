package session

import (
	"context"
	"errors"
	"time"
)

// permitAttempts bounds how often Permit loses against concurrent changes.
const permitAttempts = 5

// Permit replaces what a live session may do. It does not prolong the session:
// that is for its user to do. It returns ErrEnded, ErrUnavailable, or
// ErrConflict if others keep changing the session.
func (s *Store) Permit(ctx context.Context, id string, permissions []string, now time.Time) error {
	for range permitAttempts {
		record, etag, err := s.Get(ctx, id)
		if err != nil {
			return err
		}
		rest := record.life() - now.Sub(record.TouchedAt)
		if rest <= 0 {
			return ErrEnded // as good as: the store counts in whole seconds
		}
		record.Permissions = permissions
		// Also if they are the same: whoever changes the session with what he read
		// before must fail.
		err = s.write(ctx, id, record, etag, min(rest, record.life()))
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return ErrConflict
}
