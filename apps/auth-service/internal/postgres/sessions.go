package postgres

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
)

// Open implements identity.SessionIndex. Every insert also deletes a few expired rows, which keeps
// the table proportional to the number of sessions.
func (s *Store) Open(ctx context.Context, session identity.Session, passwordHash string, until time.Time) error {
	const (
		// The lock is a statement of its own: a statement that waits for a row lock reads other
		// rows as of before the wait.
		await = `SELECT FROM app_user WHERE user_id = $1 FOR SHARE`
		check = `
			SELECT c.password_hash = $2 AND u.account_status = 'ACTIVE' AS credentials,
			       ARRAY(SELECT permission FROM user_permission WHERE user_id = $1 ORDER BY 1) = $3::text[] AS permissions
			FROM credential c JOIN app_user u USING (user_id)
			WHERE c.user_id = $1
			FOR SHARE OF c`
		prune = `
			WITH expired AS (
				SELECT session_id FROM user_session WHERE expires_at < $1 LIMIT 10 FOR UPDATE SKIP LOCKED
			)
			DELETE FROM user_session USING expired WHERE user_session.session_id = expired.session_id`
		insert = `
			INSERT INTO user_session (session_id, user_id, created_at, expires_at, auto_login, address, user_agent)
			VALUES ($1, $2, $3, $4, $5, $6, $7)`
	)
	var current struct{ Credentials, Permissions bool }
	permissions := append([]string{}, session.Permissions...) // an empty array instead of null
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		batch := &pgx.Batch{}
		batch.Queue(await, session.UserID)
		batch.Queue(check, session.UserID, passwordHash, permissions).Query(func(rows pgx.Rows) (err error) {
			current, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[struct{ Credentials, Permissions bool }])
			return err
		})
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
		if !current.Credentials || !current.Permissions {
			return errOutdated
		}
		batch = &pgx.Batch{}
		batch.Queue(prune, s.now())
		origin := session.Origin
		batch.Queue(insert, session.ID, session.UserID, origin.At, until,
			origin.AutoLogin, orNull(origin.Client.Address), origin.Client.Agent)
		return tx.SendBatch(ctx, batch).Close()
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows), errors.Is(err, errOutdated) && !current.Credentials:
		return identity.ErrCredentials
	case errors.Is(err, errOutdated):
		return identity.ErrAccountChanged
	}
	return fault("open session", err)
}

// errOutdated rolls back a session whose permissions are not the user's current ones.
var errOutdated = errors.New("outdated")

// Extend implements identity.SessionIndex. The user is read by a second statement, which sees
// updates that were committed while the first one waited.
func (s *Store) Extend(ctx context.Context, id string, until time.Time) (identity.User, error) {
	const (
		extend = `UPDATE user_session SET expires_at = $2 WHERE session_id = $1`
		user   = `
			SELECT ` + userColumns + `
			FROM app_user u
			JOIN user_session s USING (user_id)
			WHERE s.session_id = $1`
	)
	var row userRow
	batch := &pgx.Batch{} // one transaction with two snapshots
	batch.Queue(extend, id, until)
	batch.Queue(user, id).Query(func(rows pgx.Rows) (err error) {
		row, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[userRow])
		return err
	})
	if err := s.pool.SendBatch(ctx, batch).Close(); err != nil {
		return identity.User{}, notFound("extend session", err)
	}
	return s.user(ctx, row), nil
}

// Close implements identity.SessionIndex.
func (s *Store) Close(ctx context.Context, id string) error {
	_, err := s.pool.Exec(ctx, `DELETE FROM user_session WHERE session_id = $1`, id)
	return fault("close session", err)
}

// sessionRow is a row of the session index.
type sessionRow struct {
	SessionID string
	UserID    string
	CreatedAt time.Time
	AutoLogin bool
	Address   *netip.Addr
	UserAgent string
}

// Sessions implements identity.SessionIndex.
func (s *Store) Sessions(ctx context.Context, userID string) ([]identity.Session, error) {
	const query = `
		SELECT session_id, user_id, created_at, auto_login, address, user_agent
		FROM user_session
		WHERE user_id = $1 AND expires_at > $2
		ORDER BY created_at DESC
		LIMIT $3`
	rows, err := s.pool.Query(ctx, query, userID, s.now(), identity.MaxOwnSessions)
	if err != nil {
		return nil, fault("list sessions", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[sessionRow])
	if err != nil {
		return nil, fault("list sessions", err)
	}
	sessions := make([]identity.Session, len(found))
	for i, row := range found {
		sessions[i] = identity.Session{ID: row.SessionID, UserID: row.UserID, Origin: identity.Origin{
			At: row.CreatedAt.UTC(), AutoLogin: row.AutoLogin, Client: clientOf(row.Address, row.UserAgent),
		}}
	}
	return sessions, nil
}
