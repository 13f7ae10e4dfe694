package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/internal/audit"
)

// UpdateUser implements identity.Directory.
func (s *Store) UpdateUser(ctx context.Context, act identity.Act, now time.Time, update func(context.Context, identity.UserState) (identity.User, error)) (identity.Member, error) {
	var (
		member identity.Member
		failed error // the error of update, as opposed to the database's
	)
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		state, err := s.lock(ctx, tx, act.UserID, now)
		if err != nil {
			return err
		}
		act.UserID = state.User.ID // the registered spelling
		after, err := update(ctx, state)
		if err != nil {
			failed = err
			return failed
		}
		changed, err := store(ctx, tx, change{act: act, before: state.User, after: after, at: now})
		if err != nil {
			return err
		}
		if err := audit.Insert(ctx, tx, eventOf(act, changed, now)); err != nil {
			return err
		}
		member, err = s.findMember(ctx, tx, act.UserID, now)
		return err
	})
	if failed != nil {
		return identity.Member{}, failed
	}
	return member, notFound("update user", err)
}

// WithUserLock implements identity.Directory.
func (s *Store) WithUserLock(ctx context.Context, userID string, f func(context.Context, identity.UserState) error) error {
	var failed error // the error of f, as opposed to the database's
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		state, err := s.lock(ctx, tx, userID, s.now())
		if err != nil {
			return err
		}
		failed = f(ctx, state)
		return failed
	})
	if failed != nil {
		return failed
	}
	return notFound("lock user", err)
}

// lock locks a user and returns the user's state. The lock on the user blocks a login in Open,
// those on the sessions block a refresh in Extend; both then see the update. If two
// administrators revoke each other's ADMIN, the second waits as well and then finds itself to be
// the last one. It returns pgx.ErrNoRows if the user does not exist.
func (s *Store) lock(ctx context.Context, tx pgx.Tx, id string, now time.Time) (identity.UserState, error) {
	const (
		lockUser     = `SELECT u.user_id FROM app_user u WHERE ` + named + ` FOR NO KEY UPDATE`
		lockAdmins   = `SELECT pg_advisory_xact_lock(hashtext('administrators')) FROM user_permission WHERE user_id = $1 AND permission = 'ADMIN'`
		lockSessions = `SELECT session_id FROM user_session WHERE user_id = $1 AND expires_at > $2 ORDER BY session_id FOR UPDATE`
		otherAdmins  = `
			SELECT NOT EXISTS (
				SELECT FROM user_permission p JOIN app_user u USING (user_id)
				WHERE p.permission = 'ADMIN' AND u.account_status = 'ACTIVE' AND u.user_id <> $1
			)`
	)
	var (
		state  identity.UserState
		userID string // the registered spelling
	)
	if err := tx.QueryRow(ctx, lockUser, id).Scan(&userID); err != nil {
		return state, err
	}
	batch := &pgx.Batch{}
	batch.Queue(lockAdmins, userID)
	batch.Queue(lockSessions, userID, now).Query(func(rows pgx.Rows) (err error) {
		state.Sessions, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	batch.Queue(`SELECT `+userColumns+` FROM app_user u WHERE u.user_id = $1`, userID).Query(func(rows pgx.Rows) error {
		row, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[userRow])
		state.User = s.user(ctx, row)
		return err
	})
	batch.Queue(otherAdmins, userID).QueryRow(func(row pgx.Row) error { return row.Scan(&state.LastAdministrator) })
	return state, tx.SendBatch(ctx, batch).Close()
}

// change is the effect of an act on a user.
type change struct {
	act           identity.Act
	before, after identity.User
	at            time.Time
}

// store writes a change and reports whether anything changed.
func store(ctx context.Context, tx pgx.Tx, c change) (changed bool, err error) {
	const (
		grant = `
			INSERT INTO user_permission (user_id, permission, granted_by, granted_at)
			SELECT $1, unnest($2::text[]), $3, $4
			ON CONFLICT DO NOTHING`
		revoke = `
			WITH revoked AS (
				DELETE FROM user_permission WHERE user_id = $1 AND permission = ANY($2)
				RETURNING user_id, permission, granted_by, granted_at
			)
			INSERT INTO revoked_permission (user_id, permission, granted_by, granted_at, revoked_by, revoked_at)
			SELECT user_id, permission, granted_by, granted_at, $3, $4 FROM revoked`
		status        = `UPDATE app_user SET account_status = $2 WHERE user_id = $1 AND account_status <> $2`
		unlock        = `DELETE FROM login_attempt WHERE user_id = $1`
		closeSessions = `DELETE FROM user_session WHERE user_id = $1`
	)
	id, by := c.before.ID, c.act.By.UserID
	batch := &pgx.Batch{}
	count := func(sql string, args ...any) {
		batch.Queue(sql, args...).Exec(func(done pgconn.CommandTag) error {
			changed = changed || done.RowsAffected() > 0
			return nil
		})
	}
	if given := without(c.after.Permissions, c.before.Permissions); len(given) > 0 {
		count(grant, id, given, by, c.at)
	}
	if taken := without(c.before.Permissions, c.after.Permissions); len(taken) > 0 {
		count(revoke, id, taken, by, c.at)
	}
	count(status, id, string(c.after.Status))
	if c.act.Action == identity.ActionUnlock {
		count(unlock, id)
	}
	if c.after.Status != identity.StatusActive {
		batch.Queue(closeSessions, id)
	}
	err = tx.SendBatch(ctx, batch).Close()
	return changed, err
}

// without returns the elements of all that are not in some.
func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(one string) bool { return slices.Contains(some, one) })
}

// eventOf returns the audit event of an act.
func eventOf(act identity.Act, changed bool, at time.Time) audit.Event {
	outcome := audit.Unchanged
	if changed {
		outcome = audit.Done
	}
	return audit.Event{
		At: at, Actor: act.By.UserID, SessionID: act.By.SessionID, Address: act.By.Address,
		Action: string(act.Action), Target: act.UserID, Detail: act.Permission, Outcome: outcome,
	}
}

// Events implements identity.Trail.
func (s *Store) Events(ctx context.Context, filter audit.Filter) ([]audit.Event, error) {
	events, err := audit.List(ctx, s.pool, filter)
	return events, fault("read audit trail", err)
}

// CreateAdministrator implements identity.AdministratorStore.
func (s *Store) CreateAdministrator(ctx context.Context, a identity.Account, now time.Time) error {
	var failed error // the error of create, which is translated already
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if failed = s.create(ctx, tx, a); failed != nil {
			return failed
		}
		return audit.Insert(ctx, tx, audit.Event{
			At: now, Actor: "command:create-admin", Action: "ADMINISTRATOR_CREATE", Target: a.ID,
			Detail: identity.PermissionAdmin, Outcome: audit.Done,
		})
	})
	if failed != nil {
		return failed
	}
	return fault("create administrator", err)
}
