package pg

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// strays are the rows in a table's default partition.
type strays struct {
	table, partition string      // quoted
	months           []time.Time // without a partition of their own
}

// strays finds the rows that came before their month had a partition. No
// partition can be made for a month that the default partition has rows of.
func (p Partitions) strays(ctx context.Context, tx pgx.Tx) (strays, error) {
	found := strays{table: pgx.Identifier{p.Table}.Sanitize()}
	var key string
	err := tx.QueryRow(ctx, `
		SELECT t.partdefid::regclass::text, quote_ident(a.attname)
		FROM pg_partitioned_table t
		JOIN pg_attribute a ON a.attrelid = t.partrelid AND a.attnum = t.partattrs[0]
		WHERE t.partrelid = $1::regclass AND t.partdefid <> 0`, found.table).Scan(&found.partition, &key)
	if errors.Is(err, pgx.ErrNoRows) {
		return found, errors.New("it is not partitioned or has no default partition")
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

// move puts the rows where they belong. It calls create for their partitions
// while the default partition is none.
func (s strays) move(ctx context.Context, tx pgx.Tx, create func() error) error {
	if _, err := tx.Exec(ctx, fmt.Sprintf("ALTER TABLE %s DETACH PARTITION %s", s.table, s.partition)); err != nil {
		return err
	}
	if err := create(); err != nil {
		return err
	}
	var columns string // generated ones are generated again
	err := tx.QueryRow(ctx, `
		SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)
		FROM pg_attribute
		WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''`, s.table).Scan(&columns)
	if err != nil {
		return err
	}
	for _, sql := range []string{
		fmt.Sprintf("WITH moved AS (DELETE FROM %s RETURNING %s) INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM moved",
			s.partition, columns, s.table, columns, columns),
		fmt.Sprintf("ALTER TABLE %s ATTACH PARTITION %s DEFAULT", s.table, s.partition),
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}
