package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/internal/audit"
	"github.com/phonebill/phonebill/apps/internal/groupcommit"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/pgerr"
)

// Partitioned are the tables with monthly partitions. Logins are kept for a year.
var Partitioned = []pg.Partitions{
	{Table: "login_history", Keep: 12},
	audit.Table,
}

// History is the login history. It reads from the database directly and writes through a
// group-commit writer.
type History struct {
	pool   *pgxpool.Pool
	writer *groupcommit.Writer[identity.Login]
}

var _ identity.LoginHistory = (*History)(nil)

// NewHistory returns the history in pool's database.
func NewHistory(pool *pgxpool.Pool, writer *groupcommit.Writer[identity.Login]) *History {
	return &History{pool: pool, writer: writer}
}

// AppendLogin implements identity.LoginHistory.
func (h *History) AppendLogin(ctx context.Context, l identity.Login) { h.writer.Append(ctx, l) }

// writeLogin is idempotent, because the writer may repeat it.
const writeLogin = `
	INSERT INTO login_history (login_id, at, user_id, outcome, address, user_agent)
	VALUES ($1, $2, nullif($3, ''), $4, $5, $6)
	ON CONFLICT (login_id, at) DO NOTHING`

// NewHistoryWriter returns the writer of the login history.
func NewHistoryWriter(pool *pgxpool.Pool, log *slog.Logger, metrics *groupcommit.Metrics) *groupcommit.Writer[identity.Login] {
	return groupcommit.New(groupcommit.Options[identity.Login]{
		Name: "login_history",
		// also while the database has not been migrated yet
		Transient: func(err error) bool { return pgerr.Unavailable(err) || pgerr.IsUndefinedTable(err) },
		Flush: func(ctx context.Context, logins []identity.Login) error {
			batch := &pgx.Batch{} // one transaction
			for _, l := range logins {
				batch.Queue(writeLogin, l.ID, l.At, l.UserID, string(l.Outcome), orNull(l.Client.Address), l.Client.Agent)
			}
			if err := pool.SendBatch(ctx, batch).Close(); err != nil {
				return fmt.Errorf("write login history: %w", err)
			}
			return nil
		},
	}, log, metrics)
}

// orNull returns nil for an unknown address.
func orNull(address netip.Addr) *netip.Addr {
	if !address.IsValid() {
		return nil
	}
	return &address
}

// loginRow is a row of listLogins.
type loginRow struct {
	LoginID   string
	At        time.Time
	UserID    string
	Outcome   string
	Address   *netip.Addr
	UserAgent string
}

func (r loginRow) login() identity.Login {
	return identity.Login{
		ID: r.LoginID, At: r.At.UTC(), UserID: r.UserID, Outcome: identity.LoginOutcome(r.Outcome),
		Client: clientOf(r.Address, r.UserAgent),
	}
}

func clientOf(address *netip.Addr, agent string) identity.Client {
	client := identity.Client{Agent: agent}
	if address != nil {
		client.Address = *address
	}
	return client
}

// Both queries of a page read only as many of the newest entries as can be paged through.
const (
	countLogins = `SELECT count(*) FROM (SELECT FROM login_history WHERE user_id = $1 ORDER BY at DESC LIMIT $2) AS newest`
	listLogins  = `
		SELECT login_id, at, user_id, outcome, address, user_agent
		FROM login_history
		WHERE user_id = $1
		ORDER BY at DESC, login_id DESC
		LIMIT $2 OFFSET $3`
)

// Logins implements identity.LoginHistory.
func (h *History) Logins(ctx context.Context, userID string, page, size int) (identity.LoginPage, error) {
	var found identity.LoginPage
	batch := &pgx.Batch{}
	batch.Queue(countLogins, userID, identity.MaxLoginDepth).QueryRow(func(row pgx.Row) error { return row.Scan(&found.Total) })
	batch.Queue(listLogins, userID, size, (page-1)*size).Query(func(rows pgx.Rows) error {
		logins, err := pgx.CollectRows(rows, pgx.RowToStructByName[loginRow])
		for _, row := range logins {
			found.Logins = append(found.Logins, row.login())
		}
		return err
	})
	if err := h.pool.SendBatch(ctx, batch).Close(); err != nil {
		return identity.LoginPage{}, fault("list logins", err)
	}
	return found, nil
}
