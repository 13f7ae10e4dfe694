package pg

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Partitions creates and drops the partitions of a table that is partitioned by
// month in UTC, by range of a timestamptz. The table must have a default partition,
// which takes rows whose month has no partition because maintenance has failed for
// long. The next maintenance moves them.
type Partitions struct {
	Table string // unquoted, trusted
	Keep  int    // months kept besides the current one
	// Seal is the trigger function that rejects TRUNCATE, or empty. Partitions do
	// not inherit such triggers, so each gets its own, with the name of the function.
	Seal string // unquoted, trusted
}

// ahead is the number of months after the current one that have partitions.
const ahead = 2

// lockTimeout is how long Maintain waits for a lock, since other statements queue
// behind it. It can be retried later.
const lockTimeout = "1s"

// Maintain creates the partitions around now and drops those older than the months
// kept. Replicas may call it concurrently. If the table is locked for longer than
// lockTimeout, it changes nothing and returns an error.
func (p Partitions) Maintain(ctx context.Context, pool *pgxpool.Pool, now time.Time) error {
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '"+lockTimeout+"'"); err != nil {
			return err
		}
		// Serialize replicas: concurrent DDL on one table deadlocks.
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtext($1))", "partitions "+p.Table); err != nil {
			return err
		}
		if err := p.createAll(ctx, tx, now); err != nil {
			return err
		}
		return p.drop(ctx, tx, now)
	})
	if err != nil {
		return fmt.Errorf("maintain partitions of %s: %w", p.Table, err)
	}
	return nil
}

// createAll creates the partitions from the previous month, for rows written late,
// to ahead months after the current one, and those of rows in the default partition.
func (p Partitions) createAll(ctx context.Context, tx pgx.Tx, now time.Time) error {
	var months []time.Time
	for i := -1; i <= ahead; i++ {
		months = append(months, month(now, i))
	}
	rest, err := p.defaultPartition(ctx, tx)
	if err != nil {
		return err
	}
	if len(rest.months) == 0 {
		return p.create(ctx, tx, months)
	}
	return rest.move(ctx, tx, func() error { return p.create(ctx, tx, append(months, rest.months...)) })
}

func (p Partitions) create(ctx context.Context, tx pgx.Tx, months []time.Time) error {
	for _, from := range months {
		_, err := tx.Exec(ctx, fmt.Sprintf(
			"CREATE TABLE IF NOT EXISTS %s PARTITION OF %s FOR VALUES FROM ('%s') TO ('%s')",
			pgx.Identifier{p.name(from)}.Sanitize(), pgx.Identifier{p.Table}.Sanitize(),
			from.Format(time.RFC3339), month(from, 1).Format(time.RFC3339)))
		if err != nil {
			return err
		}
	}
	return p.seal(ctx, tx)
}

// seal creates the trigger Seal on the partitions that lack it.
func (p Partitions) seal(ctx context.Context, tx pgx.Tx) error {
	if p.Seal == "" {
		return nil
	}
	rows, err := tx.Query(ctx, `
		SELECT i.inhrelid::regclass::text
		FROM pg_inherits i
		WHERE i.inhparent = $1::regclass
		  AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = i.inhrelid AND t.tgname = $2)`, p.Table, p.Seal)
	if err != nil {
		return err
	}
	unsealed, err := pgx.CollectRows(rows, pgx.RowTo[string]) // quoted by the server
	if err != nil {
		return err
	}
	name := pgx.Identifier{p.Seal}.Sanitize()
	for _, partition := range unsealed {
		_, err := tx.Exec(ctx, fmt.Sprintf(
			"CREATE TRIGGER %s BEFORE TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION %s()", name, partition, name))
		if err != nil {
			return err
		}
	}
	return nil
}

func (p Partitions) drop(ctx context.Context, tx pgx.Tx, now time.Time) error {
	rows, err := tx.Query(ctx, `
		SELECT c.relname
		FROM pg_inherits i
		JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = $1::regclass AND c.relname ~ '_[0-9]{6}$' AND c.relname < $2
		ORDER BY c.relname`, p.Table, p.name(month(now, -p.Keep)))
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, err := tx.Exec(ctx, "DROP TABLE "+pgx.Identifier{name}.Sanitize()); err != nil {
			return err
		}
	}
	return nil
}

func (p Partitions) name(from time.Time) string { return p.Table + "_" + from.Format("200601") }

// month returns the start of the month n months after t's month, in UTC.
func month(t time.Time, n int) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month()+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
}

// maintenanceInterval is the time between calls of Maintain, far below a month.
const maintenanceInterval = 6 * time.Hour

// maintenanceRetry is the time to the next attempt if Maintain fails.
const maintenanceRetry = time.Minute

// firstAnswerInterval is the time between attempts to reach the database after the start.
const firstAnswerInterval = time.Second

// RunMaintenance calls Maintain for tables as soon as the database answers and then every
// maintenanceInterval, until ctx ends. It logs failures and retries. It logs nothing before the first
// answer, which a service waits for at each start and readiness reports.
func RunMaintenance(ctx context.Context, pool *pgxpool.Pool, log *slog.Logger, now func() time.Time, tables ...Partitions) {
	for ctx.Err() == nil && pool.Ping(ctx) != nil {
		pause(ctx, firstAnswerInterval)
	}
	for ctx.Err() == nil {
		next := maintenanceInterval
		for _, table := range tables {
			if err := table.Maintain(ctx, pool, now()); err != nil && ctx.Err() == nil {
				log.ErrorContext(ctx, "partition maintenance failed", "error", err)
				next = maintenanceRetry
			}
		}
		pause(ctx, next)
	}
}

// pause returns after d or when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
