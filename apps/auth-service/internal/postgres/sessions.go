package postgres

import (
	"context"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
)

// Open implements identity.SessionIndex. Every new row takes a few expired ones
// with it, so that the table stays in proportion to the sessions there are.
func (s *Store) Open(ctx context.Context, session identity.Session, passwordHash string, until time.Time) error {
	const statement = `
		WITH current AS (
			SELECT user_id FROM credential WHERE user_id = $2 AND password_hash = $3 FOR SHARE
		), expired AS (
			SELECT session_id FROM user_session WHERE expires_at < $5 LIMIT 10 FOR UPDATE SKIP LOCKED
		), pruned AS (
			DELETE FROM user_session USING expired WHERE user_session.session_id = expired.session_id
		)
		INSERT INTO user_session (session_id, user_id, expires_at, created_at, auto_login, address, user_agent)
		SELECT $1, user_id, $4, $6, $7, $8, $9 FROM current`
	origin := session.Origin
	opened, err := s.pool.Exec(ctx, statement, session.ID, session.UserID, passwordHash, until, s.now(),
		origin.At, origin.AutoLogin, orNull(origin.Client.Address), origin.Client.Agent)
	if err != nil {
		return fault("open session", err)
	}
	if opened.RowsAffected() == 0 {
		return identity.ErrCredentials
	}
	return nil
}

// Extend implements identity.SessionIndex.
func (s *Store) Extend(ctx context.Context, id string, until time.Time) (identity.User, error) {
	const statement = `
		WITH session AS (
			UPDATE user_session SET expires_at = $2 WHERE session_id = $1 RETURNING user_id
		)
		SELECT ` + userColumns + `
		FROM app_user u
		JOIN session USING (user_id)`
	row, err := one[userRow](ctx, s, statement, id, until)
	if err != nil {
		return identity.User{}, notFound("extend session", err)
	}
	return row.user(), nil
}

// Close implements identity.SessionIndex.
func (s *Store) Close(ctx context.Context, id string) error {
	_, err := s.pool.Exec(ctx, `DELETE FROM user_session WHERE session_id = $1`, id)
	return fault("close session", err)
}

// sessionRow is what the index tells of a session.
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
