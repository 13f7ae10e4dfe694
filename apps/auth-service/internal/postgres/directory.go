package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
)

// locked is the SQL condition that app_user u is locked out at $1.
const locked = `EXISTS (SELECT FROM login_attempt a WHERE a.user_id = u.user_id AND a.locked_until > $1)`

// memberColumns select a memberRow from app_user u as of $1.
const memberColumns = userColumns + `, ` + locked + ` AS locked`

// memberRow is a row of memberColumns.
type memberRow struct {
	userRow
	Locked bool
}

func (s *Store) member(ctx context.Context, r memberRow) identity.Member {
	return identity.Member{User: s.user(ctx, r.userRow), Locked: r.Locked}
}

// Member implements identity.Directory.
func (s *Store) Member(ctx context.Context, id string, now time.Time) (identity.Member, error) {
	var registered string
	err := s.pool.QueryRow(ctx, `SELECT u.user_id FROM app_user u WHERE `+named, id).Scan(&registered)
	if err != nil {
		return identity.Member{}, notFound("read member", err)
	}
	member, err := s.findMember(ctx, s.pool, registered, now)
	return member, notFound("read member", err)
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// findMember returns the member with exactly that id, or pgx.ErrNoRows.
func (s *Store) findMember(ctx context.Context, db querier, id string, now time.Time) (identity.Member, error) {
	const query = `SELECT ` + memberColumns + ` FROM app_user u WHERE u.user_id = $2`
	rows, err := db.Query(ctx, query, now, id)
	if err != nil {
		return identity.Member{}, err
	}
	row, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[memberRow])
	return s.member(ctx, row), err
}

// Members implements identity.Directory. Neither query reads more rows than can be paged through.
func (s *Store) Members(ctx context.Context, f identity.UserFilter, now time.Time) (identity.UserPage, error) {
	// The prefix search is a range scan: customer ids from $2 to $3, line numbers from $4 to $5,
	// and user ids in lower case from $8 to $9.
	const chosen = `
		SELECT ` + memberColumns + `
		FROM app_user u
		WHERE ($2 = '' OR lower(u.user_id COLLATE "C") >= $8 AND lower(u.user_id COLLATE "C") < $9
		               OR u.customer_id COLLATE "C" >= $2 AND u.customer_id COLLATE "C" < $3
		               OR $4 <> '' AND u.line_number COLLATE "C" >= $4 AND u.line_number COLLATE "C" < $5)
		  AND $6 IN ('', CASE WHEN u.account_status = 'ACTIVE' AND ` + locked + ` THEN 'LOCKED' ELSE u.account_status END)
		ORDER BY u.user_id COLLATE "C"
		LIMIT $7`
	line := strings.ReplaceAll(f.Query, "-", "")
	id := strings.ToLower(f.Query)
	args := func(limit int) []any {
		return []any{now, f.Query, after(f.Query), line, after(line), string(f.Status), limit, id, after(id)}
	}
	batch := &pgx.Batch{}
	var page identity.UserPage
	batch.Queue(`SELECT count(*) FROM (`+chosen+`) AS chosen`, args(identity.MaxListed)...).
		QueryRow(func(row pgx.Row) error { return row.Scan(&page.Total) })
	batch.Queue(chosen+` OFFSET $10`, append(args(f.Size), (f.Page-1)*f.Size)...).Query(func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, pgx.RowToStructByName[memberRow])
		for _, row := range found {
			page.Members = append(page.Members, s.member(ctx, row))
		}
		return err
	})
	return page, fault("list users", s.pool.SendBatch(ctx, batch).Close())
}

// after returns the upper bound of all ASCII texts that begin with prefix, in byte order.
func after(prefix string) string { return prefix + "\x7f" }
