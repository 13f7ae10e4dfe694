// Package sealedrows implements seal.Table for tables in PostgreSQL.
package sealedrows

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/internal/seal"
)

// Table is a table with one sealed column. Both statements identify a row by the
// columns of its key, as text.
type Table struct {
	Pool *pgxpool.Pool
	// Label is the table's name for reports.
	Label string
	// First is a key that sorts before all others.
	First []string
	// Select returns rows that must be resealed, ordered by key: the key as an array
	// of text, xmin as text, the sealed column, and the value in clear or null. Its
	// parameters are $1, the prefix of values that need not be resealed; $2, the
	// limit; $3 and so on, the key after which to begin.
	Select string
	// Update stores a sealed value and removes the one in clear. Its parameters are
	// $1, the value; $2, the xmin that the row must have; $3 and so on, the key.
	Update string
	// Place returns the place of the value of a row (see seal.Keyring.Seal).
	Place func(key []string) string
}

var _ seal.Table = Table{}

// Name implements seal.Table.
func (t Table) Name() string { return t.Label }

// Outdated implements seal.Table.
func (t Table) Outdated(ctx context.Context, primary []byte, after []string, limit int) ([]seal.Row, error) {
	if after == nil {
		after = t.First
	}
	rows, err := t.Pool.Query(ctx, t.Select, append([]any{primary, limit}, values(after)...)...)
	if err != nil {
		return nil, fmt.Errorf("find outdated rows: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (seal.Row, error) {
		var r seal.Row
		err := row.Scan(&r.Key, &r.Version, &r.Sealed, &r.Clear)
		r.Place = t.Place(r.Key)
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("find outdated rows: %w", err)
	}
	return found, nil
}

// Replace implements seal.Table.
func (t Table) Replace(ctx context.Context, rows []seal.Row, sealed [][]byte) error {
	batch := &pgx.Batch{} // one transaction, one round trip
	for i, row := range rows {
		batch.Queue(t.Update, append([]any{sealed[i], row.Version}, values(row.Key)...)...)
	}
	if err := t.Pool.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("replace rows: %w", err)
	}
	return nil
}

func values(texts []string) []any {
	all := make([]any, len(texts))
	for i, text := range texts {
		all[i] = text
	}
	return all
}
