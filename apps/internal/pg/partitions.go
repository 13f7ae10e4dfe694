package pg

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Partitions keeps a table that is partitioned by month, by range on a
// timestamptz, supplied with partitions and free of what is too old. The
// table's months are those of UTC. A default partition must exist: it takes
// rows that come before their month has a partition, should upkeep have failed
// that long. The next upkeep moves them to where they belong.
type Partitions struct {
	Table string // unquoted, trusted
	Keep  int    // months kept besides the current one
	// Seal, if any, is the trigger function that refuses TRUNCATE. Partitions do
	// not inherit triggers of that kind: each gets one, called like it.
	Seal string // unquoted, trusted
}

// ahead is how many months beyond the current one get a partition in advance.
const ahead = 2

// lockTimeout bounds the wait for a lock: whoever wants to use the table
// meanwhile waits too. Upkeep can do its work another time.
const lockTimeout = "1s"

// Maintain creates the missing partitions around now and drops those that are
// wholly older than the months kept. It may run on every replica at once. It
// returns an error, having changed nothing, if the table is in use for longer
// than a second.
func (p Partitions) Maintain(ctx context.Context, pool *pgxpool.Pool, now time.Time) error {
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '"+lockTimeout+"'"); err != nil {
			return err
		}
		// One upkeep at a time: concurrent DDL on one table deadlocks.
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtext($1))", "partitions "+p.Table); err != nil {
			return err
		}
		if err := p.supply(ctx, tx, now); err != nil {
			return err
		}
		return p.drop(ctx, tx, now)
	})
	if err != nil {
		return fmt.Errorf("partitions of %s: %w", p.Table, err)
	}
	return nil
}

// supply creates the partitions from last month, for rows that come late over
// midnight, to those in advance, and those of rows that have none.
func (p Partitions) supply(ctx context.Context, tx pgx.Tx, now time.Time) error {
	var months []time.Time
	for i := -1; i <= ahead; i++ {
		months = append(months, month(now, i))
	}
	strays, err := p.strays(ctx, tx)
	if err != nil {
		return err
	}
	if len(strays.months) == 0 {
		return p.create(ctx, tx, months)
	}
	return strays.move(ctx, tx, func() error { return p.create(ctx, tx, append(months, strays.months...)) })
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

// seal gives their trigger to the partitions that have none yet.
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
	open, err := pgx.CollectRows(rows, pgx.RowTo[string]) // quoted by the server
	if err != nil {
		return err
	}
	name := pgx.Identifier{p.Seal}.Sanitize()
	for _, partition := range open {
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

// month returns the start of the month that lies n months after t's.
func month(t time.Time, n int) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month()+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
}

// upkeepInterval is far below the month that a missed upkeep may take.
const upkeepInterval = 6 * time.Hour

// upkeepRetry is how soon a failed upkeep is tried again.
const upkeepRetry = time.Minute

// Upkeep maintains tables at once and then regularly, until ctx ends. Failures
// are logged and tried again.
func Upkeep(ctx context.Context, pool *pgxpool.Pool, log *slog.Logger, now func() time.Time, tables ...Partitions) {
	for {
		next := upkeepInterval
		for _, table := range tables {
			if err := table.Maintain(ctx, pool, now()); err != nil && ctx.Err() == nil {
				log.ErrorContext(ctx, "partition upkeep failed", "error", err)
				next = upkeepRetry
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(next):
		}
	}
}
