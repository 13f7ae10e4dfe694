package pgtest

import (
	"bytes"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Content returns the content of all tables of pool's database, each value as text
// and as raw bytes. Tests search it for data that must not be stored in clear.
func Content(tb testing.TB, pool *pgxpool.Pool) []byte {
	tb.Helper()
	rows, err := pool.Query(tb.Context(), `
		SELECT table_name FROM information_schema.tables
		WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`)
	if err != nil {
		tb.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		tb.Fatal(err)
	}
	var content bytes.Buffer
	for _, table := range tables {
		name := pgx.Identifier{table}.Sanitize()
		rows, err := pool.Query(tb.Context(), "SELECT *, t::text FROM "+name+" t")
		if err != nil {
			tb.Fatal(err)
		}
		for rows.Next() {
			content.Write(bytes.Join(rows.RawValues(), []byte{'\t'}))
			content.WriteByte('\n')
		}
		if err := rows.Err(); err != nil {
			tb.Fatal(err)
		}
	}
	return content.Bytes()
}
