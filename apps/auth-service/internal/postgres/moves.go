package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/internal/audit"
)

// lineMoved is the audit action of a line that moved away from an account. Its actor is not a user:
// the audit trail of the former customer must not reveal the new one.
const (
	lineMoved = "LINE_MOVED"
	byCarrier = "system:registration"
)

// CreateHolder implements identity.Users. If two transactions take the same line concurrently, the
// unique index on lines refuses one.
func (s *Store) CreateHolder(ctx context.Context, a identity.Account) error {
	var failed error // the error of create, which is translated already
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := s.moveLine(ctx, tx, a.User); err != nil {
			return err
		}
		failed = s.create(ctx, tx, a)
		return failed
	})
	if failed != nil {
		return failed
	}
	return fault("create holder of line", err)
}

// moveLine marks the line of holder as moved in other customers' accounts.
func (s *Store) moveLine(ctx context.Context, tx pgx.Tx, holder identity.User) error {
	const statement = `
		UPDATE app_user SET line_moved_at = $3
		WHERE line_number = $1 AND customer_id <> $2 AND line_moved_at IS NULL
		RETURNING user_id`
	now := s.now()
	rows, err := tx.Query(ctx, statement, holder.Line.Digits(), holder.CustomerID, now)
	if err != nil {
		return err
	}
	former, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, id := range former {
		err := audit.Insert(ctx, tx, audit.Event{
			At: now, Actor: byCarrier, Action: lineMoved, Target: id, Detail: holder.Line.Masked(), Outcome: audit.Done,
		})
		if err != nil {
			return err
		}
	}
	return nil
}
