package pg

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// defaultPartition is a table's default partition and the months of its rows.
type defaultPartition struct {
	table, partition string // quoted
	months           []time.Time
}

// defaultPartition finds the months that have rows in the default partition.
// PostgreSQL cannot create a partition for such a month.
func (p Partitions) defaultPartition(ctx context.Context, tx pgx.Tx) (defaultPartition, error) {
	found := defaultPartition{table: pgx.Identifier{p.Table}.Sanitize()}
	var key string
	err := tx.QueryRow(ctx, `
		SELECT t.partdefid::regclass::text, quote_ident(a.attname)
		FROM pg_partitioned_table t
		JOIN pg_attribute a ON a.attrelid = t.partrelid AND a.attnum = t.partattrs[0]
		WHERE t.partrelid = $1::regclass AND t.partdefid <> 0`, found.table).Scan(&found.partition, &key)
	if errors.Is(err, pgx.ErrNoRows) {
		return found, errors.New("table is not partitioned or has no default partition")
	}
	if err != nil {
		return found, err
	}
	rows, err := tx.Query(ctx, fmt.Sprintf("SELECT DISTINCT date_trunc('month', %s AT TIME ZONE 'UTC') FROM %s", key, found.partition))
	if err != nil {
		return found, err
	}
	found.months, err = pgx.CollectRows(rows, pgx.RowTo[time.Time])
	return found, err
}

// move moves the rows to their partitions, which create creates while the default
// partition is detached.
func (d defaultPartition) move(ctx context.Context, tx pgx.Tx, create func() error) error {
	if _, err := tx.Exec(ctx, fmt.Sprintf("ALTER TABLE %s DETACH PARTITION %s", d.table, d.partition)); err != nil {
		return err
	}
	if err := create(); err != nil {
		return err
	}
	var columns string // without generated ones
	err := tx.QueryRow(ctx, `
		SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)
		FROM pg_attribute
		WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''`, d.table).Scan(&columns)
	if err != nil {
		return err
	}
	for _, sql := range []string{
		fmt.Sprintf("WITH moved AS (DELETE FROM %s RETURNING %s) INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM moved",
			d.partition, columns, d.table, columns, columns),
		fmt.Sprintf("ALTER TABLE %s ATTACH PARTITION %s DEFAULT", d.table, d.partition),
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}
