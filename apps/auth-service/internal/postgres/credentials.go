package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
)

// accountRow is a user with the hash of the password.
type accountRow struct {
	userRow
	PasswordHash string
}

// Account implements identity.Credentials. It returns the connection to the pool before the caller
// hashes.
func (s *Store) Account(ctx context.Context, id string) (identity.Account, error) {
	const query = `
		SELECT ` + userColumns + `, c.password_hash
		FROM app_user u
		JOIN credential c USING (user_id)
		WHERE ` + named
	row, err := one[accountRow](ctx, s, query, id)
	if err != nil {
		return identity.Account{}, notFound("read account", err)
	}
	return identity.Account{User: s.user(ctx, row.userRow), PasswordHash: row.PasswordHash}, nil
}

// ReplacePassword implements identity.Credentials. The row lock of the update blocks a concurrent
// login with the old password in Open, which then fails.
func (s *Store) ReplacePassword(ctx context.Context, c identity.PasswordChange, end func(context.Context, []string) error) error {
	const update = `
		UPDATE credential SET password_hash = $3, changed_at = $4
		WHERE user_id = $1 AND password_hash = $2`
	const others = `DELETE FROM user_session WHERE user_id = $1 AND session_id <> $2 RETURNING session_id`

	var failed error // the error of end, as opposed to the database's
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		updated, err := tx.Exec(ctx, update, c.UserID, c.From, c.To, s.now())
		if err != nil {
			return err
		}
		if updated.RowsAffected() == 0 {
			failed = identity.ErrCurrentPassword
			return failed
		}
		rows, err := tx.Query(ctx, others, c.UserID, c.Keep)
		if err != nil {
			return err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		failed = end(ctx, ids)
		return failed
	})
	if failed != nil {
		return failed
	}
	return fault("replace password", err)
}

// RenewHash implements identity.Credentials.
func (s *Store) RenewHash(ctx context.Context, userID, from, to string) (bool, error) {
	const statement = `UPDATE credential SET password_hash = $3 WHERE user_id = $1 AND password_hash = $2`
	renewed, err := s.pool.Exec(ctx, statement, userID, from, to)
	return renewed.RowsAffected() == 1, fault("renew hash", err)
}
