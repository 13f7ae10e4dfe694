package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
)

// CountAttempt implements identity.Attempts. One statement counts and decides: the row lock serializes
// parallel attempts, and no password is verified before its attempt is committed. Every call also
// deletes a few expired rows, which keeps the table proportional to a day's attempts.
func (s *Store) CountAttempt(ctx context.Context, id string) (int, error) {
	const statement = `
		WITH faded AS (
			SELECT user_id FROM login_attempt WHERE attempted_at <= $3 AND user_id <> $1 LIMIT 10 FOR UPDATE SKIP LOCKED
		), pruned AS (
			DELETE FROM login_attempt USING faded WHERE login_attempt.user_id = faded.user_id
		)
		INSERT INTO login_attempt AS held (user_id, failures, attempted_at)
		VALUES ($1, 1, $2)
		ON CONFLICT (user_id) DO UPDATE SET
			failures     = CASE WHEN held.attempted_at <= $3 OR held.locked_until <= $2 THEN 1 ELSE held.failures + 1 END,
			locked_until = CASE WHEN held.attempted_at > $3 AND held.locked_until IS NULL AND held.failures + 1 >= $4 THEN $5::timestamptz END,
			attempted_at = $2
		WHERE held.locked_until IS NULL OR held.locked_until <= $2
		RETURNING failures`
	now := s.now()
	var count int
	err := s.pool.QueryRow(ctx, statement, id, now, now.Add(-identity.FailureLifetime),
		identity.MaxFailures, now.Add(identity.LockTime)).Scan(&count)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, identity.ErrLocked
	}
	return count, fault("take login attempt", err)
}

// Reset implements identity.Attempts.
func (s *Store) Reset(ctx context.Context, id string) error {
	_, err := s.pool.Exec(ctx, `DELETE FROM login_attempt WHERE user_id = $1`, id)
	return fault("reset login attempts", err)
}
