// Package sealedrows is what resealing needs of a table in PostgreSQL: which of
// its rows are to be sealed anew, and how they are replaced.
package sealedrows

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/internal/seal"
)

// Table is a table with one sealed column. Both statements name a row by the
// columns of its key, as text.
type Table struct {
	Pool *pgxpool.Pool
	// Label is the table's name.
	Label string
	// First is a key that comes before all others.
	First []string
	// Select returns rows in the order of their keys: the key as an array of
	// texts, xmin as text, the sealed column, and what is in clear or null. Its
	// parameters are $1, what needs not be sealed anew begins with; $2, how many
	// rows; $3 and so on, the key after which to begin.
	Select string
	// Update stores a sealed value and forgets the one in clear. Its parameters
	// are $1, the value; $2, the xmin that the row must have; $3 and so on, its
	// key.
	Update string
	// Place returns what the value of a row is sealed for.
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
	batch := &pgx.Batch{} // one transaction and one round trip
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
